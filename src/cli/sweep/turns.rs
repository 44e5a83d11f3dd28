//! What a file's turn is about besides the file itself: what it held before somebody changed it, and
//! whether others still get theirs after it.

use std::ffi::OsStr;

use super::super::drive::at_hand;
use super::super::failure::{Exit, Failure};
use super::super::run::Told;
use super::super::run_file::{Ended, Halt};
use super::{Pass, Ready, failure};
use crate::clock::Clock;
use crate::inbox::Slot;
use crate::worker::Stop;

/// Files on end whose runs are stopped by refusals, before the pass is: each uses up ten numbers at most.
const REFUSED_FILES_MAX: u32 = 2;

impl Pass<'_, '_> {
    /// What the file held before it was changed in its slot goes on first: orders that were never sent go
    /// only with their own batch, and those bytes come no more. An error says what of it is not through.
    pub(super) fn earlier(
        &mut self,
        slot: &Slot,
        name: &OsStr,
        ready: &mut Ready,
    ) -> Result<(), Failure> {
        let own = ready.digest;
        let earlier = ready.begun.digests.iter().filter(|digest| **digest != own);
        let mut left = Vec::new();
        for digest in earlier.copied().collect::<Vec<_>>() {
            let ledger = at_hand(&mut self.session.ledger)?;
            let Some(batch) = ledger.find_batch(&digest)? else {
                continue;
            };
            let started_at = self.session.clock.wall();
            let started = self.course.halted.is_none();
            let mut ended = self.course.batch(&mut self.session, batch);
            if started {
                self.refusals(slot, &mut ended);
            }
            let told = Told {
                file: Some(&self.args.dir.join(name)),
                place: None,
                started_at,
                finished_at: self.session.clock.wall(),
            };
            self.herald.tell(&told, &ended);
            self.exit = self.exit.worse(ended.exit);
            if !matches!(ended.exit, Exit::Done | Exit::NeedsPerson) {
                left.push((digest, ended));
            }
        }
        let digests = left
            .iter()
            .map(|(digest, _)| *digest)
            .chain([own])
            .collect();
        if digests != ready.begun.digests {
            ready.begun.digests = digests;
            let begun = &ready.begun;
            slot.begin(&self.folder, name, begun).map_err(failure)?;
        }
        match left.first().and_then(|(_, ended)| ended.batch.as_ref()) {
            None => Ok(()),
            Some(batch) => Err(Failure::Stopped(format!(
                "what the file held before it was changed, batch {}, is not through",
                batch.id
            ))),
        }
    }

    /// Refusals one after the other may be the fault of this file's rows: others get their turn, this one
    /// comes last from now on. Those of two files on end look like a setting.
    pub(super) fn refusals(&mut self, slot: &Slot, ended: &mut Ended) {
        let stop = ended
            .report
            .as_ref()
            .and_then(|report| report.stop.as_ref());
        let refused = matches!(stop, Some(Stop::Refusals(_)));
        let went_well = stop.is_none() && ended.report.is_some();
        match refused {
            true => self.refused_files += 1,
            false if went_well => self.refused_files = 0,
            false => {}
        }
        let only_that = ended.failures.is_empty() && self.course.halted == Some(Halt::Stopped);
        if refused && only_that && self.refused_files < REFUSED_FILES_MAX {
            self.course.halted = None;
        }
        if (refused || went_well)
            && let Err(fault) = slot.put_last(&self.folder, refused)
        {
            ended.fail(failure(fault));
        }
    }
}
