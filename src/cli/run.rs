//! `levy run`: the files, one after the other, in one session.

use std::io::Write;
use std::path::{Path, PathBuf};

use chrono::{Days, Local, NaiveDateTime, NaiveTime, TimeZone};
use tokio::runtime::{Builder, Runtime};

use super::approval;
use super::args::{DriveArgs, FirstArgs, RunArgs, TimeOfDay};
use super::drive::Driver;
use super::failure::{Exit, Failure};
use super::herald::Herald;
use super::run_file::{Course, Ended};
use super::session::{self, Session};
use crate::clock::{Clock, SystemClock, WallMs};
use crate::report::log::hushed;
use crate::report::progress::say;
use crate::report::result::{self, Place};
use crate::report::summary::{self, Summary};

/// Days that are looked ahead for the next `--until`: a time of day may be skipped where clocks
/// are put forward.
const UNTIL_DAYS_MAX: u64 = 3;

/// The runtime that a run or the gateway in a box lives in.
pub fn runtime() -> Result<Runtime, Failure> {
    let built = Builder::new_multi_thread().enable_all().build();
    built.map_err(|e| anyhow::Error::new(e).context("threads").into())
}

/// Runs every file and tells what became of it; the worst of them is the exit.
pub fn run(args: &RunArgs) -> Exit {
    let mut herald = Herald::begin("run", &args.drive);
    let files = match approval::files(args) {
        Ok(files) => files,
        Err(failure) => return refused(herald, &args.files, &failure),
    };
    let opened = places(args, &files).and_then(|places| {
        let dir = match args.drive.sandbox {
            true => session::one_directory(&files)?,
            false => PathBuf::new(),
        };
        let create = args.create_ledger || args.drive.sandbox;
        let mut session = Session::open(&args.drive, create, &dir)?;
        let driver = driver(&args.drive, &args.first)?;
        let places = looked_at(&session, args, &files, &places)?;
        approval::take(&mut session, args, &files)?;
        driver.release(&mut session)?;
        Ok((session, driver, places))
    });
    let (mut session, driver, places) = match opened {
        Ok(opened) => opened,
        Err(failure) => return refused(herald, &files, &failure),
    };
    let mut course = Course {
        driver,
        taking: args.taking,
        expect: args.expect,
        halted: None,
    };
    let mut exit = Exit::Done;
    for (file, place) in files.iter().zip(&places) {
        let started_at = session.clock.wall();
        let ended = course.file(&mut session, file, place);
        let told = Told {
            file: Some(file),
            place: Some(place),
            started_at,
            finished_at: session.clock.wall(),
        };
        herald.tell(&told, &ended);
        exit = exit.worse(ended.exit);
    }
    let exit = herald.end(exit, Some(&mut session));
    session.close();
    exit
}

/// What drives the orders of a command.
pub fn driver<'a>(args: &'a DriveArgs, first: &'a FirstArgs) -> Result<Driver<'a>, Failure> {
    Ok(Driver {
        args,
        first: Some(first),
        until: until(first.until)?,
        limit: first.limit,
        pulse: None,
    })
}

/// Where each result goes; two of one name, or a result that is an input, make no sense.
fn places(args: &RunArgs, files: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let typed = args.expect.expect_rows.or(args.expect.expect_amount);
    if files.len() > 1 && typed.is_some() {
        let words = "--expect-rows and --expect-amount are for one file; with several, put FILE.ok beside \
                     each";
        return Err(Failure::Usage(words.into()));
    }
    let places: Vec<PathBuf> = match (&args.out, files) {
        (Some(out), [_]) => vec![out.clone()],
        (Some(_), _) => {
            let words = "--out is for one file; with several, each result goes beside its input";
            return Err(Failure::Usage(words.into()));
        }
        (None, files) => files.iter().map(|file| result::beside(file)).collect(),
    };
    for (i, place) in places.iter().enumerate() {
        if let Some(j) = places[..i].iter().position(|other| other == place) {
            return Err(Failure::Usage(format!(
                "{} and {} would both have their result in {}: run them apart, with --out",
                files[j].display(),
                files[i].display(),
                place.display()
            )));
        }
    }
    Ok(places)
}

fn looked_at(
    session: &Session,
    args: &RunArgs,
    files: &[PathBuf],
    places: &[PathBuf],
) -> Result<Vec<Place>, Failure> {
    let mut taken: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    taken.extend(session.address.file());
    taken.extend(session.config.file.as_deref());
    let style = args.result.style(session.config.result);
    let look = |place: &PathBuf| Ok(Place::look(place, &taken)?.styled(style));
    places.iter().map(look).collect()
}

/// The next moment at which this machine's clock shows that time.
pub fn until(time: Option<TimeOfDay>) -> Result<Option<WallMs>, Failure> {
    let Some(time) = time else { return Ok(None) };
    let now = Local::now();
    let next = next_time(now.naive_local(), time, |at| {
        let at = Local.from_local_datetime(&at).earliest()?;
        (at > now).then_some(at.timestamp_millis())
    });
    match next {
        Some(ms) => Ok(Some(WallMs(ms))),
        None => Err(Failure::Usage("--until: this time does not come".into())),
    }
}

