//! Who else is told how a command that drives orders ended: `[metrics]` and `[notify]`.
//!
//! The start is pinged beside the run's own beginning. What fails here is a warning, and no more.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;

use super::args::{DriveArgs, NotifyArgs};
use super::config::{self, Notify, When};
use super::drive::at_hand;
use super::failure::{Exit, Failure};
use super::pulse::Pulse;
use super::run::{self, Told};
use super::run_file::Ended;
use super::session::Session;
use super::store::{Store, variables};
use crate::batch::Language;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::herald::message::post;
use crate::herald::post::Poster;
use crate::herald::{Ending, FileEnd, metrics};
use crate::ledger::lock::host;
use crate::ledger::{Ledger, Overview, OverviewAsk};
use crate::order::Status;
use crate::report::log;
use crate::report::progress::say;
use crate::report::summary;
use crate::worker::RunReport;
use crate::worker::errand::quiet_before;

/// Collects what became of a command's files, and tells of it.
pub struct Herald<'a> {
    args: &'a DriveArgs,
    ending: Ending,
    settings: Settings,
    /// The start's ping.
    start: Option<JoinHandle<usize>>,
}

/// Who is to be told.
#[derive(Clone)]
struct Settings {
    metrics: Option<PathBuf>,
    notify: Option<Notify>,
    language: Language,
}

impl<'a> Herald<'a> {
    /// A command begins. Settings that can't be read are told by whoever opens the session.
    pub fn begin(command: &'static str, args: &'a DriveArgs) -> Self {
        Self::begin_with(command, args, true)
    }

    /// A command begins of which metrics are written: no message is sent of it, and no watchdog pinged.
    pub fn begin_unheard(command: &'static str, args: &'a DriveArgs) -> Self {
        Self::begin_with(command, args, false)
    }

    fn begin_with(command: &'static str, args: &'a DriveArgs, is_told: bool) -> Self {
        let loaded = match args.sandbox {
            true => config::load_for_sandbox(variables()),
            false => config::load(args.at.config.as_deref(), variables()),
        };
        let loaded = loaded.ok();
        if let Some(config) = &loaded {
            log::settle(config.log);
        }
        let typed = args.metrics_file.clone();
        let settings = Settings {
            metrics: typed.or_else(|| loaded.as_ref().and_then(|c| c.metrics_file.clone())),
            language: loaded
                .as_ref()
                .map_or(Language::English, |c| c.result.language),
            notify: loaded
                .map(|c| c.notify)
                .filter(|notify| is_told && !notify.is_empty()),
        };
        let start = settings
            .notify
            .clone()
            .map(|notify| std::thread::spawn(move || warn(block_on(pinged(&notify, "start")))));
        Self {
            args,
            ending: Ending::begin(command, host(), SystemClock::default().wall()),
            settings,
            start,
        }
    }

    /// Metrics of a command that never ends, while it goes on; none where none are asked for.
    pub fn pulse(&self, store: Store) -> Option<Pulse> {
        let ending = &self.ending;
        let begun = Ending::begin(ending.command, ending.host.clone(), ending.started_at);
        let path = self.settings.metrics.clone()?;
        Some(Pulse::begin(path, begun, store))
    }

    /// When the command began.
    pub fn started_at(&self) -> WallMs {
        self.ending.started_at
    }

    /// One file, or what else the command was about, came to its end: people and scripts are told.
    pub fn tell(&mut self, told: &Told<'_>, ended: &Ended) {
        let words: Vec<String> = ended.failures.iter().map(ToString::to_string).collect();
        let words = words.join("; ");
        let summary = told.summary(ended, &words);
        // What is not final stays in the drop folder, and the next pass takes it up.
        let goes_on = self.ending.command == "sweep" && ended.exit == Exit::NotFinished;
        run::tell(self.args, &summary, goes_on);
        let totals = ended.totals.as_ref();
        if let Some(report) = &ended.report {
            self.ending.traffic.join(&report.traffic);
            self.ending.clock_skew_ms = report.clock_skew_ms.or(self.ending.clock_skew_ms);
        }
        self.ending.files.push(FileEnd {
            name: short(&summary::name(&summary)),
            batch: ended.batch.as_ref().map(|batch| batch.id.to_string()),
            by_status: totals.map_or_else(Vec::new, |t| t.by_status.clone()),
            by_action: totals.map_or_else(Vec::new, |t| t.by_action.clone()),
            alerts: ended.alerts.clone(),
            wrong: summary::wrong(&summary),
            exit_code: ended.exit.code(),
        });
    }

    /// What a command that is not about files came to.
    pub fn count(&mut self, report: Option<&RunReport>, alerts: &[String]) {
        if let Some(report) = report {
            self.ending.traffic.join(&report.traffic);
            self.ending.clock_skew_ms = report.clock_skew_ms;
        }
        self.ending.files.push(FileEnd {
            alerts: alerts.to_vec(),
            ..FileEnd::default()
        });
    }

