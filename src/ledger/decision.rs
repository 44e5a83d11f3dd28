//! What people decide about a ledger or an order: who, when, why. Entries of the journal.
//!
//! It knows no database; names and words are checked here, once.

use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::{JournalHead, PlanId};
use crate::clock::WallMs;
use crate::order::{OrderNo, Resolution, is_invisible, words};

/// Characters of a person's name.
pub const PERSON_CHARS_MAX: usize = 64;
/// Characters of a reason or of evidence.
pub const WORDS_CHARS_MAX: usize = 1_000;

words! {
    /// What was decided; the journal's word.
    DecisionKind {
        /// A held order may be sent.
        Release = "RELEASE",
        /// An order was found to have been deducted.
        ResolveSuccess = "RESOLVE_SUCCESS",
        /// An order was found not to have been deducted.
        ResolveFailed = "RESOLVE_FAILED",
        /// Nothing may be sent.
        Freeze = "FREEZE",
        /// Sending is allowed again.
        Unfreeze = "UNFREEZE",
        /// A number that another tool has used was taken over; that tool did not know its outcome.
        Import = "IMPORT",
        /// The same, and that tool called it deducted.
        ImportSuccess = "IMPORT_SUCCESS",
        /// The same, and that tool called it failed.
        ImportFailed = "IMPORT_FAILED",
        /// The ledger came back from a backup; or an order may have been sent since that was made.
        Restored = "RESTORED",
        /// A plan may be run: its maker, and who approved it.
        Approve = "APPROVE",
    }
}

/// A person's name, as it was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person(String);

impl Person {
    /// Checks a name: one line of 1 to `PERSON_CHARS_MAX` characters; blanks around it are dropped.
    pub fn parse(text: &str) -> Result<Self, String> {
        line(text, PERSON_CHARS_MAX).map(Self)
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both are one person's: names that differ by case, width or blanks alone.
    pub fn is(&self, other: &Self) -> bool {
        self.folded() == other.folded()
    }

    /// Names that differ by case, width or blanks alone are one person's.
    fn folded(&self) -> String {
        let lower = self.0.nfkc().flat_map(char::to_lowercase);
        lower.filter(|c| !c.is_whitespace()).collect()
    }
}

/// Two people who are not the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TwoPeople {
    first: Person,
    second: Person,
}

impl TwoPeople {
    /// Refuses one person under one name.
    pub fn new(first: Person, second: Person) -> Result<Self, String> {
        match first.is(&second) {
            true => Err(format!(
                "{} is one person, and two are needed",
                first.as_str()
            )),
            false => Ok(Self { first, second }),
        }
    }

    /// Their names.
    pub fn names(&self) -> (&str, &str) {
        (self.first.as_str(), self.second.as_str())
    }
}

/// Who stands for what is told: one person, or two where that is asked for.
pub trait By {
    /// Their names.
    fn by(&self) -> (&str, Option<&str>);
}

impl By for Person {
    fn by(&self) -> (&str, Option<&str>) {
        (self.as_str(), None)
    }
}

impl By for TwoPeople {
    fn by(&self) -> (&str, Option<&str>) {
        let (first, second) = self.names();
        (first, Some(second))
    }
}

/// Why something was decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words(String);

impl Words {
    /// Checks a text: one line of 1 to `WORDS_CHARS_MAX` characters; blanks around it are dropped.
    pub fn parse(text: &str) -> Result<Self, String> {
        line(text, WORDS_CHARS_MAX).map(Self)
    }

    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn line(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    match text.chars().count() {
        0 => return Err("must be given".into()),
        count if count > chars_max => return Err(format!("has more than {chars_max} characters")),
        _ => {}
    }
    if text.chars().any(char::is_control) {
        return Err("must be one line".into());
    }
    // Two names that look the same would pass for two people.
    match text.chars().any(is_invisible) {
        true => Err("must not contain invisible characters".into()),
        false => Ok(text.to_owned()),
    }
}

/// A decision, to be made durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Nothing is sent on this ledger any more.
    Freeze {
        /// Who says so.
        by: Person,
        /// Why.
        reason: Words,
    },
    /// Sending is allowed again.
    Unfreeze {
        /// Who says so.
        by: Person,
    },
    /// What became of an order that the gateway has not settled.
    Resolve {
        /// Which order.
        no: OrderNo,
        /// What was found out.
        resolution: Resolution,
        /// By whom.
        by: TwoPeople,
        /// How.
        evidence: Words,
    },
    /// A plan may be run. It must be the newest of its file, and not run yet.
    Approve {
        /// Which plan.
        plan: PlanId,
        /// Who says so: not who made it.
        by: Person,
    },
}