/// The first day from `now` on which `moment` knows the time of day.
fn next_time(
    now: NaiveDateTime,
    time: TimeOfDay,
    moment: impl Fn(NaiveDateTime) -> Option<i64>,
) -> Option<i64> {
    let time = NaiveTime::from_hms_opt(time.hour, time.minute, 0)?;
    (0..=UNTIL_DAYS_MAX).find_map(|days| {
        let day = now.date().checked_add_days(Days::new(days))?;
        moment(day.and_time(time))
    })
}

/// Nothing was opened, so nothing was sent: every file says why.
fn refused(herald: Herald<'_>, files: &[PathBuf], failure: &Failure) -> Exit {
    let files: Vec<Option<&Path>> = files.iter().map(|f| Some(f.as_path())).collect();
    herald.refuse(&files, failure)
}

/// The same for any command that drives orders.
pub fn refuse(
    args: &DriveArgs,
    files: &[Option<&Path>],
    failure: &Failure,
    started_at: WallMs,
) -> Exit {
    let words = failure.to_string();
    let exit = failure.exit();
    say(&format!("error: {words}"));
    for file in files.iter().filter(|_| args.json) {
        print(&summary::json(&Summary {
            file: *file,
            batch: None,
            totals: None,
            report: None,
            reissued: None,
            expiring: None,
            never_sent: None,
            alerts: &[],
            started_at,
            finished_at: SystemClock::default().wall(),
            journal_head: None,
            result: None,
            failed: None,
            error: Some(&words),
            exit_code: exit.code(),
        }));
    }
    exit
}

/// What is known besides what became of it.
pub struct Told<'a> {
    /// The input, if there was one.
    pub file: Option<&'a Path>,
    /// Where its result goes.
    pub place: Option<&'a Place>,
    /// When levy began with it.
    pub started_at: WallMs,
    /// When it was done.
    pub finished_at: WallMs,
}

impl Told<'_> {
    /// All of it; `words` say what was wrong, if anything was.
    pub fn summary<'a>(&'a self, ended: &'a Ended, words: &'a str) -> Summary<'a> {
        let place = self.place.filter(|_| ended.written);
        Summary {
            file: self.file,
            batch: ended.batch.as_ref(),
            totals: ended.totals.as_ref(),
            report: ended.report.as_ref(),
            reissued: ended.reissued.as_ref(),
            expiring: ended.expiring.as_ref(),
            never_sent: ended.never_sent.as_ref(),
            alerts: &ended.alerts,
            started_at: self.started_at,
            finished_at: self.finished_at,
            journal_head: ended.journal_head,
            result: place.map(Place::path),
            failed: ended.failed.as_deref(),
            error: (!words.is_empty()).then_some(words),
            exit_code: ended.exit.code(),
        }
    }
}

/// Tells people and scripts what became of it; one that goes on by itself (`goes_on`) says in quiet only
/// what went wrong.
pub fn tell(args: &DriveArgs, summary: &Summary<'_>, goes_on: bool) {
    let name = summary::name(summary);
    let went_well = summary.exit_code == Exit::Done.code();
    let quiet = args.quiet || (hushed() && went_well);
    match (quiet, summary::wrong(summary)) {
        (false, _) => say(summary::human(summary).trim_end()),
        (true, wrong) => {
            if !wrong.is_empty() {
                say(&format!("{name}: error: {wrong}"));
            } else if let Some(words) = summary::told_to_end(summary) {
                say(&format!("{name}: {words}"));
            } else if let Some(left) = summary::left(summary).filter(|_| !goes_on) {
                say(&format!("{name}: {left}"));
            }
            if let Some(words) = summary.expiring.and_then(summary::windows) {
                say(&words);
            }
            if let Some(words) = summary.never_sent.and_then(summary::never_sent) {
                say(&words);
            }
        }
    }
    if args.json {
        print(&summary::json(summary));
    }
}

/// One line on stdout. A reader that went away is no reason to fail after the money has moved.
pub fn print(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;

    #[test]
    fn until_is_the_next_time_that_the_clock_shows_it() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 1, d).unwrap();
        let at = |d, h, m| day(d).and_hms_opt(h, m, 0).unwrap();
        let now = at(30, 22, 15);
        let after =
            |moment: NaiveDateTime| (moment > now).then(|| moment.and_utc().timestamp_millis());
        for (hour, minute, want) in [
            (22, 16, at(30, 22, 16)),
            (22, 15, at(31, 22, 15)),
            (5, 30, at(31, 5, 30)),
        ] {
            let time = TimeOfDay { hour, minute };
            let next = next_time(now, time, after);
            assert_eq!(
                next,
                Some(want.and_utc().timestamp_millis()),
                "{hour}:{minute}"
            );
        }
        // A night in which the clock is put forward over that time.
        let skipped = |moment: NaiveDateTime| after(moment).filter(|_| moment != at(31, 2, 30));
        let time = TimeOfDay {
            hour: 2,
            minute: 30,
        };
        let next = next_time(now, time, skipped);
        let february = NaiveDate::from_ymd_opt(2026, 2, 1).unwrap();
        let want = february.and_hms_opt(2, 30, 0).unwrap();
        assert_eq!(next, Some(want.and_utc().timestamp_millis()));
    }
}
