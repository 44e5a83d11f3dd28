//! Bytes as an answer of the gateway: status, headers and body, through parsing, the check of its
//! signature and the table of meanings, for an order in every state.
//!
//! The first six bytes choose what is around the answer (see [`Setting`]); then come the headers, a
//! line each, an empty line, and the body. An answer may be signed for real, with the test key.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::LazyLock;

use levy::clock::WallMs;
use levy::gateway::reply::{Body, Checked, Lost, Reply, SignatureFault};
use levy::gateway::{
    Asking, Hidden, PlatformKey, PlatformKeys, ReplyHeaders, STALE_SECONDS_MAX, Signer,
    SignerParts, Verifier, classify, parse_reply,
};
use levy::order::{
    Account, Asked, CardNo, Content, Event, Fen, Meaning, Merchant, Order, OrderNo, Reason,
    ReductionType, State, Verdict, Weak,
};
use serde_json::Value;

/// Bytes before the headers.
const SETTING_BYTES: usize = 6;
/// When the answers come.
const NOW_SECONDS: i64 = 1_769_817_600;
/// The order that is asked about.
const NUMBER: &str = "N2025080801";
/// Its account, which no text may show.
const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
/// Its card, which no text may show.
const CARD: &str = "6222021234567890123";
const KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
const STATUSES: [u16; 16] = [
    200, 200, 200, 202, 204, 302, 400, 401, 403, 404, 409, 429, 500, 502, 503, 599,
];

struct Bench {
    order: Order,
    keys: PlatformKeys,
    signer: Signer,
}

static BENCH: LazyLock<Bench> = LazyLock::new(|| {
    let key = PlatformKey::public_key(
        KEY_ID,
        include_bytes!("../../../fixtures/keys/platform_pub.spki.pem"),
    );
    let signer = Signer::new(SignerParts {
        mchid: "1",
        serial_no: Some("1"),
        certificate_pem: None,
        private_key_pem: include_bytes!("../../../fixtures/keys/platform_key.pem"),
    });
    Bench {
        order: Order {
            no: OrderNo::parse(NUMBER).expect("a number"),
            content: Content {
                merchant: Merchant::parse("1900016681").expect("digits"),
                account: Account::parse(ACCOUNT).expect("a text"),
                reduction_type: ReductionType::JudicialDeduction,
                amount: Fen::new(123_456).expect("above zero"),
                reason: Some(Reason::parse("case 7").expect("a text")),
                card_no: Some(CardNo::parse(CARD).expect("a text")),
                sgn_no: None,
                req_scene: None,
            },
        },
        keys: PlatformKeys::new(key.expect("a fixture")),
        signer: signer.expect("a fixture"),
    }
});

/// What the first bytes say.
struct Setting {
    /// Where the order stood before the claim.
    before: State,
    weak: Weak,
    past_window: bool,
    earlier_sends: u32,
    status: u16,
    signed: bool,
    /// Signed time minus ours.
    off_seconds: i64,
}

impl Setting {
    fn of(bytes: [u8; SETTING_BYTES]) -> Self {
        let [before, flags, status, signing, off, _salt] = bytes;
        let flags = usize::from(flags);
        let status = match STATUSES.get(usize::from(status)) {
            Some(status) => *status,
            None => 100 + u16::from(status) * 2,
        };
        Self {
            before: State::ALL[usize::from(before) % State::ALL.len()],
            weak: Weak::ALL[flags % 3],
            past_window: flags & 4 != 0,
            earlier_sends: (flags >> 3) as u32 % 3,
            status,
            signed: signing % 2 == 1,
            off_seconds: i64::from(off as i8) * 3,
        }
    }
}

/// Only a verified 200 that names the number settles; nothing settled moves, nothing goes back to
/// unsent, and no text for people shows the account.
pub fn property(bytes: &[u8]) {
    property_signing(bytes, 1);
}

/// The same, but only one in so many bodies that ask for a signature gets one: it takes 0.3 ms,
/// and fuzzing would do little else. The salt lets any body be among them.
pub fn property_signing(bytes: &[u8], one_in: u64) {
    let Some((setting, rest)) = bytes.split_first_chunk::<SETTING_BYTES>() else {
        return;
    };
    let (lines, body) = divide(rest);
    let salt = setting[5];
    let setting = Setting::of(*setting);
    let mut pairs = headers(lines);
    let signed = setting.signed && is_chosen(one_in, salt, body);
    if signed {
        pairs.retain(|(name, _)| !name.to_ascii_lowercase().starts_with("wechatpay-"));
        pairs.extend(sign(&setting, body));
    }
    let held = ReplyHeaders::of(pairs.iter().map(|(n, v)| (n.as_str(), v.as_slice())));
    let reply = parse_reply(setting.status, &held, body, Hidden::of(&BENCH.order));
    readable(&reply, &setting);
    let verifier = Verifier::new(BENCH.keys.clone());
    let now = WallMs::from_unix_seconds(NOW_SECONDS);
    let checked = verifier.check(&held, body, reply.clone(), now);
    trusted(&checked, signed, &pairs, &setting);
    if matches!(checked, Checked::Verified(_)) {
        let twice = verifier.check(&held, body, reply, now);
        let seen = matches!(
            twice,
            Checked::IllSigned {
                fault: SignatureFault::SeenBefore,
                ..
            }
        );
        assert!(seen, "a signature is good for one reply");
    }
    let lost = Checked::Lost(Lost::TimedOut);
    let not_sent = Checked::NotSent("refused".into());
    let says = settles(&checked, body);
    for (checked, says) in [(&checked, says), (&lost, None), (&not_sent, None)] {
        for &state in State::ALL {
            for &asked in Asked::ALL {
                means(&setting, (state, asked), checked, says);
            }
        }
    }
}

