//! What levy says on stderr, as `tracing` events: lines for people, or one JSON object a line.
//!
//! There is one mechanism. What people are told (`progress::say`) and what a log has besides (one
//! line an order at debug) are events, and all of them go out through `progress::write`, which takes
//! a progress bar away while it writes. It does not know what is worth saying, nor when.
//!
//! Only levy's own events are shown: a library's may hold an address or a header (law L8).

use std::fmt::{self, Write as _};
use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{Format as Lines, Json, JsonFields, Writer};
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{self as lines, FmtContext, FormatEvent};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, filter, reload};

use super::progress;
use crate::clock::{Clock, SystemClock};
use crate::gateway::reply::{Body, Checked, Reply as Http, SignatureFault};
use crate::order::Asked;
use crate::worker::engine::{Reply, Sent};

/// The target of what people are told: its words stand alone, without time and level.
pub(super) const TOLD: &str = "levy::told";
/// The target of what is known of each request.
const WIRE: &str = "levy::wire";
/// Characters of a gateway's word that is shown; its own are shorter.
const WORD_CHARS_MAX: usize = 64;

/// How a line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// What is shown: this and what is worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// What went wrong.
    Error,
    /// And what a person must see.
    Warn,
    /// And notes, summaries.
    Info,
    /// And one line for each request that came to its end.
    Debug,
    /// And one for each that leaves.
    Trace,
}

impl Level {
    /// By its name in the settings.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_str(text, false).ok()
    }

    fn filter(self) -> LevelFilter {
        match self {
            Self::Error => LevelFilter::ERROR,
            Self::Warn => LevelFilter::WARN,
            Self::Info => LevelFilter::INFO,
            Self::Debug => LevelFilter::DEBUG,
            Self::Trace => LevelFilter::TRACE,
        }
    }
}

impl Format {
    /// By its name in the settings.
    pub fn parse(text: &str) -> Option<Self> {
        Self::from_str(text, false).ok()
    }
}

/// What was asked for; `None` is left to whoever knows less well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// What is shown.
    pub level: Option<Level>,
    /// How it looks.
    pub format: Option<Format>,
}

static HANDLE: OnceLock<(reload::Handle<LevelFilter, Registry>, Wish)> = OnceLock::new();
static JSON: AtomicBool = AtomicBool::new(false);
static HUSHED: AtomicBool = AtomicBool::new(false);

/// Begins, once a process. `typed` are its flags. `hush` says that nobody looks on, so that what went
/// well is not told unless a level was asked for.
pub fn start(typed: Wish, hush: bool) {
    JSON.store(typed.format == Some(Format::Json), Ordering::Relaxed);
    HUSHED.store(hush && typed.level.is_none(), Ordering::Relaxed);
    let level = typed.level.unwrap_or(Level::Info).filter();
    let (level, handle) = reload::Layer::new(level);
    let ours = filter::filter_fn(|meta| {
        let target = meta.target();
        target == "levy" || target.starts_with("levy::")
    });
    let layer = lines::layer()
        .event_format(Form::default())
        .fmt_fields(JsonFields::new())
        .with_writer(|| Screen)
        .with_filter(ours);
    let begun = tracing_subscriber::registry().with(level).with(layer);
    if begun.try_init().is_ok() {
        let _ = HANDLE.set((handle, typed));
    }
}

/// Settings are known now: what no flag has said is theirs to say.
pub fn settle(settings: Wish) {
    let Some((handle, typed)) = HANDLE.get() else {
        return;
    };
    if let (None, Some(level)) = (typed.level, settings.level) {
        HUSHED.store(false, Ordering::Relaxed);
        let _ = handle.modify(|filter| *filter = level.filter());
    }
    if let (None, Some(format)) = (typed.format, settings.format) {
        JSON.store(format == Format::Json, Ordering::Relaxed);
    }
}

/// Nobody looks on, and nobody asked for more: what went well is not told.
pub fn hushed() -> bool {
    HUSHED.load(Ordering::Relaxed)
}

/// Lines are for programs.
pub(super) fn is_json() -> bool {
    JSON.load(Ordering::Relaxed)
}

/// A request leaves.
pub fn sent(sent: &Sent) {
    let order = &sent.job.order;
    tracing::trace!(
        target: WIRE,
        number = order.no.as_str(),
        merchant = order.content.merchant.as_str(),
        operation = operation(sent.asked),
        attempt = sent.attempt.0,
        "leaves"
    );
}

