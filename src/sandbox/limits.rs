//! Every maximum of the sandbox, in one place, its unit last.

use std::time::Duration;

/// Connections that are served at once; a further one waits to be accepted.
pub(super) const CONNECTIONS_MAX: usize = 1024;
/// Bytes of a request's body.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024;
/// Bytes that a connection's read buffer may grow to: the longest head of a request.
pub(super) const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Headers of a request.
pub(super) const HEADERS_MAX: usize = 64;
/// How long a kept connection may lie idle, or take to bring the head of a request. The real
/// gateway says `Keep-Alive: timeout=8`.
pub(super) const IDLE: Duration = Duration::from_secs(8);
/// How long a request's body may take.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after the system refused a connection (too many open files).
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A request's timestamp may be off by this much either way (official: 5 minutes).
pub(super) const TIMESTAMP_OFF_SECONDS_MAX: i64 = 300;
/// For how long a nonce may not come again: both sides of the timestamp's tolerance.
pub(super) const NONCE_KEPT_SECONDS: i64 = 600;
/// Characters of a nonce; the official tools use 32.
pub(super) const NONCE_CHARS_MAX: usize = 64;
/// How old a `stale` reply says that it is.
pub(super) const STALE_SECONDS: i64 = 600;

/// The span in which requests of one merchant are counted.
pub(super) const RATE_WINDOW_US: i64 = 1_000_000;

/// Digits of a merchant number.
pub(super) const MERCHANT_CHARS_MAX: usize = 32;
/// Digits and letters of an `out_request_no`.
pub(super) const NUMBER_CHARS_MAX: usize = 32;
/// Characters of a reason.
pub(super) const REASON_CHARS_MAX: usize = 512;
/// Characters of a sealed field.
pub(super) const SEALED_CHARS_MAX: usize = 1024;
/// Characters of an agreement number.
pub(super) const SGN_NO_CHARS_MAX: usize = 64;

/// Steps of one interface in a script.
pub(super) const STEPS_MAX: usize = 64;
/// How long a `slow` reply is held back unless it says otherwise.
pub(super) const SLOW_MS: u64 = 15_000;
/// The longest that a reply may be held back, by a script or as latency.
pub(super) const DELAY_MS_MAX: u64 = 120_000;
/// Length of a probe's signature, as one was seen in the wild (wechatpay-java#319).
pub(super) const PROBE_CHARS: usize = 355;

/// Bytes of a line of the books; a longer one is not ours.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Merchants whose requests are counted at once; beyond it the idle ones are forgotten.
pub(super) const LANES_MAX: usize = 100_000;
