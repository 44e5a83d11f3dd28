//! The journal's chain: what an entry's hash is taken over, and how lanes' heads make one head.
//!
//! Pure: it knows no database. `docs/LEDGER.md` has the encoding in words and in ten lines of
//! Python; a test runs those over a ledger. The encoding never changes: a changed one would call
//! every older journal forged.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};

/// What begins every entry's encoding.
const ENTRY_MARK: &str = "levy/journal/1";
/// What begins the encoding that stands before a lane's first entry.
const LANE_MARK: &str = "levy/lane/1";
/// What begins the encoding of the head of heads.
const HEADS_MARK: &str = "levy/heads/1";
/// The length that says: absent, which is not the same as empty.
const ABSENT: u32 = u32::MAX;

/// A SHA-256: of an entry, in which the one before it in its lane stands.
pub(in crate::ledger) type Link = [u8; 32];

/// The lane of decisions about the ledger as a whole.
pub(in crate::ledger) const NO_LANE: &str = "";

/// Where the whole journal stands: how many entries, and a hash over every lane's newest one.
///
/// Written as `ENTRIES:HASH`. Kept elsewhere (a summary, a backup's log), it lets
/// `levy ledger verify --expect` see that nothing before it was changed and no tail was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JournalHead {
    /// Entries in all lanes.
    pub entries: u64,
    /// SHA-256 over the lanes' heads.
    pub hash: [u8; 32],
}

/// Where one lane of the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneHead {
    /// The target merchant; empty for decisions about the ledger as a whole.
    pub lane: String,
    /// Its entries.
    pub entries: u64,
    /// The hash of its newest entry.
    pub link: [u8; 32],
}

impl JournalHead {
    /// The head of lanes that are given by rising name, each with one entry at least.
    pub fn of<'a>(lanes: impl IntoIterator<Item = &'a LaneHead>) -> Self {
        let mut frames = Frames::new(HEADS_MARK);
        let mut entries = 0;
        for lane in lanes {
            entries += lane.entries;
            frames.text(&lane.lane);
            frames.text(&lane.entries.to_string());
            frames.bytes(&lane.link);
        }
        Self {
            entries,
            hash: frames.hash(),
        }
    }
}

impl fmt::Display for JournalHead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = data_encoding::HEXLOWER.encode(&self.hash);
        write!(f, "{}:{hash}", self.entries)
    }
}

impl FromStr for JournalHead {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = "must be a journal's head as a summary shows it: ENTRIES:HASH";
        let (entries, hash) = text.split_once(':').ok_or(wrong)?;
        let plain = !entries.is_empty() && entries.bytes().all(|b| b.is_ascii_digit());
        let entries = plain.then(|| entries.parse().ok()).flatten().ok_or(wrong)?;
        let hash = data_encoding::HEXLOWER_PERMISSIVE.decode(hash.as_bytes());
        let hash = hash.ok().and_then(|hash| hash.try_into().ok());
        Ok(Self {
            entries,
            hash: hash.ok_or(wrong)?,
        })
    }
}

/// What kind of entry it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Kind {
    /// An attempt, before it left.
    Intent,
    /// What came back.
    Reply,
    /// What people decided.
    Decision,
}

impl Kind {
    /// The word in the encoding.
    pub(in crate::ledger) fn as_str(self) -> &'static str {
        match self {
            Self::Intent => "INTENT",
            Self::Reply => "REPLY",
            Self::Decision => "DECISION",
        }
    }
}

/// What stands before the first entry of a lane: it ties the chain to this ledger.
pub(in crate::ledger) fn first_link(
    caller: &str,
    environment: &str,
    created_at_ms: i64,
    lane: &str,
) -> Link {
    let mut frames = Frames::new(LANE_MARK);
    frames.text(caller);
    frames.text(environment);
    frames.integer(created_at_ms);
    frames.text(lane);
    frames.hash()
}

/// An entry's content in its encoding, but for the entry before it.
#[derive(Clone, Debug)]
pub(in crate::ledger) struct Body(Frames);

