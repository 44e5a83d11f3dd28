//! What is done next for one order: a pure function of what was asked, what came and what was tried.

use std::time::Duration;

use super::limits::{
    BACKOFF_SECONDS_MAX, POLL_SECONDS, QUERIES_A_RUN_MAX, SAME_NUMBER_APART, SUBMISSIONS_A_RUN_MAX,
    THROTTLES_A_RUN_MAX,
};
use crate::clock::Mono;
use crate::ledger::{Scope, Standing};
use crate::order::{Asked, Doubt, Meaning, State, Weak};

/// What this run has tried for an order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tries {
    /// Submissions.
    pub submissions: u32,
    /// Queries that were no polls.
    pub queries: u32,
    /// Queries of a PROCESSING order.
    pub polls: u32,
    /// Replies that said: too fast.
    pub throttles: u32,
    /// Doubts in a row.
    pub doubts: u32,
    /// When PROCESSING was said first.
    pub processing_since: Option<Mono>,
}

/// What follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Nothing more in this run.
    Done,
    /// Ask after a pause.
    Ask(Asked, Duration),
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// To bring what is unfinished to its end.
    Settle,
    /// To have each order told once more by the gateway, whatever its state.
    Compare,
}

impl Goal {
    /// The goal of a run over these orders.
    pub fn of(scope: Scope) -> Self {
        match scope {
            Scope::Sent(..) | Scope::Replaced(_) => Self::Compare,
            Scope::Batch(_) | Scope::Open | Scope::Shared(_) => Self::Settle,
            Scope::FirstSent(..) | Scope::OpenOf(..) | Scope::Rerun(..) => Self::Settle,
        }
    }

    /// What an order is asked first, while its window is open.
    pub fn first(self, state: State, weak: Weak) -> Asked {
        match self {
            Self::Settle => first(state, weak, false),
            Self::Compare => Asked::Query,
        }
    }
}

/// A query can do no harm: a verified 200 has named the number, people have resolved the order, or it
/// is past its window. Any other query might close a number that never arrived.
pub fn may_be_queried(standing: Standing, past_window: bool) -> bool {
    let state = standing.state;
    !state.is_unsent() && (state.was_named() || past_window || standing.resolved.is_some())
}

/// What an order that the ledger calls unfinished is asked first.
///
/// What may have been sent is asked by submitting it again, while that is idempotent: a query for a
/// number that never arrived may itself close it. A query comes only after a verified 200 or a
/// claimed close, or past the window.
pub fn first(state: State, weak: Weak, past_window: bool) -> Asked {
    match state {
        State::Pending => Asked::Submission,
        _ if past_window => Asked::Query,
        State::Processing => Asked::Query,
        State::Unknown | State::Closed => match (weak, state) {
            (Weak::Said, _) => Asked::Submission,
            (Weak::Refused, _) => Asked::Query,
            (Weak::No, State::Closed) => Asked::Query,
            (Weak::No, _) => Asked::Submission,
        },
        State::Held | State::Conflict | State::Cancelled => Asked::Submission,
        // A refusal said that nothing was accepted; a rerun asks for the same once more.
        State::Rejected => Asked::Submission,
        State::Expired => Asked::Query,
        State::Success | State::Failed | State::ClosedProven => Asked::Query,
    }
}

/// The circumstances of a step.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// Submitting is not idempotent any more.
    pub past_window: bool,
    /// Now.
    pub now: Mono,
    /// How long PROCESSING is followed.
    pub wait: Duration,
    /// 0 to 255: how much of the jitter is added.
    pub jitter: u8,
}

