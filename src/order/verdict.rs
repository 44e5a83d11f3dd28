//! What a reply came to mean for its order, and the proof that a new number needs.

use super::content::words;
use super::name::OrderNo;
use super::state::{Event, State};

/// Proof that a deduction's order is dead: a verified 200 said FAILED of this number.
///
/// Made only by `gateway::classify` from a verified reply, or by the ledger from
/// an order that is recorded as such, or that two people have resolved as failed
/// and whose window is over; consumed by the reissue (law L5).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    no: OrderNo,
}

impl Proof {
    /// For `gateway::classify` and `ledger` alone; a test looks for other callers.
    pub(crate) fn of_failed(no: OrderNo) -> Self {
        Self { no }
    }

    /// The number that is proven dead.
    pub fn no(&self) -> &OrderNo {
        &self.no
    }
}

words! {
    /// Why a reply settles nothing and says nothing.
    Doubt {
        /// 5xx.
        ServerError = "SERVER_ERROR",
        /// A code that is not in the table.
        UnlistedCode = "UNLISTED_CODE",
        /// A success without signature headers: forged.
        Unsigned = "UNSIGNED",
        /// Signature headers that do not verify (a probe among them), or one seen before.
        IllSigned = "ILL_SIGNED",
        /// Signed, but more than 300 s off.
        Stale = "STALE",
        /// Verified 200 that names another number.
        OtherNumber = "OTHER_NUMBER",
        /// Verified 200 whose echoed fields differ from what was asked.
        OtherContent = "OTHER_CONTENT",
        /// Verified 200 with no state, or one that is not in the document.
        NoState = "NO_STATE",
        /// Verified 200 that is no JSON object of the interface's form.
        NoJson = "NO_JSON",
        /// No reply in time.
        TimedOut = "TIMED_OUT",
        /// The connection ended before a whole reply, or the reply was too long.
        Reset = "RESET",
    }
}

/// What a reply says, whatever the order's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Verified 200, SUCCESS.
    Success,
    /// Verified 200, FAILED.
    Failed {
        /// What a reissue needs.
        proof: Proof,
        /// BALANCE_NOT_ENOUGH: closed by the gateway.
        closed: bool,
    },
    /// Verified 200, PROCESSING.
    Processing,
    /// NOT_ENOUGH or ALREADY_EXISTS: the number is closed, it says.
    CloseClaimed,
    /// A query says RECEIPT_NOT_EXIST_CLOSED where that is not proof yet.
    WeakClose,
    /// 429, or a code that contains LIMIT: not accepted, too fast.
    Throttled {
        /// `Retry-After`, in seconds.
        retry_after_seconds: Option<u64>,
    },
    /// 401: the caller's keys or clock.
    Unauthorized,
    /// 403 with another code: this merchant is not allowed.
    Forbidden,
    /// One of the codes that refuse a request as it stands.
    Refused,
    /// Nothing is known.
    Doubt(Doubt),
    /// The connection was never made.
    NotSent,
}

impl Meaning {
    /// One word for the journal.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed { .. } => "FAILED",
            Self::Processing => "PROCESSING",
            Self::CloseClaimed => "CLOSE_CLAIMED",
            Self::WeakClose => "WEAK_CLOSE",
            Self::Throttled { .. } => "THROTTLED",
            Self::Unauthorized => "UNAUTHORIZED",
            Self::Forbidden => "FORBIDDEN",
            Self::Refused => "REFUSED",
            Self::Doubt(doubt) => doubt.as_str(),
            Self::NotSent => "NOT_SENT",
        }
    }

    /// A submission that was answered like this may have been accepted by the gateway.
    pub fn may_have_been_accepted(&self) -> bool {
        match self {
            Self::Success | Self::Failed { .. } | Self::Processing => true,
            Self::CloseClaimed | Self::WeakClose | Self::Doubt(_) => true,
            Self::Throttled { .. } | Self::Unauthorized | Self::Forbidden => false,
            Self::Refused | Self::NotSent => false,
        }
    }
}

words! {
    /// How far the doubt about a RECEIPT_NOT_EXIST_CLOSED has come.
    ///
    /// A query for a number that never arrived may itself close it, so the query's word alone is no
    /// proof: the number is submitted once more, and only a refusal followed by FAILED is proof.
    Weak {
        /// No such answer.
        No = "",
        /// A query said so: one more submission is due.
        Said = "SAID",
        /// That submission was refused: the next FAILED is proof.
        Refused = "REFUSED",
    }
}

impl Weak {
    /// Of two views of the same doubt, the one after which more must be asked.
    pub fn farther_from_proof(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Said, _) | (_, Self::Said) => Self::Said,
            (Self::Refused, Self::Refused) => Self::Refused,
        }
    }
}

/// A reply's consequence for its order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What the reply says.
    pub meaning: Meaning,
    /// What it does to the order; the ledger applies it to the state that it finds.
    pub event: Event,
    /// The state that the order has now.
    pub state: State,
    /// How far the doubt about a close has come.
    pub weak: Weak,
    /// Something that a person must see.
    pub alert: Option<&'static str>,
}
