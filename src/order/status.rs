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

words! {
    /// What two people found out elsewhere about an order that the gateway has not settled. It stands
    /// beside the order's state and never moves it; a verified answer always wins.
    Resolution {
        /// The amount was deducted.
        Success = "SUCCESS",
        /// Nothing was deducted.
        Failed = "FAILED",
    }
}

impl Resolution {
    /// What a person must see where a verified answer says otherwise.
    pub const CONTRADICTED: &'static str =
        "a signed reply contradicts what two people had resolved this order as";

    /// A verified answer that brought the order to this state says the opposite.
    pub fn contradicts(self, state: State) -> bool {
        match self {
            Self::Success => state.is_proven_dead(),
            Self::Failed => state == State::Success,
        }
    }
}

/// What became of an order's money, for sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It was deducted.
    Deducted,
    /// It may still be.
    Open,
    /// It was not, and will not be under this number.
    Dead,
}

impl Fate {
    /// The fate of an order; what people found out counts until a verified answer settles it.
    pub fn of(state: State, resolved: Option<Resolution>) -> Self {
        match (state, resolved) {
            (State::Success, _) => Self::Deducted,
            (State::Failed | State::ClosedProven, _) => Self::Dead,
            (_, Some(Resolution::Success)) => Self::Deducted,
            (_, Some(Resolution::Failed)) => Self::Dead,
            (State::Cancelled | State::Rejected, None) => Self::Dead,
            (State::Pending | State::Held | State::Conflict | State::Unknown, None) => Self::Open,
            (State::Processing | State::Closed | State::Expired, None) => Self::Open,
        }
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

    /// The same with what people found out, which counts until a verified answer settles the order.
    pub fn shown(state: State, resolved: Option<Resolution>) -> Self {
        match resolved {
            Some(Resolution::Success) if !state.is_final() => Self::Success,
            Some(Resolution::Failed) if !state.is_final() => Self::Failed,
            Some(_) | None => Self::of(state),
        }
    }
}

impl Status {
    /// The word in a Chinese result.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::Success => "成功",
            Self::Processing => "处理中",
            Self::Unknown => "结果未知",
            Self::Pending => "未提交",
            Self::Failed => "失败",
            Self::Closed => "已关闭",
            Self::Rejected => "被拒绝",
            Self::Invalid => "无效",
            Self::Conflict => "冲突",
            Self::Held => "待确认",
            Self::Cancelled => "已撤销",
            Self::Expired => "已过期",
        }
    }

    /// The status of a word of a result, be it English or Chinese.
    pub fn from_shown(word: &str) -> Option<Self> {
        let chinese = || Self::ALL.iter().copied().find(|s| s.chinese() == word);
        Self::from_word(word).or_else(chinese)
    }
}

impl NextAction {
    /// The word in a Chinese result.
    pub fn chinese(self) -> &'static str {
        match self {
            Self::None => "无需处理",
            Self::RunAgain => "再次运行",
            Self::Reissue => "可重新发起",
            Self::FixRow => "修改此行",
            Self::Review => "人工核实",
        }
    }

    /// A person has to do something about the row.
    pub fn needs_person(self) -> bool {
        match self {
            Self::Reissue | Self::FixRow | Self::Review => true,
            Self::None | Self::RunAgain => false,
        }
    }

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

    /// The same with what people found out, which counts until a verified answer settles the order.
    pub fn shown(state: State, proof_runs: u32, resolved: Option<Resolution>) -> Self {
        match resolved {
            Some(Resolution::Success) if !state.is_final() => Self::None,
            Some(Resolution::Failed) if !state.is_final() => Self::Reissue,
            Some(_) | None => Self::of(state, proof_runs),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_is_read_back_in_both_languages() {
        for &status in Status::ALL {
            assert_eq!(Status::from_shown(status.as_str()), Some(status));
            assert_eq!(Status::from_shown(status.chinese()), Some(status));
        }
        let mut words: Vec<_> = NextAction::ALL.iter().map(|a| a.chinese()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), NextAction::ALL.len());
        assert_eq!(Status::from_shown("未知"), None);
    }

    #[test]
    fn what_people_found_out_counts_until_a_verified_answer_settles_the_order() {
        for &state in State::ALL {
            for &resolved in Resolution::ALL {
                let shown = Status::shown(state, Some(resolved));
                let action = NextAction::shown(state, 0, Some(resolved));
                let want = match (state.is_final(), resolved) {
                    (true, _) => (Status::of(state), NextAction::of(state, 0)),
                    (false, Resolution::Success) => (Status::Success, NextAction::None),
                    (false, Resolution::Failed) => (Status::Failed, NextAction::Reissue),
                };
                assert_eq!((shown, action), want, "{state} {resolved}");
                let opposite = state.is_final()
                    && (state == State::Success) != (resolved == Resolution::Success);
                assert_eq!(resolved.contradicts(state), opposite, "{state} {resolved}");
            }
            assert_eq!(Status::shown(state, None), Status::of(state));
        }
    }
}