    /// Nothing was opened, so nothing was sent: every file says why.
    pub fn refuse(mut self, files: &[Option<&Path>], failure: &Failure) -> Exit {
        let exit = run::refuse(self.args, files, failure, self.started_at());
        let first = files.first().copied().flatten();
        self.ending.files.push(FileEnd {
            name: first.map_or_else(
                || "open orders".into(),
                |file| short(&file.display().to_string()),
            ),
            wrong: failure.to_string(),
            exit_code: exit.code(),
            ..FileEnd::default()
        });
        self.end(exit, None)
    }

    /// The command is done: messages are sent, metrics written.
    pub fn end(mut self, exit: Exit, session: Option<&mut Session>) -> Exit {
        if let Some(start) = self.start.take() {
            // It bounds itself, and must not come after the end's.
            self.ending.notify_failures += start.join().unwrap_or(0);
        }
        self.ending.exit_code = exit.code();
        self.ending.finished_at = SystemClock::default().wall();
        if let Some(notify) = &self.settings.notify {
            let failures = warn(block_on(async {
                let mut failed = pinged(notify, &exit.code().to_string()).await;
                let news = notify.when == When::Always && !self.ending.files.is_empty();
                if news || exit != Exit::Done {
                    failed.extend(sent(notify, &self.ending, self.settings.language).await);
                }
                failed
            }));
            self.ending.notify_failures += failures;
        }
        if let Some(path) = &self.settings.metrics {
            let ledger = session.and_then(|session| at_hand(&mut session.ledger).ok());
            self.ending.ledger = ledger.and_then(overview_of);
            if let Err(words) = write_metrics(path, &self.ending) {
                say(&words);
            }
        }
        exit
    }
}

/// `levy notify`: a message of an invented end, so that somebody sees whether it arrives.
pub fn notify(args: &NotifyArgs) -> Result<Exit, Failure> {
    let config = config::load(args.config.as_deref(), variables())?;
    log::settle(config.log);
    if config.notify.is_empty() {
        let words = "[notify] names nobody: give webhook_file, ping_file, or both";
        return Err(Failure::Usage(words.into()));
    }
    let now = SystemClock::default().wall();
    let ending = Ending {
        files: vec![FileEnd {
            name: "a test of levy notify; no order is meant".into(),
            by_status: vec![(Status::Success, 0, 0)],
            ..FileEnd::default()
        }],
        ..Ending::begin("notify", host(), now)
    };
    let failed = block_on(async {
        let mut failed = pinged(&config.notify, "0").await;
        failed.extend(sent(&config.notify, &ending, config.result.language).await);
        failed
    });
    if failed.is_empty() {
        say("sent: look whether it has arrived");
        return Ok(Exit::Done);
    }
    warn(failed);
    Ok(Exit::NotFinished)
}

/// What went wrong, one line for each.
type Failed = Vec<String>;

/// Tells of them, and how many there are.
fn warn(failed: Failed) -> usize {
    for words in &failed {
        say(&format!("warning: {words}"));
    }
    failed.len()
}

fn block_on(work: impl Future<Output = Failed>) -> Failed {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    match runtime {
        Ok(runtime) => runtime.block_on(work),
        Err(e) => vec![format!("nobody was notified: {e}")],
    }
}

async fn pinged(notify: &Notify, part: &str) -> Failed {
    let done = async {
        let Some(address) = notify.ping()? else {
            return Ok(());
        };
        let poster = Poster::new(notify.proxy()).map_err(|e| format!("[notify] proxy: {e}"))?;
        let address = address.with(part);
        let done = poster.ping(&address).await;
        done.map_err(|words| format!("the ping of [notify] was not taken ({part}): {words}"))
    };
    done.await.err().into_iter().collect()
}

async fn sent(notify: &Notify, ending: &Ending, language: Language) -> Failed {
    let done = async {
        let Some(to) = notify.webhook()? else {
            return Ok(());
        };
        let poster = Poster::new(notify.proxy()).map_err(|e| format!("[notify] proxy: {e}"))?;
        let secret = to.secret.as_ref().map(|secret| secret.reveal().as_str());
        let post = post(
            to.form,
            ending,
            language,
            secret,
            SystemClock::default().wall(),
        );
        let done = poster.message(&to.address, to.form, &post).await;
        done.map_err(|words| format!("the message of [notify] was not taken: {words}"))
    };
    done.await.err().into_iter().collect()
}

/// Writes metrics, or says in words why not.
pub fn write_metrics(path: &Path, ending: &Ending) -> Result<(), String> {
    if path.to_string_lossy().contains("://") {
        // It may hold a password.
        return Err("warning: metrics: an address is no file; nothing was written".into());
    }
    metrics::write(path, ending).map_err(|e| format!("warning: metrics: {}: {e}", path.display()))
}

/// How a ledger stands, if it can tell.
pub fn overview_of(ledger: &mut dyn Ledger) -> Option<Overview> {
    let now = SystemClock::default().wall();
    let closing_since = quiet_before(ledger, now).ok()?;
    ledger
        .overview(&OverviewAsk {
            batch: None,
            closing_since,
        })
        .ok()
}

/// A file's name without its directories: those are nobody's business in a group.
fn short(name: &str) -> String {
    let name = Path::new(name)
        .file_name()
        .map(|name| name.to_string_lossy());
    name.map_or_else(String::new, |name| name.into_owned())
}
