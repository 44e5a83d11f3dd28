//! Metrics as a file of Prometheus' text format, for the node exporter's textfile collector.
//!
//! The whole file is written anew after each command, beside its place, and renamed. Its labels are
//! words of levy's own, so their number is bounded and nothing in them needs an escape: that is why no
//! library writes it. Format: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::Ending;
use crate::clock::WallMs;
use crate::order::Status;
use crate::worker::traffic::Traffic;

/// The node exporter runs as somebody else, whatever the umask.
const MODE: u32 = 0o644;
/// A file of metrics that is larger is none of ours.
const BYTES_MAX: u64 = 1024 * 1024;
const LAST_SUCCESS: &str = "levy_last_success_timestamp_seconds";

/// Writes the metrics of a command into a file. The time of the last success is taken over from the
/// file that was there, if this command was none.
pub fn write(path: &Path, ending: &Ending) -> io::Result<()> {
    let success = match ending.is_success() {
        true => Some(seconds(ending.finished_at)),
        false => last_success(path),
    };
    let aside = aside(path)?;
    let _ = fs::remove_file(&aside);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&aside)?;
    let written = file
        .set_permissions(Permissions::from_mode(MODE))
        .and_then(|()| file.write_all(text(ending, success).as_bytes()))
        .and_then(|()| fs::rename(&aside, path));
    if written.is_err() {
        let _ = fs::remove_file(&aside);
    }
    written
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

fn last_success(path: &Path) -> Option<f64> {
    let meta = fs::metadata(path).ok()?;
    if !meta.is_file() || meta.len() > BYTES_MAX {
        return None;
    }
    let text = fs::read_to_string(path).ok()?;
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(LAST_SUCCESS))?;
    value.trim().parse().ok().filter(|s: &f64| s.is_finite())
}

fn seconds(at: WallMs) -> f64 {
    at.0 as f64 / 1000.0
}

