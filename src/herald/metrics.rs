//! Metrics as a file of Prometheus' text format, for the node exporter's textfile collector.
//!
//! The whole file is written anew after each command, and each minute by one that never ends, beside its place, and renamed. What it said of other
//! commands stays: a sweep hides no night that failed. So does what it said of the ledger, where a command
//! could not ask that. Its labels are words of levy's own, so their number is bounded and nothing in them
//! needs an escape: that is why no library writes it. Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Ending;
use crate::clock::WallMs;
use crate::ledger::Sum;
use crate::order::Status;
use crate::worker::limits::WINDOW_MS;
use crate::worker::traffic::Traffic;

/// The node exporter runs as somebody else, whatever the umask.
const MODE: u32 = 0o644;
/// A file of metrics that is larger is none of ours.
const BYTES_MAX: u64 = 1024 * 1024;
/// So often it is tried to have the file alone, and so far apart.
const LOCK_TRIES_MAX: u32 = 100;
const LOCK_TRIES_APART: Duration = Duration::from_millis(10);
const LAST_SUCCESS: &str = "levy_last_success_timestamp_seconds";

/// Ends of the names under which a histogram's lines stand.
const PARTS: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Writes the metrics of a command into a file, with what is to be kept of the file that was there.
///
/// A file that is there and holds no metrics of levy's is left alone: it may be the ledger.
pub fn write(path: &Path, ending: &Ending) -> io::Result<()> {
    if !may_be_replaced(path)? {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "is no file of levy's metrics, and is left alone; name another",
        ));
    }
    let _alone = alone(path);
    let before = Before::read(path);
    let aside = aside(path)?;
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&aside)?;
    let written = file
        .set_permissions(Permissions::from_mode(MODE))
        .and_then(|()| file.write_all(text(ending, before).as_bytes()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
}

/// The file, locked for as long as this lives, so that of two commands that end at one moment neither keeps
/// what the other has just replaced. Where it can't be had soon, it is written all the same: nobody waits
/// for metrics.
fn alone(path: &Path) -> Option<File> {
    for _ in 0..LOCK_TRIES_MAX {
        // An empty one stands where there is none yet.
        let mut open = OpenOptions::new();
        let file = match open.read(true).open(path) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                open.write(true).create(true).mode(MODE).open(path)
            }
            opened => opened,
        };
        let file = file.ok()?;
        match file.try_lock() {
            Ok(()) if is_at(&file, path) => return Some(file),
            // Replaced since it was opened.
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_TRIES_APART),
            // A file system without locks.
            Err(TryLockError::Error(_)) => return None,
        }
    }
    None
}

fn is_at(file: &File, path: &Path) -> bool {
    let place = |meta: fs::Metadata| (meta.dev(), meta.ino());
    match (file.metadata(), fs::metadata(path)) {
        (Ok(file), Ok(there)) => place(file) == place(there),
        (Err(_), _) | (_, Err(_)) => false,
    }
}

/// There is nothing, or what this wrote.
fn may_be_replaced(path: &Path) -> io::Result<bool> {
    let file = match fs::File::open(path) {
        Ok(file) => file,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(e) => return Err(e),
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut begin = Vec::new();
    file.take(16).read_to_end(&mut begin)?;
    Ok(begin.is_empty() || begin.starts_with(b"# HELP levy_") || begin.starts_with(b"levy_last_"))
}

/// The exporter reads `*.prom`: a file that is not whole yet must be called something else.
fn aside(path: &Path) -> io::Result<PathBuf> {
    let Some(name) = path.file_name() else {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "is no name of a file",
        ));
    };
    let mut aside = std::ffi::OsString::from(".");
    aside.push(name);
    aside.push(format!(".{}.tmp", std::process::id()));
    Ok(path.with_file_name(aside))
}

fn seconds(at: WallMs) -> f64 {
    at.0 as f64 / 1000.0
}

