//! What a thing that was found means: pure functions, with every threshold named here.

use super::{Area, Check};
use crate::clock::WallMs;
use crate::gateway::reply::{Body, Checked, Lost, Reply, SignatureFault};
use crate::gateway::{Certificate, STALE_SECONDS_MAX};

/// Days before its end from which on a certificate is warned of.
pub const EXPIRY_DAYS_WARNED: i64 = 30;
/// Seconds that a clock may be off without a word.
pub const CLOCK_SECONDS_WARNED: u64 = 60;
/// Bytes that must be free where the ledger lies; about a hundred thousand rows.
pub const FREE_BYTES_MIN: u64 = 128 * 1024 * 1024;
/// Bytes below which it is warned of; about a million rows.
pub const FREE_BYTES_WARNED: u64 = 1024 * 1024 * 1024;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// A certificate by its validity; `what` is told before it, `renew` says where another comes from.
pub fn certificate(
    name: &str,
    what: &str,
    certificate: &Certificate,
    now: WallMs,
    renew: &str,
) -> Check {
    let days = |ms: i64| ms.div_euclid(DAY_MS);
    let left = days(certificate.until.0 - now.0);
    let until = certificate.until.rfc3339();
    let what = format!(
        "{what}, serial {}, {} bits",
        certificate.serial, certificate.bits
    );
    if certificate.until < now {
        return Check::fail(Area::Keys, name, format!("{what}: expired on {until}")).advise(renew);
    }
    if now < certificate.from {
        let from = certificate.from.rfc3339();
        let found = format!("{what}: not valid before {from}");
        let advice = "is this machine's clock right? Else wait, or go on with the old one";
        return Check::fail(Area::Keys, name, found).advise(advice);
    }
    let found = format!("{what}: {left} days left, until {until}");
    match left < EXPIRY_DAYS_WARNED {
        true => Check::warn(Area::Keys, name, found).advise(renew),
        false => Check::ok(Area::Keys, name, found),
    }
}

/// This machine's clock beside the gateway's `Date`, which was cut to whole seconds somewhere between
/// `sent` and `came`.
pub fn clock(sent: WallMs, came: WallMs, date: WallMs) -> Check {
    let middle = (sent.0 + came.0) / 2;
    let off = (middle - date.0 - 500).div_euclid(1000);
    let found = match off {
        -1..=1 => "within a second of the gateway's".to_owned(),
        2.. => format!("{off} s ahead of the gateway's"),
        _ => format!("{} s behind the gateway's", -off),
    };
    let advice = "set it by NTP (timedatectl set-ntp true): requests and replies are refused when they \
                  are more than 300 s off";
    match off.unsigned_abs() {
        0..=CLOCK_SECONDS_WARNED => Check::ok(Area::Gateway, "clock", found),
        seconds if seconds <= STALE_SECONDS_MAX => {
            Check::warn(Area::Gateway, "clock", found).advise(advice)
        }
        _ => Check::fail(Area::Gateway, "clock", found)
            .advise(advice)
            .ours(),
    }
}

/// Bytes that are free where the ledger lies.
pub fn free_space(bytes: u64) -> Check {
    let found = format!("{} MiB free", bytes / (1024 * 1024));
    let advice =
        "make room: every send is written to the ledger first, and without room nothing is sent";
    match bytes {
        0..FREE_BYTES_MIN => Check::fail(Area::Ledger, "space", found).advise(advice),
        FREE_BYTES_MIN..FREE_BYTES_WARNED => {
            Check::warn(Area::Ledger, "space", found).advise(advice)
        }
        _ => Check::ok(Area::Ledger, "space", found),
    }
}

/// What was asked for to see a signed reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// An account's balance.
    Balance,
    /// The platform's certificates.
    Certificates,
}

impl Asked {
    fn as_str(self) -> &'static str {
        match self {
            Self::Balance => "the balance",
            Self::Certificates => "GET /v3/certificates",
        }
    }
}

const NAME: &str = "signed request";