impl Body {
    /// An entry of an order, or of the ledger as a whole; the kind's own columns follow.
    pub(in crate::ledger) fn new(
        lane: &str,
        entry: i64,
        kind: Kind,
        order: Option<(&str, &[u8])>,
    ) -> Self {
        let mut frames = Frames(Vec::with_capacity(256));
        frames.text(lane);
        frames.integer(entry);
        frames.text(kind.as_str());
        frames.optional(order.map(|(no, _)| no.as_bytes()));
        frames.optional(order.map(|(_, digest)| digest));
        Self(frames)
    }

    pub(in crate::ledger) fn text(&mut self, text: &str) -> &mut Self {
        self.0.text(text);
        self
    }

    pub(in crate::ledger) fn integer(&mut self, integer: i64) -> &mut Self {
        self.0.integer(integer);
        self
    }

    pub(in crate::ledger) fn optional(&mut self, bytes: Option<&[u8]>) -> &mut Self {
        self.0.optional(bytes);
        self
    }

    /// An optional text.
    pub(in crate::ledger) fn words(&mut self, text: Option<&str>) -> &mut Self {
        self.optional(text.map(str::as_bytes))
    }

    /// An optional number.
    pub(in crate::ledger) fn number(&mut self, number: Option<i64>) -> &mut Self {
        match number {
            Some(number) => self.integer(number),
            None => self.optional(None),
        }
    }

    /// The entry's hash.
    pub(in crate::ledger) fn link(&self, before: &Link) -> Link {
        let mut head = Frames::new(ENTRY_MARK);
        head.bytes(before);
        let mut hash = Sha256::new();
        hash.update(&head.0);
        hash.update(&self.0.0);
        hash.finalize().into()
    }
}

/// Fields one after the other, each as its length in bytes (32 bits, big-endian) and its bytes.
#[derive(Clone, Debug)]
struct Frames(Vec<u8>);

impl Frames {
    fn new(mark: &str) -> Self {
        let mut frames = Self(Vec::with_capacity(128));
        frames.text(mark);
        frames
    }

    fn bytes(&mut self, bytes: &[u8]) {
        let length = u32::try_from(bytes.len()).expect("cells are far shorter");
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn integer(&mut self, integer: i64) {
        self.text(&integer.to_string());
    }

    fn optional(&mut self, bytes: Option<&[u8]>) {
        match bytes {
            Some(bytes) => self.bytes(bytes),
            None => self.0.extend_from_slice(&ABSENT.to_be_bytes()),
        }
    }

    fn hash(self) -> Link {
        Sha256::digest(&self.0).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(link: &Link) -> String {
        data_encoding::HEXLOWER.encode(link)
    }

    #[test]
    fn an_entry_is_hashed_as_it_always_was() {
        // Computed with Python's hashlib; a change would call every older journal forged.
        let first = first_link("1900000001", "REAL", 1_767_225_600_000, "1900016681");
        assert_eq!(
            hex(&first),
            "bc5fa29a12ea783cebb63abe7b471184d71e07b568bf2c8a598191726807d59f"
        );
        let mut body = Body::new("1900016681", 1, Kind::Intent, Some(("A", &[7; 32])));
        body.integer(1)
            .text("SUBMISSION")
            .number(None)
            .words(Some(""));
        assert_eq!(
            hex(&body.link(&first)),
            "82edb76193dcf74995ffdd11e1184c68b59ab1b46f39eef75e0d2730f5997d86"
        );
        let lane = LaneHead {
            lane: "1900016681".into(),
            entries: 1,
            link: first,
        };
        let head = JournalHead::of([&lane]);
        assert_eq!(
            head.to_string(),
            "1:caf2e3b1961a1e4d1ac34928d6fa5c7dd71d848aa49af8c828528e71be9a771e"
        );
        assert_eq!(head.to_string().parse(), Ok(head));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        let hash = "00".repeat(32);
        for bad in [
            "",
            "1",
            ":",
            "1:",
            "1:00",
            &hash,
            &format!("-1:{hash}"),
            &format!("1:{hash}0"),
        ] {
            assert!(bad.parse::<JournalHead>().is_err(), "{bad}");
        }
        assert!(format!("0:{hash}").parse::<JournalHead>().is_ok());
    }

    #[test]
    fn absent_is_not_empty() {
        let link = |words| {
            let mut body = Body::new(NO_LANE, 1, Kind::Decision, None);
            body.words(words).link(&[0; 32])
        };
        assert_ne!(link(None), link(Some("")));
    }
}