fn is_chosen(one_in: u64, salt: u8, body: &[u8]) -> bool {
    let mut hash = DefaultHasher::new();
    (salt, body).hash(&mut hash);
    hash.finish().is_multiple_of(one_in)
}

fn divide(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.windows(2).position(|two| two == b"\n\n") {
        Some(at) => (&bytes[..at], &bytes[at + 2..]),
        None => (&[], bytes),
    }
}

fn headers(lines: &[u8]) -> Vec<(String, Vec<u8>)> {
    let mut pairs = Vec::new();
    for line in lines.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else {
            continue;
        };
        let name = String::from_utf8_lossy(&line[..colon]).into_owned();
        pairs.push((name, line[colon + 1..].trim_ascii().to_vec()));
    }
    pairs
}

fn sign(setting: &Setting, body: &[u8]) -> [(String, Vec<u8>); 4] {
    let timestamp = NOW_SECONDS + setting.off_seconds;
    let mut message = format!("{timestamp}\nNONCE\n").into_bytes();
    message.extend_from_slice(body);
    message.push(b'\n');
    [
        ("Wechatpay-Timestamp", timestamp.to_string()),
        ("wechatpay-nonce", "NONCE".into()),
        ("Wechatpay-Serial", KEY_ID.into()),
        ("Wechatpay-Signature", BENCH.signer.signature(&message)),
    ]
    .map(|(name, value)| (name.to_owned(), value.into_bytes()))
}

/// What people read of it is cut, without control characters, and shows neither account nor card.
fn readable(reply: &Reply, setting: &Setting) {
    assert_eq!(reply.status, setting.status);
    let text = |text: &str, chars_max: usize| {
        assert!(text.chars().count() <= chars_max);
        assert!(!text.chars().any(char::is_control));
        let text = text.to_ascii_lowercase();
        assert!(!text.contains(ACCOUNT) && !text.contains(CARD), "{text}");
    };
    text(reply.request_id.as_deref().unwrap_or(""), 128);
    match &reply.body {
        Body::Error(error) => {
            assert!(!(200..300).contains(&reply.status));
            text(&error.code, 64);
            text(&error.message, 512);
            text(error.sign_information.as_deref().unwrap_or(""), 1024);
            assert!(error.sign_information.is_none() || reply.status == 401);
        }
        Body::Order(_) => assert!((200..300).contains(&reply.status)),
        Body::Unreadable => {}
    }
}

/// Verified is what we signed and is fresh, and nothing else.
fn trusted(checked: &Checked, signed: bool, pairs: &[(String, Vec<u8>)], setting: &Setting) {
    let four = ["timestamp", "nonce", "signature", "serial"].map(|n| format!("wechatpay-{n}"));
    let bare = !pairs
        .iter()
        .any(|(name, _)| four.contains(&name.to_ascii_lowercase()));
    let fresh = setting.off_seconds.unsigned_abs() <= STALE_SECONDS_MAX;
    match checked {
        Checked::Verified(reply) => {
            assert!(signed && fresh);
            let at = WallMs::from_unix_seconds(NOW_SECONDS + setting.off_seconds);
            assert_eq!(reply.signed_at(), at);
        }
        Checked::Unsigned(_) => assert!(bare),
        Checked::IllSigned { fault, .. } => {
            assert!(!bare);
            let stale = SignatureFault::Stale(setting.off_seconds);
            assert!(!signed || *fault == stale && !fresh, "{fault:?}");
        }
        Checked::Lost(_) | Checked::NotSent(_) => panic!("an answer was there"),
    }
}

