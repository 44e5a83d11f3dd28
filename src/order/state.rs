//! Where an order stands, what can happen to it, and the one table that says what follows.
//!
//! No wildcard arm: a state or an event that is added must be thought through against all others.
//! The CHECK in the ledger, the drawing in `docs/STATES.md` and this file agree by a test.

use super::content::words;

words! {
    /// Where an order stands. Each says who moves it on, and what a crash leaves behind.
    State {
        /// In the ledger, never sent. The run of a file that holds it sends it; a crash changes nothing.
        Pending = "PENDING",
        /// Never sent: it looks like another order that is alive or succeeded. A person releases it.
        Held = "HELD",
        /// Never sent: its number was asked for with another content. A person cancels it.
        Conflict = "CONFLICT",
        /// Never sent, and never will be: withdrawn or superseded.
        Cancelled = "CANCELLED",
        /// Its bytes may have left; the outcome is not known. Submitted again under its own number.
        /// A crash between intent and reply leaves an order here.
        Unknown = "UNKNOWN",
        /// A verified 200 said PROCESSING. Queried until final.
        Processing = "PROCESSING",
        /// The gateway claims to have closed it; not proven. One query fetches the proof.
        Closed = "CLOSED",
        /// Refused as it stands, and no earlier send can have been accepted. A person mends the row.
        Rejected = "REJECTED",
        /// Past its window, and the query did not settle it. A person finds out.
        Expired = "EXPIRED",
        /// A verified 200 said SUCCESS. Final.
        Success = "SUCCESS",
        /// A verified 200 said FAILED. Final, and the proof that a reissue needs.
        Failed = "FAILED",
        /// A verified 200 said FAILED for want of balance. Final, and the proof that a reissue needs.
        ClosedProven = "CLOSED_PROVEN",
    }
}

words! {
    /// Which of the two interfaces an attempt used.
    Asked {
        /// The submission (POST).
        Submission = "SUBMISSION",
        /// The query (GET).
        Query = "QUERY",
    }
}

/// What can happen to an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// An intent was written: from here on it counts as sent.
    Claimed(Asked),
    /// The connection of a claimed attempt was never made; the order stood at `before` the claim.
    NotSent {
        /// Where the order stood before the claim.
        before: State,
    },
    /// A verified 200 said SUCCESS.
    Succeeded,
    /// A verified 200 said FAILED.
    Failed {
        /// The reason was BALANCE_NOT_ENOUGH: the gateway closed the order.
        closed: bool,
    },
    /// A verified 200 said PROCESSING (or was a 202), to a submission.
    Accepted,
    /// 403 NOT_ENOUGH or 400 ALREADY_EXISTS came, to a submission.
    CloseClaimed,
    /// A refusal came to a submission, and no earlier send can have been accepted.
    Refused,
    /// Whatever came settles nothing.
    Unsettled,
    /// Past the window the query spoke, and did not settle it.
    WindowPassed,
    /// The number was asked for with another content.
    Frozen,
    /// A person said that it is no repetition.
    Released,
    /// A person told of a time from which on it may have been sent without this ledger's knowledge.
    MaybeSent,
    /// A person or a superseding row withdrew it.
    Withdrawn,
}

impl State {
    /// The state that follows, or `None` where the event cannot happen in this state.
    ///
    /// Errors never move an order backwards; a final state never changes (a contradicting answer is
    /// recorded beside it and raises an alert).
    pub fn next(self, event: Event) -> Option<State> {
        use State::*;
        match (event, self) {
            (Event::Claimed(Asked::Submission), Pending | Unknown | Rejected) => Some(Unknown),
            (Event::Claimed(Asked::Submission), Processing | Closed) => Some(self),
            (Event::Claimed(Asked::Submission), Held | Conflict | Cancelled) => None,
            (Event::Claimed(Asked::Submission), Expired | Success | Failed | ClosedProven) => None,

            (Event::Claimed(Asked::Query), Unknown | Processing | Closed) => Some(self),
            (Event::Claimed(Asked::Query), Rejected | Expired) => Some(self),
            (Event::Claimed(Asked::Query), Success | Failed | ClosedProven) => Some(self),
            (Event::Claimed(Asked::Query), Pending | Held | Conflict | Cancelled) => None,

            (Event::NotSent { before: Pending }, Unknown) => Some(Pending),
            (Event::NotSent { before: Rejected }, Unknown) => Some(Rejected),
            (Event::NotSent { before }, _) if before == self => Some(self),
            (Event::NotSent { .. }, _) => None,

            (_, Pending | Held | Conflict | Cancelled) => match event {
                Event::Frozen if matches!(self, Pending | Held | Conflict) => Some(Conflict),
                Event::Released if self == Held => Some(Pending),
                Event::MaybeSent if self == Pending => Some(Unknown),
                Event::Withdrawn if self != Cancelled => Some(Cancelled),
                _ => None,
            },
            (Event::Frozen | Event::Released | Event::Withdrawn, _) => None,

            (Event::MaybeSent, Unknown | Processing | Closed | Rejected | Expired) => Some(self),
            (Event::MaybeSent, Success | Failed | ClosedProven) => None,

            (
                Event::Succeeded
                | Event::Failed { .. }
                | Event::Accepted
                | Event::CloseClaimed
                | Event::Refused
                | Event::Unsettled
                | Event::WindowPassed,
                Success | Failed | ClosedProven,
            ) => Some(self),
            (Event::Succeeded, Unknown | Processing | Closed | Rejected | Expired) => Some(Success),
            (Event::Failed { closed }, Unknown | Processing | Closed | Rejected | Expired) => {
                Some(if closed { ClosedProven } else { Failed })
            }
            (Event::Accepted, Unknown | Processing | Closed | Rejected | Expired) => {
                Some(Processing)
            }
            (Event::CloseClaimed, Unknown | Processing | Closed | Rejected) => Some(Closed),
            (Event::CloseClaimed, Expired) => Some(Expired),
            (Event::Refused, Unknown | Rejected) => Some(Rejected),
            (Event::Refused, Processing | Closed | Expired) => Some(self),
            (Event::Unsettled, Unknown | Processing | Closed | Rejected | Expired) => Some(self),
            (Event::WindowPassed, Unknown | Processing | Closed | Expired) => Some(Expired),
            (Event::WindowPassed, Rejected) => Some(Rejected),
        }
    }