/// The answer to the one signed request. `hint` is what was signed, for a 401.
pub fn signed_request(asked: Asked, checked: &Checked, hint: Option<&str>) -> Check {
    let what = asked.as_str();
    let fail = |found: String| Check::fail(Area::Gateway, NAME, format!("{what}: {found}"));
    match checked {
        Checked::Verified(reply) if reply.status == 401 => unauthorized(asked, reply, hint),
        Checked::Unsigned(reply) if reply.status == 401 => unauthorized(asked, reply, hint),
        Checked::Verified(reply) => verified(asked, reply),
        Checked::Unsigned(reply) if reply.status < 300 => fail(format!(
            "{} without a signature",
            reply.status
        ))
        .advise(
            "something between here and the gateway answers in its place: look at base_url, proxy \
                 and ca_file",
        ),
        Checked::Unsigned(reply) => {
            fail(format!("{}, unsigned", said(reply))).advise(unsigned(asked, reply))
        }
        Checked::IllSigned { fault, .. } => ill_signed(what, fault),
        Checked::Lost(Lost::TimedOut) => fail("no answer in time".into()).advise(TRY_AGAIN),
        Checked::Lost(Lost::Broken(why)) => {
            fail(format!("the connection broke: {why}")).advise(TRY_AGAIN)
        }
        Checked::NotSent(why) => fail(format!("no connection: {why}")).advise(TRY_AGAIN),
    }
}

const TRY_AGAIN: &str = "see to the network, and give the command again";

fn said(reply: &Reply) -> String {
    match &reply.body {
        Body::Error(error) => format!("{} {}: {}", reply.status, error.code, error.message),
        Body::Order(_) | Body::Unreadable => format!("HTTP {}", reply.status),
    }
}

fn code(reply: &Reply) -> &str {
    match &reply.body {
        Body::Error(error) => &error.code,
        Body::Order(_) | Body::Unreadable => "",
    }
}

fn verified(asked: Asked, reply: &Reply) -> Check {
    let what = asked.as_str();
    let said = said(reply);
    match (reply.status, asked, code(reply)) {
        (200, _, _) => {
            let found = format!("{what}: answered, and the reply's signature verifies");
            Check::ok(Area::Gateway, NAME, found)
        }
        (404, Asked::Certificates, "RESOURCE_NOT_EXISTS") => {
            let found = format!(
                "{what}: the reply's signature verifies; this merchant has no certificates"
            );
            Check::ok(Area::Gateway, NAME, found)
        }
        (403, _, _) => {
            let found = format!("{what}: keys and signatures hold, but: {said}");
            Check::fail(Area::Gateway, NAME, found)
                .advise("have the interface opened for this merchant on the merchant platform")
        }
        _ => {
            let found = format!("{what}: keys and signatures hold, but: {said}");
            Check::warn(Area::Gateway, NAME, found)
                .advise("is the account of --probe right? The keys are")
        }
    }
}

fn unsigned(asked: Asked, reply: &Reply) -> &'static str {
    match (asked, reply.status) {
        (Asked::Certificates, 404) => {
            "this merchant has no platform certificates, and nobody signed that answer: give --probe \
             MCHID:ACCOUNT, whose answer is signed"
        }
        (Asked::Balance, 400..=499) => {
            "the caller's keys hold, but nothing signed came back: is the account of --probe right, and \
             [platform] the gateway's own key?"
        }
        (Asked::Certificates, 400) => {
            "does it name Wechatpay-Serial? Then [platform] public_key_id, or certificate, is not the \
             gateway's own: download it anew"
        }
        _ => "the gateway is there but not well: give the command again later",
    }
}

fn unauthorized(asked: Asked, reply: &Reply, hint: Option<&str>) -> Check {
    let mut found = format!("{}: {}", asked.as_str(), said(reply));
    if let Some(hint) = hint {
        found.push_str(&format!("; signed here was {hint}"));
    }
    if let Body::Error(error) = &reply.body
        && let Some(theirs) = &error.sign_information
    {
        found.push_str(&format!("; by the gateway {theirs}"));
    }
    Check::fail(Area::Gateway, NAME, found).ours().advise(
        "merchant number, serial number and private key do not belong together, or the clock is off: \
         take serial_no or certificate from the same application as the key",
    )
}

fn ill_signed(what: &str, fault: &SignatureFault) -> Check {
    let check = Check::fail(
        Area::Gateway,
        NAME,
        format!("{what}: the reply does not verify: {fault}"),
    );
    match fault {
        SignatureFault::UnknownSerial { .. } => check.ours(),
        SignatureFault::Mismatch => check.ours().advise(
            "the file under [platform] holds another key than its id says: download both anew",
        ),
        SignatureFault::Stale(_) => check.ours().advise("set this machine's clock by NTP"),
        SignatureFault::HeaderMissing(_) | SignatureFault::SeenBefore => check.advise(
            "something between here and the gateway changes what it sends: look at base_url, proxy \
             and ca_file",
        ),
    }
}