fn means(setting: &Setting, (state, asked): (State, Asked), checked: &Checked, says: Option<Says>) {
    let order = &BENCH.order;
    let asking = Asking {
        order,
        asked,
        before: setting.before,
        state,
        earlier_sends: setting.earlier_sends,
        weak: setting.weak,
        past_window: setting.past_window,
    };
    let verdict = classify(&asking, checked);
    assert_eq!(verdict.state, state.next(verdict.event).unwrap_or(state));
    // What settles is never overlooked, and nothing else is taken for it.
    match (&verdict.meaning, says) {
        (Meaning::Success, says) => assert_eq!(says, Some(Says::Success)),
        (Meaning::Failed { proof, closed }, says) => {
            assert_eq!(says, Some(Says::Failed { closed: *closed }));
            assert_eq!(proof.no(), &order.no);
        }
        (Meaning::WeakClose, says) => {
            assert_eq!(says, Some(Says::Failed { closed: false }));
            assert_eq!(asked, Asked::Query);
            assert_ne!(setting.weak, Weak::Refused);
        }
        (Meaning::Processing, None) => assert!(matches!(checked, Checked::Verified(_))),
        (Meaning::NotSent, None) => assert!(matches!(checked, Checked::NotSent(_))),
        (meaning, says) => assert_eq!(says, None, "{meaning:?}"),
    }
    moves(&asking, &verdict, checked);
}

fn moves(asking: &Asking, verdict: &Verdict, checked: &Checked) {
    let (from, to) = (asking.state, verdict.state);
    if from.is_final() {
        assert_eq!(to, from, "final is final");
        return;
    }
    if to.is_final() {
        let Checked::Verified(reply) = checked else {
            panic!("{from} to {to} without a signature");
        };
        assert_eq!(reply.status, 200);
        let event = match to {
            State::Success => Event::Succeeded,
            State::Failed => Event::Failed { closed: false },
            _ => Event::Failed { closed: true },
        };
        assert_eq!(verdict.event, event);
        return;
    }
    if from.is_unsent() {
        assert_eq!(to, from, "what was never claimed gets no answer");
    }
    if to.is_unsent() && !from.is_unsent() {
        assert_eq!(
            (from, to, asking.before),
            (State::Unknown, State::Pending, State::Pending)
        );
        assert_eq!(verdict.meaning, Meaning::NotSent);
    }
    let allowed = match from {
        State::Processing | State::Closed => to != State::Unknown && to != State::Rejected,
        State::Unknown => true,
        State::Rejected => to != State::Unknown && to != State::Expired,
        State::Expired => matches!(to, State::Expired | State::Processing),
        _ => to == from,
    };
    assert!(allowed, "{from} to {to} by {:?}", verdict.event);
    if to == State::Rejected && from == State::Unknown {
        let first = asking.earlier_sends == 0 && asking.asked == Asked::Submission;
        let back = verdict.meaning == Meaning::NotSent && asking.before == State::Rejected;
        assert!(first || back);
    }
    if to == State::Expired && from != State::Expired {
        assert!(asking.past_window && asking.asked == Asked::Query);
    }
    if to == State::Processing && from != State::Processing {
        assert!(matches!(checked, Checked::Verified(_)));
    }
}

/// What the interface's document has in a 2xx, read a second time; what it does not have is skipped,
/// as levy does.
#[derive(Default, serde::Deserialize)]
struct Told {
    mchid: Option<Value>,
    out_request_no: Option<Value>,
    reduction_type: Option<Value>,
    amount: Option<Value>,
    reason: Option<Value>,
    sgn_no: Option<Value>,
    req_scene: Option<Value>,
    state: Option<Value>,
    fail_reason: Option<Value>,
}

/// What a verified 200 says of this very order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    Success,
    Failed { closed: bool },
}

/// What settles the order, if anything does.
fn settles(checked: &Checked, body: &[u8]) -> Option<Says> {
    let Checked::Verified(reply) = checked else {
        return None;
    };
    if !(reply.status == 200 && body.trim_ascii_start().starts_with(b"{")) {
        return None;
    }
    // A body whose fields are of another type, too long or doubled is not read at all.
    let Body::Order(_) = &reply.body else {
        return None;
    };
    let told: Told = serde_json::from_slice(body).unwrap_or_default();
    let echoes = [
        (&told.mchid, Value::from("1900016681")),
        (&told.reduction_type, Value::from("JUDICIAL_DEDUCTION")),
        (&told.amount, Value::from(123_456)),
        (&told.reason, Value::from("case 7")),
        (&told.sgn_no, Value::from("")),
        (&told.req_scene, Value::from("")),
    ];
    let same = echoes
        .iter()
        .all(|(echo, ours)| echo.as_ref().is_none_or(|echo| echo == ours));
    let named = told.out_request_no == Some(Value::from(NUMBER));
    let word = told.state.as_ref().and_then(Value::as_str);
    match (same && named, word) {
        (true, Some("SUCCESS")) => Some(Says::Success),
        (true, Some("FAILED")) => Some(Says::Failed {
            closed: told.fail_reason == Some(Value::from("BALANCE_NOT_ENOUGH")),
        }),
        _ => None,
    }
}
