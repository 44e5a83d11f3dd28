//! `levy sweep`: the drop folder, once or again and again.
//!
//! A pass opens a session, and with it takes the ledger's lock, before it moves anything. What is in
//! `processing/` goes first, then the folder's finished files by name, one at a time: claimed, run as
//! `levy run` runs it, and put where it belongs.

mod turns;
mod watch;

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::args::{ExpectArgs, FirstArgs, SweepArgs};
use super::drive::at_hand;
use super::failure::{Exit, Failure};
use super::herald::Herald;
use super::run::{Told, driver};
use super::run_file::{Course, Ended, Halt};
use super::session::Session;
use super::store::{SANDBOX_CALLER, SANDBOX_DIR};
use crate::batch::{FileFaultKind, digest_of};
use crate::clock::Clock;
use crate::inbox::{
    self, Begun, Folder, Found, InboxFault, Listing, Missed, Outcome, Receipt, Shelf, Slot, Stage,
    Stamp, Terms, Verdict,
};
use crate::ledger::{Environment, LedgerError};
use crate::report::log::hushed;
use crate::report::progress::say;
use crate::report::result::{self, Place};
use watch::{Idle, Memory};

/// Sweeps the folder; the worst of its files is the exit.
pub fn sweep(args: &SweepArgs) -> Exit {
    match args.watch {
        true => watch::watch(args),
        false => pass(args, &mut Memory::default(), &mut None).exit,
    }
}

/// How a pass ended.
struct Passed {
    exit: Exit,
    /// The pass came to look at its files.
    opened: bool,
    /// A signal came.
    stopped: bool,
    /// The ledger, or levy, failed.
    broken: bool,
}

/// One look at the folder, and all that it leads to. `idle` has listened for signals until now, and
/// does so again afterwards.
fn pass(args: &SweepArgs, memory: &mut Memory, idle: &mut Option<Idle>) -> Passed {
    let herald = Herald::begin("sweep", &args.drive);
    let first = FirstArgs {
        until: args.until,
        limit: args.limit,
        release: Vec::new(),
        by: None,
    };
    let opened = open(args).and_then(|(session, folder)| {
        let driver = driver(&args.drive, &first)?;
        Ok((session, folder, driver))
    });
    let (session, folder, driver) = match opened {
        Ok(opened) => opened,
        Err(failure) => {
            // A folder that is watched says it once.
            let exit = match memory.is_news("", &failure.to_string()) {
                true => herald.refuse(&[Some(&args.dir)], &failure),
                false => failure.exit(),
            };
            return Passed {
                exit,
                opened: false,
                stopped: false,
                broken: false,
            };
        }
    };
    *idle = None;
    let mut pass = Pass {
        args,
        session,
        folder,
        course: Course {
            driver,
            taking: args.taking,
            expect: ExpectArgs::default(),
            halted: None,
        },
        memory,
        kept_back: BTreeSet::new(),
        refused_files: 0,
        exit: Exit::Done,
        herald,
    };
    if let Err(fault) = pass.whole() {
        pass.trouble(&args.dir, failure(fault));
    }
    let exit = pass.exit;
    let broken = pass.course.halted == Some(Halt::Broken);
    let mut session = pass.session;
    let exit = pass.herald.end(exit, Some(&mut session));
    if args.watch {
        // Before the session goes: no signal comes in between.
        *idle = Idle::new().ok();
    }
    let stopped = *session.stop.borrow();
    session.close();
    Passed {
        exit,
        opened: true,
        stopped,
        broken,
    }
}

/// The session before the folder: who does not get the ledger's lock touches nothing.
fn open(args: &SweepArgs) -> Result<(Session, Folder), Failure> {
    Folder::look(&args.dir).map_err(failure)?;
    let sandbox = args.dir.join(SANDBOX_DIR);
    let mut session = Session::open(&args.drive, args.drive.sandbox, &sandbox)?;
    let caller = match session.environment {
        Environment::Real => session.config.caller()?.as_str().to_owned(),
        Environment::Sandbox => SANDBOX_CALLER.to_owned(),
    };
    let ledger = format!("{} {caller}", session.environment.as_str());
    match Folder::open(&args.dir, &ledger) {
        Ok(folder) => Ok((session, folder)),
        Err(fault) => {
            session.close();
            Err(failure(fault))
        }
    }
}

fn failure(fault: InboxFault) -> Failure {
    let words = fault.to_string();
    match fault {
        InboxFault::Place(..) => Failure::Usage(words),
        InboxFault::Disk(..) => Failure::Other(anyhow::anyhow!(words)),
        InboxFault::Busy(_) => Failure::Ledger(LedgerError::Held(words)),
    }
}