/// The text of a command's metrics.
pub fn text(ending: &Ending, before: Before) -> String {
    let mut page = Page {
        command: ending.command,
        before,
        text: String::new(),
    };
    let version = format!("version=\"{}\"", env!("CARGO_PKG_VERSION"));
    page.last(
        "levy_last_run_info",
        "The commands that ran, and by which version.",
        [(version, 1.0)],
    );
    page.last_one(
        "levy_last_run_timestamp_seconds",
        "When a command that drives orders was last done, or, while it goes on, last said so.",
        seconds(ending.finished_at),
    );
    let success = ending.is_success().then(|| seconds(ending.finished_at));
    page.family(
        LAST_SUCCESS,
        "When it last ended with exit 0 or 3: nothing was left to run again.",
        match success {
            Some(_) => Keep::Others,
            None => Keep::All,
        },
        success.map(|at| (page.labels(""), at)),
    );
    let took = ending.finished_at.0.saturating_sub(ending.started_at.0);
    page.last_one(
        "levy_last_run_duration_seconds",
        "How long it took.",
        took as f64 / 1000.0,
    );
    page.last_one(
        "levy_last_run_going",
        "1 while it goes on and says so each minute, as `levy work --forever` does.",
        f64::from(u8::from(ending.is_going)),
    );
    let exit = (!ending.is_going).then(|| (String::new(), f64::from(ending.exit_code)));
    page.last(
        "levy_last_run_exit_code",
        "0 all done, 1 levy failed, 2 refused, 3 a person is needed, 4 run again, 75 busy.",
        exit,
    );
    run(&mut page, ending);
    traffic(&mut page, &ending.traffic);
    ledger(&mut page, ending);
    page.text
}

fn run(page: &mut Page, ending: &Ending) {
    let sum = |status: Status| {
        let of = ending.files.iter().flat_map(|file| &file.by_status);
        let of = of.filter(|(it, _, _)| *it == status);
        of.fold((0, 0), |(rows, fen), more| (rows + more.1, fen + more.2))
    };
    page.last(
        "levy_last_run_rows",
        "Rows of the files that it was about, by status.",
        by_status(|status| sum(status).0 as f64),
    );
    page.last(
        "levy_last_run_amount_fen",
        "What these rows ask for, in fen, by status.",
        by_status(|status| sum(status).1 as f64),
    );
    let alerts: usize = ending.files.iter().map(|file| file.alerts.len()).sum();
    page.last_one(
        "levy_last_run_alerts",
        "What it told a person to look at.",
        alerts as f64,
    );
    page.last_one(
        "levy_last_run_notify_failures",
        "Messages and pings that nobody took.",
        ending.notify_failures as f64,
    );
}

fn traffic(page: &mut Page, traffic: &Traffic) {
    page.last_one(
        "levy_last_run_throttled_replies",
        "Replies that said: too fast.",
        traffic.throttled as f64,
    );
    page.last_one(
        "levy_last_run_throttled_seconds",
        "For how long such replies stopped merchants, summed over merchants.",
        traffic.throttled_for.as_secs_f64(),
    );
    page.last_one(
        "levy_last_run_lost_replies",
        "Requests to which no whole reply came.",
        traffic.lost as f64,
    );
    page.last_one(
        "levy_last_run_ill_signed_replies",
        "Replies whose signature did not hold: they settled nothing.",
        traffic.ill_signed as f64,
    );
    let latencies = &traffic.latencies;
    let count = latencies.count() as f64;
    let within = latencies.within();
    let bound = |bound: &str| format!("_bucket{}", page.labels(&format!("le=\"{bound}\"")));
    let samples: Vec<(String, f64)> = within
        .map(|(most, count)| (bound(&most.to_string()), count as f64))
        .chain([
            (bound("+Inf"), count),
            (
                format!("_sum{}", page.labels("")),
                latencies.sum().as_secs_f64(),
            ),
            (format!("_count{}", page.labels("")), count),
        ])
        .collect();
    page.typed(
        "levy_last_run_request_duration_seconds",
        "From sealing a request to the last byte of its reply.",
        "histogram",
        Keep::Others,
        samples,
    );
}

