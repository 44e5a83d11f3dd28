//! Scripts: what an order's own reason tells the sandbox to do with it.
//!
//! ```text
//! reason    = "#sandbox" { " " part }
//! part      = "post=" steps | "get=" steps | "note=" any text without a blank
//! steps     = step { "," step }
//! step      = outcome | delivery | outcome "+" delivery
//! outcome   = "success" | "not-enough" | "processing" | "processing-failed"
//!           | "processing-forever" | "failed" | "failed-balance" | "failed-receipt"
//!           | "failed-timeout" | "state"            (the three with "processing-", "not-enough": post;
//!                                                 "state": get)
//! delivery  = "drop-before" | "drop-after" | "500" | "500-after" | "429" | "502" | "401" | "202"
//!           | "bad-signature" | "no-signature" | "stale" | "probe" | "wrong-number"
//!           | "wrong-amount" | "bad-state" | "slow" | "slow-MILLISECONDS" | "param-error"
//!           | "no-auth" | "not-found" | "unlisted"
//! ```
//!
//! One step is used up by each request of that interface for that number; the last one repeats. An
//! *outcome* says what becomes of the order, a *delivery* what becomes of the reply. `note=` only
//! makes one reason differ from another. It knows neither orders nor replies.

use super::limits::{DELAY_MS_MAX, SLOW_MS, STEPS_MAX};

/// What makes a reason a script.
pub(super) const PREFIX: &str = "#sandbox";

/// What becomes of the order, where it is still open to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Deducted.
    Success,
    /// Closed, then refused with 403.
    NotEnough,
    /// Processing, for a while or for ever.
    Processing(Becomes),
    /// Failed, said with a 200.
    Failed(FailReason),
    /// Nothing: the order's state is told.
    State,
}

/// What a processing order becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Becomes {
    Success,
    Failed,
    Nothing,
}

/// `fail_reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailReason {
    Balance,
    Receipt,
    TimeOut,
}

impl FailReason {
    /// The interface's word.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "BALANCE_NOT_ENOUGH",
            Self::Receipt => "RECEIPT_NOT_EXIST_CLOSED",
            Self::TimeOut => "TIME_OUT_CLOSED",
        }
    }

    /// Reads the interface's word back.
    pub(super) fn parse(word: &str) -> Option<Self> {
        [Self::Balance, Self::Receipt, Self::TimeOut]
            .into_iter()
            .find(|reason| reason.as_str() == word)
    }
}

/// What becomes of the reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delivery {
    Plain,
    DropBefore,
    DropAfter,
    Error500,
    Error500After,
    Throttled,
    BadGateway,
    Unauthorized,
    Accepted202,
    BadSignature,
    NoSignature,
    Stale,
    Probe,
    WrongNumber,
    WrongAmount,
    BadState,
    /// Held back for so many milliseconds.
    Slow(u64),
    ParamError,
    NoAuth,
    NotFound,
    Unlisted,
}

impl Delivery {
    /// Whether the request is processed at all.
    pub(super) fn has_effect(self) -> bool {
        match self {
            Self::Plain
            | Self::DropAfter
            | Self::Error500After
            | Self::Accepted202
            | Self::BadSignature
            | Self::NoSignature
            | Self::Stale
            | Self::Probe
            | Self::WrongNumber
            | Self::WrongAmount
            | Self::BadState
            | Self::Slow(_) => true,
            Self::DropBefore
            | Self::Error500
            | Self::Throttled
            | Self::BadGateway
            | Self::Unauthorized
            | Self::ParamError
            | Self::NoAuth
            | Self::NotFound
            | Self::Unlisted => false,
        }
    }

    fn parse(word: &str) -> Option<Self> {
        Some(match word {
            "drop-before" => Self::DropBefore,
            "drop-after" => Self::DropAfter,
            "500" => Self::Error500,
            "500-after" => Self::Error500After,
            "429" => Self::Throttled,
            "502" => Self::BadGateway,
            "401" => Self::Unauthorized,
            "202" => Self::Accepted202,
            "bad-signature" => Self::BadSignature,
            "no-signature" => Self::NoSignature,
            "stale" => Self::Stale,
            "probe" => Self::Probe,
            "wrong-number" => Self::WrongNumber,
            "wrong-amount" => Self::WrongAmount,
            "bad-state" => Self::BadState,
            "slow" => Self::Slow(SLOW_MS),
            "param-error" => Self::ParamError,
            "no-auth" => Self::NoAuth,
            "not-found" => Self::NotFound,
            "unlisted" => Self::Unlisted,
            _ => {
                let ms = word.strip_prefix("slow-")?.parse().ok()?;
                return (ms <= DELAY_MS_MAX).then_some(Self::Slow(ms));
            }
        })
    }
}

/// One step of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub outcome: Outcome,
    pub delivery: Delivery,
}

/// What is done to a submission without a script.
pub(super) const POST_PLAIN: Step = Step {
    outcome: Outcome::Success,
    delivery: Delivery::Plain,
};

/// What is done to a query without a script.
pub(super) const GET_PLAIN: Step = Step {
    outcome: Outcome::State,
    delivery: Delivery::Plain,
};

/// The interface that a step is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Which {
    Post,
    Get,
}

/// A script, read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Script {
    post: Vec<Step>,
    get: Vec<Step>,
}