struct Pass<'a, 'm> {
    args: &'a SweepArgs,
    session: Session,
    folder: Folder,
    course: Course<'a>,
    memory: &'m mut Memory,
    /// Files whose totals lie in a slot and could not be brought back.
    kept_back: BTreeSet<OsString>,
    /// Files on end whose runs were stopped by refusals.
    refused_files: u32,
    exit: Exit,
    herald: Herald<'a>,
}

impl Pass<'_, '_> {
    fn whole(&mut self) -> Result<(), InboxFault> {
        if self.folder.readers_cannot_read() {
            let words = "results can't be given to the folder's group, and stay levy's own: let levy's \
                         user be a member of that group";
            self.note(&self.args.dir, words);
        }
        let slots = self.folder.slots()?;
        let (last, slots): (Vec<Slot>, Vec<Slot>) = slots.into_iter().partition(Slot::goes_last);
        self.go_on_with(&slots);
        let dropped = self.folder_itself();
        self.go_on_with(&last);
        dropped
    }

    fn go_on_with(&mut self, slots: &[Slot]) {
        for slot in slots {
            if let Err(fault) = self.go_on(slot) {
                self.trouble(&slot.path, failure(fault));
            }
        }
    }

    /// What lies outside of its rooms.
    fn folder_itself(&mut self) -> Result<(), InboxFault> {
        let listing = self.folder.listing()?;
        for name in &listing.others {
            let path = self.args.dir.join(name);
            self.note(&path, "left alone: it is no .csv and no .xlsx");
        }
        for name in listing.orphans() {
            let path = self.args.dir.join(name);
            self.note(&path, "the file whose control totals these are is not here");
        }
        self.dropped(&listing)
    }

    /// What an earlier sweep has begun.
    fn go_on(&mut self, slot: &Slot) -> Result<(), InboxFault> {
        let (name, begun) = match slot.stage()? {
            Stage::Claimed(name) => (name, None),
            Stage::Begun(name, begun) => (name, Some(begun)),
            Stage::Unclaimed(name) => {
                self.kept_back.insert(name.clone());
                self.folder.unclaim(slot, &name)?;
                self.kept_back.remove(&name);
                return Ok(());
            }
            Stage::Leaving(name, shelf) => {
                self.folder.leave(slot, &name, shelf)?;
                self.whereabouts(slot, &name, shelf);
                return Ok(());
            }
            Stage::Empty => return self.folder.remove(slot),
            Stage::Strange(words) => {
                return Err(InboxFault::Place(slot.path.clone(), words));
            }
        };
        if self.course.halted.is_some() || !self.memory.is_due(&slot.key) {
            self.exit = self.exit.worse(Exit::NotFinished);
            return Ok(());
        }
        self.one(slot, &name, begun);
        Ok(())
    }

    /// What was dropped, in the order of its names.
    fn dropped(&mut self, listing: &Listing) -> Result<(), InboxFault> {
        if listing.batches.is_empty() {
            return Ok(());
        }
        let terms = Terms {
            quiet_seconds: self.args.quiet_seconds,
            require_ok: self.args.require_ok,
            now_ns: 0,
        };
        let mut left = 0_u64;
        for name in &listing.batches {
            let path = self.args.dir.join(name);
            if self.kept_back.contains(name) {
                continue;
            }
            // Runs take time: control totals may have come since.
            let now = self.folder.listing()?;
            let now_ns = self.folder.now_ns()?;
            let terms = Terms { now_ns, ..terms };
            match self.folder.judge(name, &now, &terms) {
                Ok(None) => {}
                Ok(Some(found)) => match &found.verdict {
                    Verdict::Take if self.course.halted.is_some() => left += 1,
                    Verdict::Take => self.take(&path, &found),
                    Verdict::Wait(_) => self.note(&path, &found.verdict.to_string()),
                    Verdict::Refuse(_) => {
                        let words = format!("{}: {}", path.display(), found.verdict);
                        self.trouble(&path, Failure::Usage(words));
                    }
                },
                Err(fault) => self.trouble(&path, failure(fault)),
            }
        }
        if left > 0 {
            let words = format!(
                "{left} finished files stay where they are, since levy stopped before them"
            );
            self.note(&self.args.dir, &words);
            self.exit = self.exit.worse(match self.course.halted {
                Some(Halt::Broken) => Exit::Failed,
                Some(Halt::Stopped) | None => Exit::NotFinished,
            });
        }
        Ok(())
    }

    fn take(&mut self, path: &Path, found: &Found) {
        if *self.session.stop.borrow() {
            self.course.halted = Some(Halt::Stopped);
            self.exit = self.exit.worse(Exit::NotFinished);
            return;
        }
        match self.folder.claim(found) {
            Ok(slot) => self.one(&slot, &found.name, None),
            Err(Missed::Gone) => self.note(path, "was taken away before levy took it"),
            Err(Missed::Changed) => self.note(path, "not taken yet: it is still changing"),
            Err(Missed::Fault(fault)) => self.trouble(path, failure(fault)),
        }
    }

