//! A reply as it came, and as far as it can be trusted.

use std::fmt;
use std::ops::Deref;

use crate::clock::WallMs;

/// Bytes of a reply's body that are read at most; a longer one is a lost reply.
pub const REPLY_BYTES_MAX: usize = 64 * 1024;

/// A reply whose signature was checked and holds, and is not stale.
///
/// Only `gateway::verify` makes one, so a settling verdict, which takes one, cannot come from
/// anything else (law L3).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified<T> {
    inner: T,
    signed_at: WallMs,
}

impl<T> Verified<T> {
    /// For `gateway::verify` alone.
    pub(super) fn new(inner: T, signed_at: WallMs) -> Self {
        Self { inner, signed_at }
    }

    /// For tests that stand in for the gateway.
    #[cfg(test)]
    pub(crate) fn for_test(inner: T, signed_at: WallMs) -> Self {
        Self { inner, signed_at }
    }

    /// The gateway's own time, as it signed it.
    pub fn signed_at(&self) -> WallMs {
        self.signed_at
    }
}

impl<T> Deref for Verified<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner
    }
}

/// What a reply says, before anybody asks whether it may be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The gateway's own number for this exchange (`Request-ID`).
    pub request_id: Option<String>,
    /// `Retry-After` in seconds, where it is a number.
    pub retry_after_seconds: Option<u64>,
    /// The body, read.
    pub body: Body,
}

/// A reply's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// A 2xx with a JSON object.
    Order(Box<OrderReply>),
    /// Not a 2xx, with `code` and perhaps `message`.
    Error(ErrorReply),
    /// Anything else: no JSON, no object, a field of the wrong type, a field twice.
    Unreadable,
}

/// A 2xx of the submission or the query: the fields as they came, all of them optional.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Deserialize)]
pub struct OrderReply {
    /// `mchid`
    pub mchid: Option<String>,
    /// `out_request_no`
    pub out_request_no: Option<String>,
    /// `reduction_type`
    pub reduction_type: Option<String>,
    /// `amount` in fen
    pub amount: Option<u64>,
    /// `reason`
    pub reason: Option<String>,
    /// `sgn_no`
    pub sgn_no: Option<String>,
    /// `req_scene`
    pub req_scene: Option<String>,
    /// `state`: PROCESSING, SUCCESS, FAILED, or a word that the document does not know
    pub state: Option<String>,
    /// `quota_change_no`: WeChat Pay's number for the change
    pub quota_change_no: Option<String>,
    /// `success_time`, RFC 3339
    pub success_time: Option<String>,
    /// `fail_time`, RFC 3339
    pub fail_time: Option<String>,
    /// `fail_reason`: BALANCE_NOT_ENOUGH, RECEIPT_NOT_EXIST_CLOSED, TIME_OUT_CLOSED, or another word
    pub fail_reason: Option<String>,
}

/// What an account holds, as a verified reply told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
pub struct Balance {
    /// `balance` in fen
    #[serde(rename = "balance")]
    pub fen: i64,
    /// `in_transit_reduction_exist`: a reduction is under way, which may take of it yet
    #[serde(rename = "in_transit_reduction_exist", default)]
    pub in_transit: bool,
}

/// An error of the interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReply {
    /// `code`
    pub code: String,
    /// `message`, cut to 512 characters, control characters taken out
    pub message: String,
    /// `detail.detail.sign_information` (or `detail.sign_information`) of a 401: what the gateway
    /// signed, for comparison with ours; cut to 1024 characters
    pub sign_information: Option<String>,
}

/// A reply as far as it can be trusted: what is handed to `classify`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The signature holds.
    Verified(Verified<Reply>),
    /// No signature header at all: anybody may have written it.
    Unsigned(Reply),
    /// Signature headers that do not hold.
    IllSigned {
        /// What it says, not to be believed.
        reply: Reply,
        /// What is wrong with the signature.
        fault: SignatureFault,
    },
    /// The bytes may have left, and no whole reply came.
    Lost(Lost),
    /// The connection was never made (refused, name not resolved, TLS not made): nothing was sent.
    NotSent(String),
}

/// Why a reply's signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignatureFault {
    /// One of the four headers is missing.
    HeaderMissing(&'static str),
    /// `Wechatpay-Serial` names a key that is not held.
    UnknownSerial {
        /// What it names.
        got: String,
        /// The ids of the keys that are held.
        held: Vec<String>,
    },
    /// The signature is not base64 or does not match the body.
    Mismatch,
    /// Signed rightly, but its timestamp is more than 300 s off; the value is gateway minus local,
    /// in seconds.
    Stale(i64),
    /// This very signature was seen before.
    SeenBefore,
}

impl fmt::Display for SignatureFault {
    /// What is wrong, and for a key that is not held what to do.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeaderMissing(name) => write!(f, "{name} is missing"),
            Self::UnknownSerial { got, held } => {
                let held = held.join(", ");
                write!(f, "signed with the key {got}, and held is {held}: ")?;
                match got.starts_with("PUB_KEY_ID_") {
                    true => f.write_str(
                        "download that public key from the merchant platform and give it under \
                         [[platform.keys]]",
                    ),
                    false => f.write_str("`levy keys fetch` downloads that certificate"),
                }
            }
            Self::Mismatch => f.write_str("its signature does not match"),
            Self::Stale(off) => {
                write!(f, "stale: the gateway's clock minus this one's is {off} s")
            }
            Self::SeenBefore => f.write_str("its signature was seen before"),
        }
    }
}

/// How a reply got lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No whole reply within the timeout.
    TimedOut,
    /// The connection broke, or the reply was longer than [`REPLY_BYTES_MAX`]; in words.
    Broken(String),
}