fn ledger(page: &mut Page, ending: &Ending) {
    page.family(
        "levy_gateway_clock_skew_seconds",
        "The gateway's clock minus this machine's, by the last signed reply.",
        match ending.clock_skew_ms {
            Some(_) => Keep::Nothing,
            None => Keep::All,
        },
        ending
            .clock_skew_ms
            .map(|skew| (String::new(), skew as f64 / 1000.0)),
    );
    let overview = ending.ledger.as_ref();
    let keep = match overview {
        Some(_) => Keep::Nothing,
        None => Keep::All,
    };
    let statuses = |of: fn(Sum) -> f64| {
        let by = overview.map(|overview| by_status(move |s| of(overview.by_status.of(s))));
        by.into_iter()
            .flatten()
            .map(|(label, value)| (format!("{{{label}}}"), value))
    };
    page.family(
        "levy_orders",
        "Orders of the ledger by status, each deduction's newest.",
        keep,
        statuses(|sum| sum.orders as f64),
    );
    page.family(
        "levy_orders_amount_fen",
        "Their amounts in fen.",
        keep,
        statuses(|sum| sum.fen as f64),
    );
    let plain = |value: f64| (String::new(), value);
    let oldest = overview.and_then(|overview| overview.oldest_unknown.as_ref());
    page.family(
        "levy_oldest_unknown_first_sent_timestamp_seconds",
        "When the oldest order whose outcome is unknown was sent first.",
        keep,
        oldest.map(|oldest| plain(seconds(oldest.first_sent_at))),
    );
    page.family(
        "levy_windows_closing_orders",
        "Open orders near the end of the time in which their number may be submitted, or past it.",
        keep,
        overview.map(|overview| plain(overview.closing as f64)),
    );
    let first = overview.and_then(|overview| overview.oldest_open_at);
    page.family(
        "levy_next_window_end_timestamp_seconds",
        "Until when the open order that was sent first may be submitted under its number.",
        keep,
        first.map(|first| plain(seconds(first.plus_ms(WINDOW_MS)))),
    );
    page.family(
        "levy_ledger_frozen",
        "1 while a person has stopped all sending.",
        keep,
        overview.map(|overview| plain(f64::from(u8::from(overview.frozen.is_some())))),
    );
}

fn by_status(value: impl Fn(Status) -> f64) -> impl Iterator<Item = (String, f64)> {
    let all = Status::ALL.iter();
    all.map(move |&status| (format!("status=\"{status}\""), value(status)))
}

/// What the file said that was there: its lines but for the comments.
#[derive(Debug, Default)]
pub struct Before {
    lines: Vec<String>,
}

impl Before {
    /// Nothing where there is no such file, and of what is no file of ours.
    fn read(path: &Path) -> Self {
        let sound = fs::metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() <= BYTES_MAX);
        let text = sound.then(|| fs::read_to_string(path).ok()).flatten();
        let lines = text.iter().flat_map(|text| text.lines()).filter(|line| {
            let value = line.rsplit(' ').next().unwrap_or_default();
            let value: Result<f64, _> = value.parse();
            !line.starts_with('#') && value.is_ok_and(f64::is_finite)
        });
        Self {
            lines: lines.map(str::to_owned).collect(),
        }
    }

    /// The lines of a family, each with its labels.
    fn family(&self, name: &str) -> impl Iterator<Item = (&str, &str)> {
        self.lines.iter().filter_map(move |line| {
            let rest = line.strip_prefix(name)?;
            let part = PARTS.iter().find_map(|part| rest.strip_prefix(part));
            let labels = part.unwrap_or(rest);
            (labels.starts_with([' ', '{'])).then_some((line.as_str(), labels))
        })
    }
}

/// What is kept of the file that was there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// Newer things are known.
    Nothing,
    /// What is about other commands.
    Others,
    /// Nothing newer is known.
    All,
}