    /// Runs the file of a slot, writes its receipt, and puts it where it belongs.
    fn one(&mut self, slot: &Slot, name: &OsStr, begun: Option<Begun>) {
        let started_at = self.session.clock.wall();
        let input = slot.path.join(name);
        let (mut ended, ready) = match self.ready(slot, name, begun) {
            Ok(mut ready) => {
                let left = self.earlier(slot, name, &mut ready);
                let started = self.course.halted.is_none();
                let mut ended = self.course.file(&mut self.session, &input, &ready.place);
                if let Err(failure) = left {
                    ended.fail(failure);
                }
                if started {
                    self.refusals(slot, &mut ended);
                }
                (ended, Some(ready))
            }
            Err(failure) => {
                let mut ended = Ended::new();
                ended.fail(failure);
                (ended, None)
            }
        };
        let outcome = self.settle(slot, name, ready.as_ref(), &mut ended);
        let place = match (ready, outcome) {
            (None, _) => None,
            (Some(ready), Outcome::Unfinished | Outcome::Unapproved) => Some(ready.place),
            (Some(ready), Outcome::Through(shelf)) => {
                let result = ready.place.path().file_name().unwrap_or_default();
                let outside = self.outside(slot, name, shelf, result);
                let failed = ended.failed.take();
                ended.failed = failed.map(|inside| {
                    let failed = inside.file_name().unwrap_or_default();
                    self.outside(slot, name, shelf, failed)
                });
                Place::look(&outside, &[]).ok()
            }
        };
        let told = Told {
            file: Some(&self.args.dir.join(name)),
            place: place.as_ref(),
            started_at,
            finished_at: self.session.clock.wall(),
        };
        self.herald.tell(&told, &ended);
        self.exit = self.exit.worse(ended.exit);
        match outcome {
            Outcome::Through(shelf) => self.whereabouts(slot, name, shelf),
            Outcome::Unfinished => {
                self.memory.put_off(&slot.key);
                self.note(&slot.path, "is not through: the next sweep goes on with it");
            }
            Outcome::Unapproved => {
                self.memory.put_off(&slot.key);
                self.note(&slot.path, "waits for people: its receipt says for what");
            }
        }
    }

    /// What must be known before the file is run: whether the ledger knows it already, and where its
    /// result goes.
    fn ready(&mut self, slot: &Slot, name: &OsStr, begun: Option<Begun>) -> Result<Ready, Failure> {
        let input = slot.path.join(name);
        let stamp = stamp_of(&input)?;
        let digest = digest_of(&input)?;
        let mut begun = match begun {
            Some(begun) => begun,
            None => {
                let ledger = at_hand(&mut self.session.ledger)?;
                let again = ledger.find_batch(&digest)?.is_some();
                let digests = Vec::new();
                Begun { again, digests }
            }
        };
        if !begun.digests.contains(&digest) {
            begun.digests.push(digest);
            slot.begin(&self.folder, name, &begun).map_err(failure)?;
        }
        let mut taken = vec![&*input];
        taken.extend(self.session.address.file());
        taken.extend(self.session.config.file.as_deref());
        let place = Place::look(&result::beside(&input), &taken)?;
        let style = self.args.result.style(self.session.config.result);
        Ok(Ready {
            place: place.styled(style).for_readers(self.folder.readers),
            stamp,
            digest,
            begun,
        })
    }

    /// Receipt and way out. What goes wrong here keeps the file in its slot.
    fn settle(
        &mut self,
        slot: &Slot,
        name: &OsStr,
        ready: Option<&Ready>,
        ended: &mut Ended,
    ) -> Outcome {
        let now = stamp_of(&slot.path.join(name));
        let unchanged = ready.is_some_and(|ready| now.is_ok_and(|now| now == ready.stamp));
        if ready.is_some() && !unchanged {
            let words = "the file was changed while it was run: what it holds now is run at the next \
                         sweep; rows that stay are not sent again";
            ended.fail(Failure::Stopped(words.into()));
        }
        let outcome = match unchanged {
            true => outcome(ended),
            false => Outcome::Unfinished,
        };
        let written = self.write_receipt(slot, name, ready, ended, outcome);
        let settled = written.and_then(|()| match outcome {
            Outcome::Through(shelf) => self.folder.leave(slot, name, shelf),
            Outcome::Unfinished | Outcome::Unapproved => Ok(()),
        });
        match settled {
            Ok(()) => outcome,
            Err(fault) => {
                ended.fail(failure(fault));
                Outcome::Unfinished
            }
        }
    }

