//! The gateway's moods: which fault a request meets.

use super::dice::{Dice, Knobs};

/// What happens to one request, whatever number of times it arrives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Well,
    ErrorBefore,
    ErrorAfter,
    Throttled,
    Unauthorized,
    Refused(u16, &'static str),
    Unlisted(u16, &'static str),
    /// Something closes it, it says, and nobody signed that.
    ForgedClose(bool),
    Nonsense(u8),
}

impl Mood {
    pub fn drawn(dice: &mut Dice, knobs: &Knobs) -> Self {
        for (permille, mood) in [
            (knobs.error_before, Self::ErrorBefore),
            (knobs.error_after, Self::ErrorAfter),
            (knobs.throttles, Self::Throttled),
            (knobs.unauthorized, Self::Unauthorized),
        ] {
            if dice.strikes(permille) {
                return mood;
            }
        }
        if dice.strikes(knobs.refuses) {
            let refusals = [
                (400, "PARAM_ERROR"),
                (400, "INVALID_REQUEST"),
                (404, "RESOURCE_NOT_EXISTS"),
                (404, "NOT_FOUND"),
            ];
            let (status, code) = dice.pick(&refusals);
            return Self::Refused(status, code);
        }
        if dice.strikes(knobs.unlisted) {
            let codes = [
                (400, "RULE_LIMIT"),
                (400, "SOMETHING_NEW"),
                (403, "NO_SUCH_WORD"),
                (404, "WHO_KNOWS"),
                (409, "CONFLICT"),
                (301, "MOVED"),
            ];
            let (status, code) = dice.pick(&codes);
            return Self::Unlisted(status, code);
        }
        if dice.strikes(knobs.forged_closes) {
            return Self::ForgedClose(dice.below(2) == 0);
        }
        if dice.strikes(knobs.nonsense) {
            return Self::Nonsense(dice.below(6) as u8);
        }
        Self::Well
    }
}