/// A page of metrics in the making.
struct Page {
    command: &'static str,
    before: Before,
    text: String,
}

impl Page {
    /// The labels of a line about this command, with more of them.
    fn labels(&self, more: &str) -> String {
        let comma = if more.is_empty() { "" } else { "," };
        format!("{{command=\"{}\"{comma}{more}}}", self.command)
    }

    /// A family about commands, each line with labels besides that.
    fn last(&mut self, name: &str, help: &str, lines: impl IntoIterator<Item = (String, f64)>) {
        let lines: Vec<_> = lines
            .into_iter()
            .map(|(more, value)| (self.labels(&more), value))
            .collect();
        self.family(name, help, Keep::Others, lines);
    }

    fn last_one(&mut self, name: &str, help: &str, value: f64) {
        self.last(name, help, [(String::new(), value)]);
    }

    fn family(
        &mut self,
        name: &str,
        help: &str,
        keep: Keep,
        lines: impl IntoIterator<Item = (String, f64)>,
    ) {
        self.typed(name, help, "gauge", keep, lines);
    }

    /// A family: its lines, each the end of its name with its labels, and what is kept. None if it would be
    /// empty.
    fn typed(
        &mut self,
        name: &str,
        help: &str,
        kind: &str,
        keep: Keep,
        lines: impl IntoIterator<Item = (String, f64)>,
    ) {
        let own = format!("{{command=\"{}\"", self.command);
        let kept = self.before.family(name).filter(|(_, labels)| match keep {
            Keep::Nothing => false,
            Keep::Others => labels.starts_with("{command=") && !labels.starts_with(&own),
            Keep::All => true,
        });
        let mut text = String::new();
        for (labels, value) in lines {
            let _ = writeln!(text, "{name}{labels} {value}");
        }
        for (line, _) in kept {
            let _ = writeln!(text, "{line}");
        }
        if !text.is_empty() {
            let _ = write!(
                self.text,
                "# HELP {name} {help}\n# TYPE {name} {kind}\n{text}"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::FileEnd;
    use super::*;
    use crate::ledger::Overview;

    fn ending(exit_code: u8, finished_at: i64) -> Ending {
        let mut traffic = Traffic::default();
        traffic.latencies.add(Duration::from_millis(30));
        traffic.latencies.add(Duration::from_secs(11));
        traffic.throttled = 2;
        traffic.ill_signed = 5;
        traffic.throttled_for = Duration::from_millis(1_500);
        let file = |rows, fen| FileEnd {
            by_status: vec![(Status::Success, rows, fen), (Status::Unknown, 1, 5)],
            alerts: vec!["look".into()],
            ..FileEnd::default()
        };
        Ending {
            finished_at: WallMs(finished_at),
            exit_code,
            files: vec![file(3, 300), file(4, 10_u128.pow(15))],
            ledger: Some(Overview {
                oldest_open_at: Some(WallMs(1_000)),
                ..Overview::default()
            }),
            traffic,
            clock_skew_ms: Some(-1_250),
            ..Ending::begin("run", String::new(), WallMs(finished_at - 2_500))
        }
    }

    #[test]
    fn every_figure_is_there_with_its_help_and_type() {
        let before = Before {
            lines: vec![
                "levy_last_success_timestamp_seconds{command=\"run\"} 1.5".into(),
                "levy_last_run_exit_code{command=\"sweep\"} 1".into(),
                "levy_last_run_exit_code{command=\"run\"} 75".into(),
                "levy_last_run_exit_code 7".into(),
                "levy_ledger_frozen 1".into(),
            ],
        };
        let text = text(&ending(4, 1_790_000_000_000), before);
        for line in [
            "levy_last_run_info{command=\"run\",version=\"0.0.1\"} 1",
            "levy_last_run_timestamp_seconds{command=\"run\"} 1790000000",
            "levy_last_success_timestamp_seconds{command=\"run\"} 1.5",
            "levy_last_run_duration_seconds{command=\"run\"} 2.5",
            "levy_last_run_exit_code{command=\"run\"} 4",
            "levy_last_run_rows{command=\"run\",status=\"SUCCESS\"} 7",
            "levy_last_run_rows{command=\"run\",status=\"UNKNOWN\"} 2",
            "levy_last_run_rows{command=\"run\",status=\"HELD\"} 0",
            "levy_last_run_amount_fen{command=\"run\",status=\"SUCCESS\"} 1000000000000300",
            "levy_last_run_alerts{command=\"run\"} 2",
            "levy_last_run_notify_failures{command=\"run\"} 0",
            "levy_last_run_throttled_replies{command=\"run\"} 2",
            "levy_last_run_throttled_seconds{command=\"run\"} 1.5",
            "levy_last_run_request_duration_seconds_bucket{command=\"run\",le=\"0.025\"} 0",
            "levy_last_run_request_duration_seconds_bucket{command=\"run\",le=\"0.05\"} 1",
            "levy_last_run_request_duration_seconds_bucket{command=\"run\",le=\"10\"} 1",
            "levy_last_run_request_duration_seconds_bucket{command=\"run\",le=\"+Inf\"} 2",
            "levy_last_run_request_duration_seconds_sum{command=\"run\"} 11.03",
            "levy_last_run_request_duration_seconds_count{command=\"run\"} 2",
            "levy_last_run_ill_signed_replies{command=\"run\"} 5",
            "levy_next_window_end_timestamp_seconds 2505601",
            "levy_gateway_clock_skew_seconds -1.25",
            "levy_orders{status=\"PENDING\"} 0",
            "levy_windows_closing_orders 0",
            "levy_ledger_frozen 0",
            "levy_last_run_exit_code{command=\"sweep\"} 1",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
        let codes = text.matches("\nlevy_last_run_exit_code").count();
        assert_eq!(codes, 2, "each command's once: {text}");
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let name = line.split(['{', ' ']).next().unwrap();
            let family = ["_bucket", "_sum", "_count"]
                .iter()
                .find_map(|end| name.strip_suffix(end))
                .unwrap_or(name);
            for head in ["HELP", "TYPE"] {
                assert!(text.contains(&format!("# {head} {family} ")), "{line}");
            }
        }
    }

    #[test]
    fn the_last_success_outlives_what_fails_after_it() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("levy.prom");
        let success = || {
            let text = fs::read_to_string(&path).unwrap();
            let own = format!("{LAST_SUCCESS}{{command=\"run\"}} ");
            let line = text.lines().find_map(|line| line.strip_prefix(&own));
            line.map(str::to_owned)
        };
        write(&path, &ending(4, 5_000)).unwrap();
        assert_eq!(success(), None);
        write(&path, &ending(3, 6_000)).unwrap();
        assert_eq!(success().as_deref(), Some("6"));
        for failed in [1, 2, 4, 75] {
            write(&path, &ending(failed, 9_000)).unwrap();
            assert_eq!(success().as_deref(), Some("6"), "exit {failed}");
        }
        write(&path, &ending(0, 9_500)).unwrap();
        assert_eq!(success().as_deref(), Some("9.5"));
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, MODE);
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside it");
        // Another command changes nothing of it, and tells of itself.
        let sweep = Ending {
            command: "sweep",
            ledger: None,
            ..ending(1, 9_700)
        };
        write(&path, &sweep).unwrap();
        assert_eq!(success().as_deref(), Some("9.5"));
        let text = fs::read_to_string(&path).unwrap();
        for line in [
            "levy_last_run_exit_code{command=\"run\"} 0",
            "levy_last_run_exit_code{command=\"sweep\"} 1",
            "levy_ledger_frozen 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
        // What is no file of ours is no reason to fail.
        fs::write(&path, "levy_last_success_timestamp_seconds soon\n").unwrap();
        write(&path, &ending(4, 9_900)).unwrap();
        assert_eq!(success(), None);
        assert!(write(Path::new("/nowhere/at/all.prom"), &ending(0, 1)).is_err());
    }

    #[test]
    fn commands_that_end_at_one_moment_all_stand_in_the_file() {
        const COMMANDS: [&str; 6] = ["run", "sweep", "resume", "rerun", "work", "reconcile"];
        const ROUNDS: i64 = 20;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("levy.prom");
        for round in 1..=ROUNDS {
            let all = std::sync::Barrier::new(COMMANDS.len());
            std::thread::scope(|scope| {
                for command in COMMANDS {
                    let ended = Ending {
                        command,
                        ..ending(0, round * 1_000)
                    };
                    let (all, path) = (&all, &path);
                    scope.spawn(move || {
                        all.wait();
                        write(path, &ended).unwrap();
                    });
                }
            });
            let text = fs::read_to_string(&path).unwrap();
            for command in COMMANDS {
                let line = format!("{LAST_SUCCESS}{{command=\"{command}\"}} {round}");
                assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
            }
        }
        let left = fs::read_dir(directory.path()).unwrap().count();
        assert_eq!(left, 1, "nothing is left beside it");
        // One that stands still with the file in hand holds up nobody for long.
        let _held = alone(&path).unwrap();
        write(&path, &ending(4, 99_000)).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("levy_last_run_timestamp_seconds{command=\"run\"} 99\n"));
    }

    #[test]
    fn what_goes_on_has_no_end_yet_and_hides_no_other_commands() {
        let lines = |text: &str| -> Vec<String> {
            let told = text.lines().filter(|line| !line.starts_with('#'));
            told.map(str::to_owned).collect()
        };
        let work = |is_going, exit_code, at| Ending {
            command: "work",
            is_going,
            ..ending(exit_code, at)
        };
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("levy.prom");
        let written = |ending: &Ending| {
            write(&path, ending).unwrap();
            lines(&fs::read_to_string(&path).unwrap())
        };
        written(&ending(4, 5_000));
        // One that failed, and was begun again.
        let failed = written(&work(false, 1, 6_000));
        assert!(failed.contains(&"levy_last_run_exit_code{command=\"work\"} 1".into()));
        assert!(failed.contains(&"levy_last_run_going{command=\"work\"} 0".into()));
        let going = written(&work(true, 0, 9_000));
        for line in [
            "levy_last_run_going{command=\"work\"} 1",
            "levy_last_run_timestamp_seconds{command=\"work\"} 9",
            "levy_last_run_exit_code{command=\"run\"} 4",
            "levy_last_run_going{command=\"run\"} 0",
            "levy_last_run_lost_replies{command=\"work\"} 0",
        ] {
            assert!(going.contains(&line.into()), "{line} in\n{going:#?}");
        }
        let of_work = |line: &&String| line.contains("command=\"work\"");
        let ends = ["levy_last_run_exit_code", LAST_SUCCESS];
        let told = going.iter().filter(of_work);
        let told = told.filter(|line| ends.iter().any(|end| line.starts_with(end)));
        assert_eq!(told.count(), 0, "it has not ended: {going:#?}");
        let ended = written(&work(false, 0, 9_500));
        assert!(ended.contains(&"levy_last_run_going{command=\"work\"} 0".into()));
        assert!(ended.contains(&format!("{LAST_SUCCESS}{{command=\"work\"}} 9.5")));
    }

    #[test]
    fn l1_a_ledger_that_is_named_by_mistake_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("levy.db");
        for held in ["SQLite format 3\0", "mchid,bal_account_no\n"] {
            fs::write(&path, held).unwrap();
            let refused = write(&path, &ending(0, 1)).unwrap_err().to_string();
            assert!(refused.contains("left alone"), "{refused}");
            assert_eq!(fs::read_to_string(&path).unwrap(), held);
        }
        assert!(write(directory.path(), &ending(0, 1)).is_err());
    }
}