/// The text. `success` is when a command last ended well, in seconds since 1970.
pub fn text(ending: &Ending, success: Option<f64>) -> String {
    let mut page = Page::default();
    page.head("levy_last_run_info", "What ran last, and by which version.");
    page.line(
        &format!(
            "{{command=\"{}\",version=\"{}\"}}",
            ending.command,
            env!("CARGO_PKG_VERSION")
        ),
        1.0,
    );
    page.one(
        "levy_last_run_timestamp_seconds",
        "When the last command that drives orders was done.",
        seconds(ending.finished_at),
    );
    if let Some(success) = success {
        page.one(
            LAST_SUCCESS,
            "When such a command last ended with exit 0 or 3: nothing was left to run again.",
            success,
        );
    }
    let took = ending.finished_at.0.saturating_sub(ending.started_at.0);
    page.one(
        "levy_last_run_duration_seconds",
        "How long it took.",
        took as f64 / 1000.0,
    );
    page.one(
        "levy_last_run_exit_code",
        "0 all done, 1 levy failed, 2 refused, 3 a person is needed, 4 run again, 75 busy.",
        f64::from(ending.exit_code),
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
    page.head(
        "levy_last_run_rows",
        "Rows of the files that it was about, by status.",
    );
    for &status in Status::ALL {
        page.labelled("status", status.as_str(), sum(status).0 as f64);
    }
    page.head(
        "levy_last_run_amount_fen",
        "What these rows ask for, in fen, by status.",
    );
    for &status in Status::ALL {
        page.labelled("status", status.as_str(), sum(status).1 as f64);
    }
    let alerts: usize = ending.files.iter().map(|file| file.alerts.len()).sum();
    page.one(
        "levy_last_run_alerts",
        "What it told a person to look at.",
        alerts as f64,
    );
    page.one(
        "levy_last_run_notify_failures",
        "Messages and pings that nobody took.",
        ending.notify_failures as f64,
    );
}

fn traffic(page: &mut Page, traffic: &Traffic) {
    page.one(
        "levy_last_run_throttled_replies",
        "Replies that said: too fast.",
        traffic.throttled as f64,
    );
    page.one(
        "levy_last_run_throttled_seconds",
        "For how long such replies stopped merchants, summed over merchants.",
        traffic.throttled_for.as_secs_f64(),
    );
    page.one(
        "levy_last_run_lost_replies",
        "Requests to which no whole reply came.",
        traffic.lost as f64,
    );
    let name = "levy_last_run_request_duration_seconds";
    page.typed(
        name,
        "From sealing a request to the last byte of its reply.",
        "histogram",
    );
    let latencies = &traffic.latencies;
    for (bound, count) in latencies.within() {
        let _ = writeln!(page.text, "{name}_bucket{{le=\"{bound}\"}} {count}");
    }
    let count = latencies.count();
    let _ = writeln!(page.text, "{name}_bucket{{le=\"+Inf\"}} {count}");
    let _ = writeln!(page.text, "{name}_sum {}", latencies.sum().as_secs_f64());
    let _ = writeln!(page.text, "{name}_count {count}");
}

fn ledger(page: &mut Page, ending: &Ending) {
    if let Some(skew) = ending.clock_skew_ms {
        page.one(
            "levy_gateway_clock_skew_seconds",
            "The gateway's clock minus this machine's, by the last signed reply.",
            skew as f64 / 1000.0,
        );
    }
    let Some(overview) = &ending.ledger else {
        return;
    };
    page.head(
        "levy_orders",
        "Orders of the ledger by status, each deduction's newest.",
    );
    for &status in Status::ALL {
        let sum = overview.by_status.of(status);
        page.labelled("status", status.as_str(), sum.orders as f64);
    }
    page.head("levy_orders_amount_fen", "Their amounts in fen.");
    for &status in Status::ALL {
        let sum = overview.by_status.of(status);
        page.labelled("status", status.as_str(), sum.fen as f64);
    }
    if let Some(oldest) = &overview.oldest_unknown {
        page.one(
            "levy_oldest_unknown_first_sent_timestamp_seconds",
            "When the oldest order whose outcome is unknown was sent first.",
            seconds(oldest.first_sent_at),
        );
    }
    page.one(
        "levy_windows_closing_orders",
        "Open orders near the end of the time in which their number may be submitted, or past it.",
        overview.closing as f64,
    );
    page.one(
        "levy_ledger_frozen",
        "1 while a person has stopped all sending.",
        f64::from(u8::from(overview.frozen.is_some())),
    );
}

/// A page of metrics in the making.
#[derive(Default)]
struct Page {
    text: String,
    name: &'static str,
}

impl Page {
    fn head(&mut self, name: &'static str, help: &str) {
        self.typed(name, help, "gauge");
    }

    fn typed(&mut self, name: &'static str, help: &str, kind: &str) {
        self.name = name;
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn line(&mut self, labels: &str, value: f64) {
        let _ = writeln!(self.text, "{}{labels} {value}", self.name);
    }

    fn labelled(&mut self, label: &str, word: &str, value: f64) {
        self.line(&format!("{{{label}=\"{word}\"}}"), value);
    }

    fn one(&mut self, name: &'static str, help: &str, value: f64) {
        self.head(name, help);
        self.line("", value);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;
    use std::time::Duration;

    use super::super::FileEnd;
    use super::*;
    use crate::ledger::Overview;

    fn ending(exit_code: u8, finished_at: i64) -> Ending {
        let mut traffic = Traffic::default();
        traffic.latencies.add(Duration::from_millis(30));
        traffic.latencies.add(Duration::from_secs(11));
        traffic.throttled = 2;
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
            ledger: Some(Overview::default()),
            traffic,
            clock_skew_ms: Some(-1_250),
            ..Ending::begin("run", String::new(), WallMs(finished_at - 2_500))
        }
    }

    #[test]
    fn every_figure_is_there_with_its_help_and_type() {
        let text = text(&ending(4, 1_790_000_000_000), Some(1.5));
        for line in [
            "levy_last_run_info{command=\"run\",version=\"0.0.1\"} 1",
            "levy_last_run_timestamp_seconds 1790000000",
            "levy_last_success_timestamp_seconds 1.5",
            "levy_last_run_duration_seconds 2.5",
            "levy_last_run_exit_code 4",
            "levy_last_run_rows{status=\"SUCCESS\"} 7",
            "levy_last_run_rows{status=\"UNKNOWN\"} 2",
            "levy_last_run_rows{status=\"HELD\"} 0",
            "levy_last_run_amount_fen{status=\"SUCCESS\"} 1000000000000300",
            "levy_last_run_alerts 2",
            "levy_last_run_notify_failures 0",
            "levy_last_run_throttled_replies 2",
            "levy_last_run_throttled_seconds 1.5",
            "levy_last_run_request_duration_seconds_bucket{le=\"0.025\"} 0",
            "levy_last_run_request_duration_seconds_bucket{le=\"0.05\"} 1",
            "levy_last_run_request_duration_seconds_bucket{le=\"10\"} 1",
            "levy_last_run_request_duration_seconds_bucket{le=\"+Inf\"} 2",
            "levy_last_run_request_duration_seconds_sum 11.03",
            "levy_last_run_request_duration_seconds_count 2",
            "levy_gateway_clock_skew_seconds -1.25",
            "levy_orders{status=\"PENDING\"} 0",
            "levy_windows_closing_orders 0",
            "levy_ledger_frozen 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
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
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(LAST_SUCCESS));
            line.map(|value| value.trim().to_owned())
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
        // What is no file of ours is no reason to fail.
        fs::write(&path, "levy_last_success_timestamp_seconds soon\n").unwrap();
        write(&path, &ending(4, 9_900)).unwrap();
        assert_eq!(success(), None);
        assert!(write(Path::new("/nowhere/at/all.prom"), &ending(0, 1)).is_err());
    }
}