/// A decision as the journal keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// What was decided.
    pub kind: DecisionKind,
    /// Who decided.
    pub by_first: String,
    /// The second person, where two are needed.
    pub by_second: Option<String>,
    /// When.
    pub at: WallMs,
    /// Why; may be empty. Of an import: where the number stands, `FILE:LINE`.
    pub words: String,
    /// The earliest time at which sends that the journal does not know may have been made: of an
    /// import, and of a ledger that came back from a backup.
    pub since: Option<WallMs>,
}

impl DecisionKind {
    /// What people called an order with it, if they did.
    pub fn resolution(self) -> Option<Resolution> {
        match self {
            Self::ResolveSuccess | Self::ImportSuccess => Some(Resolution::Success),
            Self::ResolveFailed | Self::ImportFailed => Some(Resolution::Failed),
            Self::Release
            | Self::Freeze
            | Self::Unfreeze
            | Self::Import
            | Self::Restored
            | Self::Approve => None,
        }
    }

    /// The import of a number with this outcome, as the other tool had it.
    pub fn import(outcome: Option<Resolution>) -> Self {
        match outcome {
            Some(Resolution::Success) => Self::ImportSuccess,
            Some(Resolution::Failed) => Self::ImportFailed,
            None => Self::Import,
        }
    }
}

impl Decided {
    /// Who decided, in words.
    fn people(&self) -> String {
        match &self.by_second {
            Some(second) => format!("{} and {second}", self.by_first),
            None => self.by_first.clone(),
        }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since.map(WallMs::rfc3339).unwrap_or_default();
        match self.kind {
            DecisionKind::Import | DecisionKind::ImportSuccess | DecisionKind::ImportFailed => {
                let outcome = self.kind.resolution().map_or("UNKNOWN", |r| r.as_str());
                let (by, at) = (self.people(), self.at.rfc3339());
                let words = &self.words;
                return write!(
                    f,
                    "imported from {words} by {by} on {at}: {outcome}, first sent {since}"
                );
            }
            DecisionKind::Restored => {
                let (by, at) = (self.people(), self.at.rfc3339());
                return write!(
                    f,
                    "may have been sent since {since}: the ledger came back from a backup, told by \
                     {by} (written on {at})"
                );
            }
            DecisionKind::Release
            | DecisionKind::ResolveSuccess
            | DecisionKind::ResolveFailed
            | DecisionKind::Freeze
            | DecisionKind::Unfreeze
            | DecisionKind::Approve => {}
        }
        write!(f, "{} by {}", self.kind, self.people())?;
        write!(f, " on {}", self.at.rfc3339())?;
        match self.words.is_empty() {
            true => Ok(()),
            false => write!(f, ": {}", self.words),
        }
    }
}

/// Who stopped all sending, when and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frozen {
    /// Who.
    pub by: String,
    /// Since when.
    pub at: WallMs,
    /// Why.
    pub reason: String,
}

/// What begins everything that a move writes into a journal: a person's words never do.
pub(in crate::ledger) const MOVE: &str = "levy ledger move: ";
/// What the journals of a move say while they are closed, before where it goes. An older levy knows a ledger
/// that has moved by it, and thaws none: whatever else is to be said stands behind the place.
const MOVED_TO: &str = "levy ledger move: to ";
/// What the new one says of itself once all is in it: before what makes this copy one of its own.
const MOVED_COPY: &str = " copy ";
/// What the old one says once all of it is there and verified: before the head of the copy that is opened.
const MOVED_WHOLE: &str = " whole at ";

/// What a move says of the ledger that it closes.
pub(in crate::ledger) fn moved_to(to: &str) -> String {
    format!("{MOVED_TO}{to}")
}

/// What it says in the copy, which no other copy says.
pub(in crate::ledger) fn moved_copy(to: &str, id: u64) -> String {
    format!("{MOVED_TO}{to}{MOVED_COPY}{id:016x}")
}

/// What it says of the ledger that it closed once the copy that stands at this head may be opened.
pub(in crate::ledger) fn moved_whole(to: &str, head: JournalHead) -> String {
    format!("{MOVED_TO}{to}{MOVED_WHOLE}{head}")
}

/// How far a move has come, by what a ledger says that it closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leg {
    /// It is on its way.
    Begun,
    /// It is a copy, and waits for being opened.
    Copy,
    /// The copy that stands at this head may have been opened, and no other one is.
    Whole(JournalHead),
}

impl Frozen {
    /// A move has closed it.
    pub fn is_moved(&self) -> bool {
        self.reason.starts_with(MOVE)
    }

    /// A move has closed it, and this is where it goes, or went.
    pub fn is_moved_to(&self, to: &str) -> bool {
        self.moved().is_some_and(|(place, _)| place == to)
    }