/// What is done after a reply was recorded and the order stands at `state`.
pub fn after(
    asked: Asked,
    meaning: &Meaning,
    state: State,
    tries: &mut Tries,
    at: Circumstances,
) -> Step {
    if state.is_final() || state == State::Rejected || state == State::Expired {
        return Step::Done;
    }
    let doubtful = matches!(
        meaning,
        Meaning::Doubt(_) | Meaning::NotSent | Meaning::Unauthorized
    );
    tries.doubts = if doubtful { tries.doubts + 1 } else { 0 };
    match (meaning, asked) {
        (Meaning::Success | Meaning::Failed { .. }, _) => Step::Done,
        (Meaning::Processing, _) => poll(tries, at),
        (Meaning::CloseClaimed | Meaning::Refused, Asked::Submission) => query(tries),
        (Meaning::CloseClaimed | Meaning::Refused, Asked::Query) => Step::Done,
        (Meaning::WeakClose, _) if at.past_window => Step::Done,
        (Meaning::WeakClose, _) => submit(tries, SAME_NUMBER_APART, at),
        (Meaning::Throttled { .. }, _) => {
            tries.throttles += 1;
            // A request that was not accepted is not one of the tries that the number has.
            let count = match asked {
                Asked::Submission => &mut tries.submissions,
                Asked::Query => &mut tries.queries,
            };
            *count = count.saturating_sub(1);
            if tries.throttles >= THROTTLES_A_RUN_MAX {
                return Step::Done;
            }
            Step::Ask(asked, SAME_NUMBER_APART)
        }
        (Meaning::Forbidden, _) => Step::Done,
        (Meaning::Unauthorized | Meaning::Doubt(_) | Meaning::NotSent, Asked::Submission) => {
            submit(tries, backoff(tries.doubts, at.jitter), at)
        }
        (Meaning::Unauthorized | Meaning::Doubt(_) | Meaning::NotSent, Asked::Query) => {
            if state == State::Processing {
                return poll(tries, at);
            }
            if tries.queries >= QUERIES_A_RUN_MAX {
                return Step::Done;
            }
            Step::Ask(Asked::Query, backoff(tries.doubts, at.jitter))
        }
    }
}

/// What is done after a query that is to be compared was recorded: an answer is an answer, whatever it
/// says; nothing that can be believed is asked for again.
pub fn after_comparing(meaning: &Meaning, tries: &mut Tries, at: Circumstances) -> Step {
    match meaning {
        Meaning::Success | Meaning::Failed { .. } | Meaning::Processing => return Step::Done,
        Meaning::WeakClose | Meaning::CloseClaimed | Meaning::Refused => return Step::Done,
        Meaning::Forbidden => return Step::Done,
        Meaning::Doubt(Doubt::OtherNumber | Doubt::OtherContent) => return Step::Done,
        Meaning::Doubt(Doubt::NoState | Doubt::NoJson) => return Step::Done,
        Meaning::Throttled { .. } => {
            tries.throttles += 1;
            // A request that was not accepted is not one of the tries that the number has.
            tries.queries = tries.queries.saturating_sub(1);
            return match tries.throttles < THROTTLES_A_RUN_MAX {
                true => Step::Ask(Asked::Query, SAME_NUMBER_APART),
                false => Step::Done,
            };
        }
        Meaning::Unauthorized | Meaning::NotSent => {}
        Meaning::Doubt(Doubt::ServerError | Doubt::UnlistedCode | Doubt::Unsigned) => {}
        Meaning::Doubt(Doubt::IllSigned | Doubt::Stale | Doubt::TimedOut | Doubt::Reset) => {}
    }
    tries.doubts += 1;
    match tries.queries < QUERIES_A_RUN_MAX {
        true => Step::Ask(Asked::Query, backoff(tries.doubts, at.jitter)),
        false => Step::Done,
    }
}

fn submit(tries: &Tries, pause: Duration, at: Circumstances) -> Step {
    if at.past_window {
        return query(tries);
    }
    if tries.submissions >= SUBMISSIONS_A_RUN_MAX {
        return Step::Done;
    }
    Step::Ask(Asked::Submission, pause)
}

fn query(tries: &Tries) -> Step {
    if tries.queries >= QUERIES_A_RUN_MAX {
        return Step::Done;
    }
    Step::Ask(Asked::Query, SAME_NUMBER_APART)
}

fn poll(tries: &mut Tries, at: Circumstances) -> Step {
    let since = *tries.processing_since.get_or_insert(at.now);
    let pause = POLL_SECONDS[(tries.polls as usize).min(POLL_SECONDS.len() - 1)];
    let pause = Duration::from_secs(pause);
    if at.now + pause > since + at.wait {
        return Step::Done;
    }
    tries.polls += 1;
    Step::Ask(Asked::Query, pause)
}