impl Script {
    /// Reads a reason: no script, a script, or what is wrong with it.
    pub(super) fn parse(reason: Option<&str>) -> Result<Self, String> {
        let mut script = Self::default();
        let Some(rest) = reason.and_then(|reason| reason.strip_prefix(PREFIX)) else {
            return Ok(script);
        };
        if !rest.is_empty() && !rest.starts_with(' ') {
            return Err(format!("a blank must follow {PREFIX}"));
        }
        for part in rest.split(' ').filter(|part| !part.is_empty()) {
            let (name, steps) = part
                .split_once('=')
                .ok_or_else(|| format!("{part:?} is not post=…, get=… or note=…"))?;
            let (list, which) = match name {
                "post" => (&mut script.post, Which::Post),
                "get" => (&mut script.get, Which::Get),
                "note" => continue,
                _ => return Err(format!("{name:?} is not post, get or note")),
            };
            if !list.is_empty() {
                return Err(format!("{name} is given twice"));
            }
            for word in steps.split(',') {
                list.push(step(word, which).ok_or_else(|| {
                    format!("{word:?} is no step of {name} (docs/SANDBOX.md lists them)")
                })?);
            }
            if list.len() > STEPS_MAX {
                return Err(format!("{name} has more than {STEPS_MAX} steps"));
            }
        }
        Ok(script)
    }

    /// The step at this place, the last one repeating.
    pub(super) fn step(&self, which: Which, place: u32) -> Step {
        let (list, plain) = match which {
            Which::Post => (&self.post, POST_PLAIN),
            Which::Get => (&self.get, GET_PLAIN),
        };
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        list.get(place).or(list.last()).copied().unwrap_or(plain)
    }
}

fn step(word: &str, which: Which) -> Option<Step> {
    let plain = match which {
        Which::Post => POST_PLAIN,
        Which::Get => GET_PLAIN,
    };
    if let Some((left, right)) = word.split_once('+') {
        let step = Step {
            outcome: outcome(left, which)?,
            delivery: Delivery::parse(right)?,
        };
        // An outcome of a request that is not processed is a contradiction.
        return step.delivery.has_effect().then_some(step);
    }
    if let Some(outcome) = outcome(word, which) {
        return Some(Step { outcome, ..plain });
    }
    let delivery = Delivery::parse(word)?;
    let outcome = match (delivery, which) {
        (Delivery::Accepted202, Which::Post) => Outcome::Processing(Becomes::Success),
        _ => plain.outcome,
    };
    Some(Step { outcome, delivery })
}

fn outcome(word: &str, which: Which) -> Option<Outcome> {
    Some(match (word, which) {
        ("state" | "processing", Which::Get) => Outcome::State,
        ("success", _) => Outcome::Success,
        ("not-enough", Which::Post) => Outcome::NotEnough,
        ("processing", Which::Post) => Outcome::Processing(Becomes::Success),
        ("processing-failed", Which::Post) => Outcome::Processing(Becomes::Failed),
        ("processing-forever", Which::Post) => Outcome::Processing(Becomes::Nothing),
        ("failed" | "failed-timeout", _) => Outcome::Failed(FailReason::TimeOut),
        ("failed-balance", _) => Outcome::Failed(FailReason::Balance),
        ("failed-receipt", _) => Outcome::Failed(FailReason::Receipt),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_without_the_prefix_is_no_script() {
        for reason in [
            None,
            Some("司法案件号:202508080009"),
            Some("a #sandbox post=500"),
        ] {
            let script = Script::parse(reason).expect("no script");
            assert_eq!(script.step(Which::Post, 0), POST_PLAIN, "{reason:?}");
            assert_eq!(script.step(Which::Get, 7), GET_PLAIN, "{reason:?}");
        }
    }

    #[test]
    fn steps_are_used_up_in_order_and_the_last_one_repeats() {
        let script = Script::parse(Some(
            "#sandbox post=drop-after,not-enough+stale get=500,state note=7",
        ))
        .expect("a script");
        let posts: Vec<_> = (0..4)
            .map(|place| script.step(Which::Post, place))
            .collect();
        let after = Step {
            outcome: Outcome::Success,
            delivery: Delivery::DropAfter,
        };
        let closed = Step {
            outcome: Outcome::NotEnough,
            delivery: Delivery::Stale,
        };
        assert_eq!(posts, [after, closed, closed, closed]);
        assert_eq!(script.step(Which::Get, 0).delivery, Delivery::Error500);
        assert_eq!(script.step(Which::Get, 1), GET_PLAIN);
    }

    #[test]
    fn a_malformed_script_is_refused_in_words() {
        for (reason, says) in [
            ("#sandboxes", "a blank must follow"),
            ("#sandbox post", "is not post="),
            ("#sandbox put=500", "is not post, get or note"),
            ("#sandbox post=", "is no step"),
            ("#sandbox post=sucess", "\"sucess\" is no step of post"),
            ("#sandbox post=500,,500", "is no step"),
            ("#sandbox post=500 post=500", "given twice"),
            ("#sandbox post=success+500", "is no step"),
            ("#sandbox post=slow-999999999", "is no step"),
            ("#sandbox get=not-enough", "is no step of get"),
        ] {
            let fault = Script::parse(Some(reason)).expect_err(reason);
            assert!(fault.contains(says), "{reason}: {fault}");
        }
        let long = format!("#sandbox post={}", vec!["500"; STEPS_MAX + 1].join(","));
        assert!(Script::parse(Some(&long)).is_err());
    }
}