    /// The head of the one copy that may have been opened since, and sends.
    pub fn moved_at(&self) -> Option<JournalHead> {
        match self.moved()?.1 {
            Leg::Whole(head) => Some(head),
            Leg::Begun | Leg::Copy => None,
        }
    }

    /// It is the copy that a move made at this place, and was never opened.
    pub(in crate::ledger) fn is_copy_at(&self, to: &str) -> bool {
        self.moved() == Some((to, Leg::Copy))
    }

    /// A move to this place was begun, and nothing more is said of it.
    pub(in crate::ledger) fn is_on_its_way(&self, to: &str) -> bool {
        self.moved() == Some((to, Leg::Begun))
    }

    fn moved(&self) -> Option<(&str, Leg)> {
        let rest = self.reason.strip_prefix(MOVED_TO)?;
        if let Some((to, head)) = rest.rsplit_once(MOVED_WHOLE)
            && let Ok(head) = head.parse()
        {
            return Some((to, Leg::Whole(head)));
        }
        Some(match rest.rsplit_once(MOVED_COPY) {
            Some((to, id)) if is_copy_id(id) => (to, Leg::Copy),
            Some(_) | None => (rest, Leg::Begun),
        })
    }

    /// What whoever wants to go on with it is told.
    pub fn moved_words(&self) -> String {
        let (by, at) = (&self.by, self.at.rfc3339());
        match self.moved() {
            Some((to, Leg::Whole(_))) => format!(
                "this ledger has moved to {to} ({by} at {at}): name that one. Two ledgers of one past would \
                 deduct twice"
            ),
            Some((to, Leg::Begun | Leg::Copy)) => format!(
                "a move of this ledger to {to} was begun ({by} at {at}) and has not come to its end: give the same \
                 `levy ledger move` again, and it goes on. Until then nothing is sent, here or there"
            ),
            None => self.to_string(),
        }
    }
}

fn is_copy_id(text: &str) -> bool {
    text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

impl fmt::Display for Frozen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ledger is frozen by {} since {}: {}",
            self.by,
            self.at.rfc3339(),
            self.reason
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_people_are_two_whatever_the_case_or_width_of_their_names() {
        let person = |name: &str| Person::parse(name).unwrap();
        for (first, second, two) in [
            ("Li Wei", "Wang Fang", true),
            ("李伟", "王芳", true),
            ("Li Wei", "li wei", false),
            ("Li Wei", " LiWei ", false),
            ("Li Wei", "Ｌｉ Ｗｅｉ", false),
        ] {
            let made = TwoPeople::new(person(first), person(second));
            assert_eq!(made.is_ok(), two, "{first} {second}");
        }
    }

    #[test]
    fn what_a_move_says_is_read_back() {
        let frozen = |reason: String| Frozen {
            by: "Li Wei".into(),
            at: WallMs(0),
            reason,
        };
        let head: JournalHead = format!("12:{}", "ab".repeat(32)).parse().unwrap();
        let there = "/a path/back to a.db";
        for (reason, whole) in [
            (moved_to(there), None),
            (moved_copy(there, 7), None),
            (moved_whole(there, head), Some(head)),
        ] {
            // An older levy thaws nothing that begins like this.
            assert!(reason.starts_with("levy ledger move: to /a path"));
            let frozen = frozen(reason);
            assert!(frozen.is_moved() && frozen.is_moved_to(there), "{frozen}");
            assert!(!frozen.is_moved_to("a.db"));
            assert_eq!(frozen.moved_at(), whole);
            assert!(frozen.moved_words().contains(there));
        }
        // Whatever became of its words, nobody thaws it.
        for words in [
            format!("{MOVED_TO}{there}{MOVED_WHOLE}nowhere"),
            format!("{MOVE}?"),
        ] {
            let broken = frozen(words);
            assert!(broken.is_moved() && !broken.is_moved_to(there) && broken.moved_at().is_none());
        }
        assert!(frozen(moved_copy(there, 7)).is_copy_at(there));
        assert!(frozen(moved_to(there)).is_on_its_way(there));
        assert!(!frozen("a look".into()).is_moved());
    }

    #[test]
    fn names_and_words_are_one_line_and_not_empty() {
        for (text, ok) in [
            ("x", true),
            ("", false),
            ("  ", false),
            ("a\nb", false),
            ("Li\u{200b}Wei", false),
            ("Li\u{ad} Wei", false),
            (&"x".repeat(PERSON_CHARS_MAX), true),
            (&"x".repeat(PERSON_CHARS_MAX + 1), false),
        ] {
            assert_eq!(Person::parse(text).is_ok(), ok, "{text:?}");
        }
        assert!(Words::parse(&"x".repeat(WORDS_CHARS_MAX + 1)).is_err());
        assert_eq!(Words::parse(" a b ").unwrap().as_str(), "a b");
    }
}