    fn write_receipt(
        &self,
        slot: &Slot,
        name: &OsStr,
        ready: Option<&Ready>,
        ended: &Ended,
        outcome: Outcome,
    ) -> Result<(), InboxFault> {
        let file = name.to_string_lossy();
        let inside = slot.path.join(name).display().to_string();
        let reason = |failure: &Failure| match failure {
            // Whoever plans it has to find it.
            Failure::Unapproved(words) => words.clone(),
            failure => failure.to_string().replace(&inside, &file),
        };
        let reasons: Vec<String> = ended.failures.iter().map(reason).collect();
        let called = |inside: &Path| {
            let inside = inside.file_name().unwrap_or_default();
            let outside = match outcome {
                Outcome::Through(_) => slot.name_outside(name, inside),
                Outcome::Unfinished | Outcome::Unapproved => inside.to_owned(),
            };
            outside.to_string_lossy().into_owned()
        };
        let result = ready.filter(|_| ended.written);
        let result = result.map(|ready| called(ready.place.path()));
        let failed = ended.failed.as_deref().map(called);
        let text = inbox::text(&Receipt {
            file: &file,
            digest: ready.map(|ready| ready.digest),
            outcome,
            again: ready.is_some_and(|ready| ready.begun.again),
            batch: ended.batch.as_ref(),
            totals: ended.totals.as_ref(),
            reasons: &reasons,
            alerts: &ended.alerts,
            result: result.as_deref(),
            failed: failed.as_deref(),
            exit_code: ended.exit.code(),
            journal_head: ended.journal_head,
            at: self.session.clock.wall(),
        });
        let path = slot.path.join(Slot::receipt_of(name));
        inbox::write_own(&path, &text, self.folder.readers)
    }

    fn outside(
        &self,
        slot: &Slot,
        name: &OsStr,
        shelf: Shelf,
        other: &OsStr,
    ) -> std::path::PathBuf {
        let room = self.args.dir.join(shelf.room());
        room.join(slot.name_outside(name, other))
    }

    fn whereabouts(&mut self, slot: &Slot, name: &OsStr, shelf: Shelf) {
        let receipt = self.outside(slot, name, shelf, &Slot::receipt_of(name));
        let words = format!("{}, see {}", shelf.room(), receipt.display());
        self.note(&self.args.dir.join(name), &words);
    }

    /// A file that nothing could be done with; the others go on.
    fn trouble(&mut self, path: &Path, failure: Failure) {
        self.exit = self.exit.worse(failure.exit());
        if !self.memory.is_news(path, &failure.to_string()) {
            return;
        }
        let now = self.session.clock.wall();
        let mut ended = Ended::new();
        ended.fail(failure);
        let told = Told {
            file: Some(path),
            place: None,
            started_at: now,
            finished_at: now,
        };
        self.herald.tell(&told, &ended);
    }

    /// Something that is no fault; while the folder is watched, once.
    fn note(&mut self, path: &Path, words: &str) {
        let quiet = self.args.drive.quiet || hushed();
        if !quiet && self.memory.is_news(path, words) {
            say(&format!("{}: {words}", path.display()));
        }
    }
}

/// A file that is about to be run.
struct Ready {
    place: Place,
    stamp: Stamp,
    digest: [u8; 32],
    begun: Begun,
}

fn stamp_of(path: &Path) -> Result<Stamp, Failure> {
    match inbox::look(path).map_err(failure)? {
        Some(seen) => Ok(seen.stamp),
        None => {
            let words = format!("{}: was taken away", path.display());
            Err(Failure::Usage(words))
        }
    }
}

/// Where a file goes after its run: out, if nothing is left to do for levy, or if it was refused as a
/// whole. Whatever else kept it from its end may be over at the next sweep: one that changed while it
/// was read is read again, one that nobody has approved yet waits.
fn outcome(ended: &Ended) -> Outcome {
    let refused = |failure: &Failure| match failure {
        Failure::File(fault) => {
            !matches!(fault.kind, FileFaultKind::Io(_) | FileFaultKind::Changed)
        }
        Failure::Usage(_) => true,
        _ => false,
    };
    let unapproved = |failure: &Failure| matches!(failure, Failure::Unapproved(_));
    let through = matches!(ended.exit, Exit::Done | Exit::NeedsPerson) && ended.written;
    match &ended.batch {
        Some(_) if ended.failures.iter().any(unapproved) => Outcome::Unapproved,
        Some(_) if through => Outcome::Through(Shelf::Done),
        None if !ended.failures.is_empty() && ended.failures.iter().all(refused) => {
            Outcome::Through(Shelf::Rejected)
        }
        None if ended.failures.iter().any(unapproved) => Outcome::Unapproved,
        Some(_) | None => Outcome::Unfinished,
    }
}