/// A request came to its end. Neither the gateway's message nor a broken connection's words are
/// shown: they may repeat what was sent.
pub fn came(reply: &Reply) {
    let order = &reply.sent.job.order;
    let http = http(&reply.checked);
    let code = http.and_then(|http| match &http.body {
        Body::Error(error) => Some(word(&error.code)),
        Body::Order(_) | Body::Unreadable => None,
    });
    let state = http.and_then(|http| match &http.body {
        Body::Order(fields) => fields.state.as_deref().map(word),
        Body::Error(_) | Body::Unreadable => None,
    });
    tracing::debug!(
        target: WIRE,
        number = order.no.as_str(),
        merchant = order.content.merchant.as_str(),
        operation = operation(reply.sent.asked),
        attempt = reply.sent.attempt.0,
        http = http.map(|http| http.status),
        code,
        state,
        request_id = http.and_then(|http| http.request_id.as_deref()).unwrap_or("-"),
        latency_ms = u64::try_from(reply.latency.as_millis()).unwrap_or(u64::MAX),
        "{}",
        trust(&reply.checked)
    );
}

fn operation(asked: Asked) -> &'static str {
    match asked {
        Asked::Submission => "submit",
        Asked::Query => "query",
    }
}

fn http(checked: &Checked) -> Option<&Http> {
    match checked {
        Checked::Verified(reply) => Some(reply),
        Checked::Unsigned(reply) | Checked::IllSigned { reply, .. } => Some(reply),
        Checked::Lost(_) | Checked::NotSent(_) => None,
    }
}

/// How far what came can be believed.
fn trust(checked: &Checked) -> &'static str {
    match checked {
        Checked::Verified(_) => "verified",
        Checked::Unsigned(_) => "unsigned",
        Checked::IllSigned { fault, .. } => match fault {
            SignatureFault::Stale(_) => "stale",
            SignatureFault::HeaderMissing(_)
            | SignatureFault::UnknownSerial { .. }
            | SignatureFault::Mismatch
            | SignatureFault::SeenBefore => "ill-signed",
        },
        Checked::Lost(_) => "lost",
        Checked::NotSent(_) => "not sent",
    }
}

/// A code or a state is one word of capitals. What is not is not shown: anybody may have written it.
fn word(text: &str) -> &str {
    let is_word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let short = text.chars().count() <= WORD_CHARS_MAX;
    match short && text.starts_with(|c: char| c.is_ascii_uppercase()) && text.chars().all(is_word) {
        true => text,
        false => "[unusual]",
    }
}

/// Every line leaves by [`progress::write`], whole.
struct Screen;

impl io::Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::write(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// China's time, as everywhere in levy.
struct Time;

impl FormatTime for Time {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        writer.write_str(&SystemClock::default().wall().rfc3339())
    }
}

/// Either form; which one is known only once the settings are read.
struct Form {
    json: Lines<Json, Time>,
}

impl Default for Form {
    fn default() -> Self {
        let json = lines::format().json().flatten_event(true);
        Self {
            json: json.with_timer(Time).with_target(false),
        }
    }
}

impl<S, N> FormatEvent<S, N> for Form
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> lines::FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if is_json() {
            return self.json.format_event(context, writer, event);
        }
        let mut line = Line::default();
        event.record(&mut line);
        let meta = event.metadata();
        if meta.target() == TOLD {
            let told = progress::fitted(&line.message, progress::columns(&io::stderr()));
            return writeln!(writer, "{told}");
        }
        let time = SystemClock::default().wall().rfc3339();
        let level = meta.level();
        writeln!(writer, "{time} {level:5} {}{}", line.message, line.fields)
    }
}

/// An event's message and its fields.
#[derive(Default)]
struct Line {
    message: String,
    fields: String,
}

impl Line {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.fields, " {name}={value}"),
        };
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn l8_a_code_that_is_no_word_of_capitals_is_not_shown() {
        for (text, shown) in [
            ("PARAM_ERROR", "PARAM_ERROR"),
            ("RATELIMIT_EXCEEDED", "RATELIMIT_EXCEEDED"),
            ("", "[unusual]"),
            ("8609cb22e1774a50a930e414cc71eca06121bc", "[unusual]"),
            ("6222021234567890123", "[unusual]"),
            ("a\u{1b}[31m", "[unusual]"),
            ("A\nB", "[unusual]"),
        ] {
            assert_eq!(word(text), shown, "{text:?}");
        }
        assert_eq!(word(&"A".repeat(65)), "[unusual]");
    }

    #[test]
    fn levels_and_formats_have_their_names_in_the_settings() {
        for (name, level) in [
            ("error", Some(Level::Error)),
            ("warn", Some(Level::Warn)),
            ("info", Some(Level::Info)),
            ("debug", Some(Level::Debug)),
            ("trace", Some(Level::Trace)),
            ("Debug", None),
            ("", None),
        ] {
            assert_eq!(Level::parse(name), level, "{name}");
        }
        assert_eq!(Format::parse("json"), Some(Format::Json));
        assert_eq!(Format::parse("human"), Some(Format::Human));
        assert_eq!(Format::parse("text"), None);
    }
}