    /// The state after an answer to one of an order's attempts, while others may be out: `newer` says that
    /// there is a newer attempt, `maybe_accepted` how many other submissions may have been accepted.
    ///
    /// Then no answer makes it count as never sent, or as refused: it speaks of its own attempt alone, and
    /// what is called unsent or refused is withdrawn, mended or given afresh, beside the one that is out.
    pub fn answered(self, event: Event, newer: bool, maybe_accepted: u32) -> State {
        let next = self.next(event).unwrap_or(self);
        let others = newer || maybe_accepted > 0;
        let backwards = match event {
            Event::NotSent { .. } if next == State::Rejected => newer && next != self,
            Event::Refused => others && next != self,
            _ => others && next.is_unsent() && next != self,
        };
        if backwards { self } else { next }
    }

    /// A verified answer settled it, for ever.
    pub fn is_final(self) -> bool {
        matches!(self, Self::Success | Self::Failed | Self::ClosedProven)
    }

    /// A verified 200 has named the number, so that asking for it can't close it.
    pub fn was_named(self) -> bool {
        self.is_final() || self == Self::Processing
    }

    /// A verified answer proved that nothing was or will be deducted under this number.
    pub fn is_proven_dead(self) -> bool {
        matches!(self, Self::Failed | Self::ClosedProven)
    }

    /// It is in the ledger, but no byte of it ever left.
    pub fn is_unsent(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Held | Self::Conflict | Self::Cancelled
        )
    }

    /// A run has something to do for it.
    pub fn is_unfinished(self) -> bool {
        matches!(
            self,
            Self::Pending | Self::Unknown | Self::Processing | Self::Closed
        )
    }

    /// It may still deduct, or has: at most one such order of a deduction exists.
    pub fn is_alive(self) -> bool {
        !matches!(self, Self::Failed | Self::ClosedProven | Self::Cancelled)
    }

    /// A second order for the same debt is held while another stands here.
    pub fn holds_others(self) -> bool {
        match self {
            Self::Pending | Self::Unknown | Self::Processing | Self::Closed => true,
            Self::Success | Self::Expired => true,
            Self::Held | Self::Conflict | Self::Cancelled | Self::Rejected => false,
            Self::Failed | Self::ClosedProven => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events() -> Vec<Event> {
        let mut events = vec![
            Event::Claimed(Asked::Submission),
            Event::Claimed(Asked::Query),
            Event::Succeeded,
            Event::Failed { closed: false },
            Event::Failed { closed: true },
            Event::Accepted,
            Event::CloseClaimed,
            Event::Refused,
            Event::Unsettled,
            Event::WindowPassed,
            Event::Frozen,
            Event::Released,
            Event::MaybeSent,
            Event::Withdrawn,
        ];
        events.extend(State::ALL.iter().map(|&before| Event::NotSent { before }));
        events
    }

    #[test]
    fn l3_only_a_verified_answer_settles_and_nothing_moves_a_settled_order() {
        for &state in State::ALL {
            for event in events() {
                let Some(next) = state.next(event) else {
                    continue;
                };
                if next.is_final() && !state.is_final() {
                    assert!(matches!(event, Event::Succeeded | Event::Failed { .. }));
                }
                if state.is_final() {
                    assert_eq!(next, state, "{state} on {event:?}");
                }
            }
        }
    }

    #[test]
    fn l1_only_a_connection_that_was_never_made_gives_an_unsent_state_back() {
        for &state in State::ALL {
            for event in events() {
                let Some(next) = state.next(event) else {
                    continue;
                };
                if next.is_unsent() && !state.is_unsent() {
                    assert_eq!(
                        event,
                        Event::NotSent {
                            before: State::Pending
                        },
                        "{state}"
                    );
                }
            }
        }
    }

    #[test]
    fn l3_no_answer_moves_an_order_back_while_another_attempt_may_be_out() {
        for &state in State::ALL {
            for event in events() {
                let alone = state.answered(event, false, 0);
                assert_eq!(alone, state.next(event).unwrap_or(state));
                for (newer, maybe_accepted) in [(true, 0), (false, 1), (true, 1)] {
                    let next = state.answered(event, newer, maybe_accepted);
                    assert!(next == alone || next == state, "{state} on {event:?}");
                    if next != state && !state.is_unsent() {
                        assert!(!next.is_unsent(), "{state} on {event:?}");
                    }
                    if next != state && next == State::Rejected {
                        let before = Event::NotSent { before: next };
                        assert!(!newer && event == before, "{state} on {event:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_was_never_sent_is_sent_only_from_pending() {
        for &state in State::ALL {
            let sent = state.next(Event::Claimed(Asked::Submission)).is_some();
            assert_eq!(
                sent && state.is_unsent(),
                state == State::Pending,
                "{state}"
            );
            if state.is_unsent() {
                assert_eq!(state.next(Event::Claimed(Asked::Query)), None, "{state}");
            }
        }
    }

    #[test]
    fn l5_an_order_is_dead_only_by_proof_or_unsent() {
        for &state in State::ALL {
            assert_eq!(
                state.is_alive(),
                !(state.is_proven_dead() || state == State::Cancelled)
            );
        }
    }
}
