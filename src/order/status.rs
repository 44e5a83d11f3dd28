//! The status of a row in the result, and what is to be done next.

use super::content::words;
use super::state::State;

words! {
    /// `levy_status`.
    Status {
        /// The amount was deducted.
        Success = "SUCCESS",
        /// Accepted, not final yet.
        Processing = "PROCESSING",
        /// Sent, outcome not known.
        Unknown = "UNKNOWN",
        /// Not sent yet.
        Pending = "PENDING",
        /// The gateway says failed: proven.
        Failed = "FAILED",
        /// Closed by the gateway, nothing deducted.
        Closed = "CLOSED",
        /// Refused, nothing deducted.
        Rejected = "REJECTED",
        /// No valid deduction; never sent.
        Invalid = "INVALID",
        /// One number, two contents.
        Conflict = "CONFLICT",
        /// Looks like another order of the same debt.
        Held = "HELD",
        /// Withdrawn before it was sent, or superseded.
        Cancelled = "CANCELLED",
        /// Still unknown past the window.
        Expired = "EXPIRED",
    }
}

words! {
    /// `levy_next_action`.
    NextAction {
        /// Nothing to do.
        None = "NONE",
        /// The same command again.
        RunAgain = "RUN_AGAIN",
        /// `levy rerun` gives it a new number.
        Reissue = "REISSUE",
        /// The row itself must be mended.
        FixRow = "FIX_ROW",
        /// A person must look at it.
        Review = "REVIEW",
    }
}

/// Runs after which an unproven close that no query confirmed is given to a person.
pub const PROOF_RUNS_MAX: u32 = 3;

impl Status {
    /// How an order's state shows in a row.
    pub fn of(state: State) -> Self {
        match state {
            State::Pending => Self::Pending,
            State::Held => Self::Held,
            State::Conflict => Self::Conflict,
            State::Cancelled => Self::Cancelled,
            State::Unknown => Self::Unknown,
            State::Processing => Self::Processing,
            State::Closed | State::ClosedProven => Self::Closed,
            State::Rejected => Self::Rejected,
            State::Expired => Self::Expired,
            State::Success => Self::Success,
            State::Failed => Self::Failed,
        }
    }
}

impl NextAction {
    /// What an order in this state wants; `proof_runs` counts the runs that asked in vain for the
    /// proof of a close.
    pub fn of(state: State, proof_runs: u32) -> Self {
        match state {
            State::Success | State::Cancelled => Self::None,
            State::Pending | State::Unknown | State::Processing => Self::RunAgain,
            State::Closed if proof_runs >= PROOF_RUNS_MAX => Self::Review,
            State::Closed => Self::RunAgain,
            State::Failed | State::ClosedProven => Self::Reissue,
            State::Rejected => Self::FixRow,
            State::Held | State::Conflict | State::Expired => Self::Review,
        }
    }
}