/// 1, 2, 4, 8 … s, and up to a quarter more.
fn backoff(doubts: u32, jitter: u8) -> Duration {
    let seconds = 1_u64 << doubts.saturating_sub(1).min(16);
    let pause = Duration::from_secs(seconds.min(BACKOFF_SECONDS_MAX));
    pause + pause * u32::from(jitter) / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Circumstances = Circumstances {
        past_window: false,
        now: Duration::ZERO,
        wait: Duration::from_secs(120),
        jitter: 0,
    };

    fn run(asked: Asked, meaning: &Meaning, state: State, mut at: Circumstances) -> Vec<u64> {
        let mut tries = Tries::default();
        let mut pauses = Vec::new();
        let mut asked = asked;
        loop {
            match asked {
                Asked::Submission => tries.submissions += 1,
                Asked::Query if state != State::Processing => tries.queries += 1,
                Asked::Query => {}
            }
            match after(asked, meaning, state, &mut tries, at) {
                Step::Done => return pauses,
                Step::Ask(next, pause) => {
                    asked = next;
                    at.now += pause;
                    pauses.push(pause.as_secs());
                }
            }
            assert!(pauses.len() < 100, "it ends");
        }
    }

    #[test]
    fn doubt_is_asked_again_under_its_own_number_six_times_at_most() {
        let doubt = Meaning::Doubt(Doubt::TimedOut);
        let pauses = run(Asked::Submission, &doubt, State::Unknown, AT);
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
        let pauses = run(Asked::Query, &doubt, State::Closed, AT);
        assert_eq!(pauses, [1, 2, 4, 8, 16]);
    }

    #[test]
    fn processing_is_polled_on_schedule_until_the_wait_is_over() {
        let pauses = run(
            Asked::Submission,
            &Meaning::Processing,
            State::Processing,
            AT,
        );
        assert_eq!(pauses, [2, 4, 8, 15, 30, 30, 30]);
        let short = Circumstances {
            wait: Duration::from_secs(5),
            ..AT
        };
        let pauses = run(
            Asked::Submission,
            &Meaning::Processing,
            State::Processing,
            short,
        );
        assert_eq!(pauses, [2]);
    }

    #[test]
    fn l4_past_the_window_nothing_is_submitted() {
        let past = Circumstances {
            past_window: true,
            ..AT
        };
        for state in [State::Unknown, State::Processing, State::Closed] {
            for weak in [Weak::No, Weak::Said, Weak::Refused] {
                assert_eq!(first(state, weak, true), Asked::Query);
            }
            for meaning in [
                Meaning::Doubt(Doubt::ServerError),
                Meaning::WeakClose,
                Meaning::CloseClaimed,
                Meaning::Refused,
                Meaning::Processing,
                Meaning::NotSent,
            ] {
                for asked in [Asked::Submission, Asked::Query] {
                    let step = after(asked, &meaning, state, &mut Tries::default(), past);
                    let submits = matches!(step, Step::Ask(Asked::Submission, _));
                    assert!(!submits, "{state} {meaning:?} {asked}");
                }
            }
        }
    }

    #[test]
    fn what_may_have_been_sent_is_asked_by_submitting_it_again() {
        for (state, weak, want) in [
            (State::Unknown, Weak::No, Asked::Submission),
            (State::Unknown, Weak::Said, Asked::Submission),
            (State::Unknown, Weak::Refused, Asked::Query),
            (State::Closed, Weak::No, Asked::Query),
            (State::Closed, Weak::Said, Asked::Submission),
            (State::Closed, Weak::Refused, Asked::Query),
            (State::Processing, Weak::No, Asked::Query),
        ] {
            assert_eq!(first(state, weak, false), want, "{state} {weak}");
        }
    }

    #[test]
    fn a_claimed_close_is_asked_for_its_proof_once() {
        let mut tries = Tries {
            submissions: 1,
            ..Tries::default()
        };
        let claimed = Meaning::CloseClaimed;
        let step = after(Asked::Submission, &claimed, State::Closed, &mut tries, AT);
        assert_eq!(step, Step::Ask(Asked::Query, SAME_NUMBER_APART));
        tries.queries = 1;
        let step = after(Asked::Query, &claimed, State::Closed, &mut tries, AT);
        assert_eq!(step, Step::Done);
    }
}

#[cfg(test)]
mod edges;
