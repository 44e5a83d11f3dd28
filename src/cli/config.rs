//! Settings: the file, the environment over it, and what both must keep to.
//!
//! A setting is taken from its flag (that is the command's business), else from
//! `LEVY_<SECTION>_<KEY>`, else from the file. A key that levy does not know is an error in each of
//! them: a misspelt limit that is silently ignored is no limit. Key files are named here, not read.

mod listing;
mod notify;
mod raw;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use self::listing::{Origin, Setting, Shown};
pub use self::notify::{Notify, When};
use self::raw::{
    Raw, RawGateway, RawLedger, RawLog, RawMerchant, RawPlatform, RawPlatformKey, RawResult,
    overlay,
};
use super::args::HOLD_DAYS_MAX;
use crate::batch::Language;
use crate::gateway::Keeper;
use crate::ledger::{Address, HOLD_DAYS_DEFAULT, Isolation};
use crate::order::{AMOUNT_FEN_MAX, Merchant};
use crate::report::layout::{Ends, Style};
use crate::report::log::{Format, Level, Wish};
use crate::secret::Secret;

/// The settings file that is taken where none is named.
pub const CONFIG_FILE_DEFAULT: &str = "levy.toml";
/// Where the service manager keeps the files that a unit's `LoadCredential=` names.
const CREDENTIALS_DIRECTORY: &str = "CREDENTIALS_DIRECTORY";
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
const LEDGER_DEFAULT: &str = "levy.db";
const BASE_URL_DEFAULT: &str = "https://api.mch.weixin.qq.com";
const STANDBY_URL_DEFAULT: &str = "https://api2.mch.weixin.qq.com";
const TIMEOUT_SECONDS_DEFAULT: i64 = 10;
const TIMEOUT_SECONDS_MAX: i64 = 60;
/// Seconds that a lease lasts where neither it nor a long timeout is set.
const LEASE_SECONDS_DEFAULT: i64 = 30;
const LEASE_SECONDS_MAX: i64 = 600;
/// A lease outlasts so many requests that are given up, one after the other.
const LEASE_TIMEOUTS_MIN: i64 = 3;
const PER_MERCHANT_QPS_DEFAULT: i64 = 100;
const PER_MERCHANT_QPS_MAX: i64 = 100;
const MAX_IN_FLIGHT_DEFAULT: i64 = 256;
const MAX_IN_FLIGHT_MAX: i64 = 4096;

/// What is wrong with the settings, in words that name the place and never a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigFault(pub String);

impl fmt::Display for ConfigFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ConfigFault {}

type Result<T> = std::result::Result<T, ConfigFault>;

/// Checked settings. It has no debug print: a proxy's address may hold a password.
pub struct Config {
    /// The file that they came from, if there was one.
    pub file: Option<PathBuf>,
    /// Requests a second for one target merchant, 1 to 100.
    pub per_merchant_qps: u32,
    /// Requests on the wire at once, 1 to 4096.
    pub max_in_flight: u32,
    /// After which a request is given up, 1 to 60 s.
    pub timeout: Duration,
    /// Where the ledger is.
    pub ledger: Address,
    /// The file with the password of a ledger on a server, if one is given.
    pub ledger_password: Option<KeyFile>,
    /// How long a process has a lane of a shared ledger unless it says so anew.
    pub lease: Duration,
    /// How writes to a ledger on a server are kept apart.
    pub isolation: Isolation,
    /// The most that a row may ask for.
    pub amount_fen_max: u64,
    /// The most that the valid rows of a file may ask for together, if there is a most.
    pub total_fen_max: Option<u64>,
    /// Whether a file is run only by a plan that somebody else has approved.
    pub require_approval: bool,
    /// Days within which another order for the same debt holds a new one.
    pub hold_days: u32,
    /// What results look like.
    pub result: Style,
    /// Every setting, and where it came from.
    pub settings: Vec<Setting>,
    /// Where metrics are written, if anywhere.
    pub metrics_file: Option<PathBuf>,
    /// Who is told how a command ended.
    pub notify: Notify,
    /// What is said on stderr, where no flag says it.
    pub log: Wish,
    source: Source,
    merchant: RawMerchant,
    platform: RawPlatform,
    gateway: RawGateway,
}

/// Everything that a connection to the gateway needs; files are named, not read, and addresses are
/// checked where the connection is made.
#[derive(Debug)]
pub struct Connection {
    /// The caller.
    pub mchid: Merchant,
    /// Serial number of the caller's certificate, if it is given.
    pub serial_no: Option<String>,
    /// The caller's certificate, if it is given.
    pub certificate: Option<PathBuf>,
    /// The caller's private key.
    pub private_key: KeyFile,
    /// What it is encrypted with, if it is.
    pub passphrase: Option<KeyFile>,
    /// As it was given.
    pub base_url: String,
    /// The standby host, if there is one.
    pub standby_url: Option<String>,
    /// A proxy, if there is one.
    pub proxy: Option<Secret<String>>,
    /// More authorities to trust, if there are any.
    pub ca_file: Option<PathBuf>,
}

/// A file with a secret, and who keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it lies.
    pub path: PathBuf,
    /// Tells which modes are its reader's alone.
    pub keeper: Keeper,
}

/// One key of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlatformKey {
    /// A public key and its id.
    PublicKey {
        /// `PUB_KEY_ID_…`
        id: String,
        /// PEM.
        file: PathBuf,
    },
    /// A platform certificate, which tells its serial.
    Certificate {
        /// PEM.
        file: PathBuf,
    },
}

/// Where each setting came from.
struct Source {
    file: Option<PathBuf>,
    /// Relative paths begin here: beside the file, or where levy was started.
    base: PathBuf,
    /// `section.name` → the variable that gave it.
    variables: BTreeMap<String, String>,
    /// `section.name` → its line in the file.
    lines: BTreeMap<String, usize>,
    /// `$CREDENTIALS_DIRECTORY`.
    credentials: Option<PathBuf>,
}

impl Source {
    /// `levy.toml:9: [pace] per_merchant_qps: ` or `LEVY_PACE_PER_MERCHANT_QPS: `.
    fn fault(&self, section: &str, name: &str, words: &str) -> ConfigFault {
        let key = format!("{section}.{name}");
        let line = self.lines.get(&key).map(|line| format!(":{line}"));
        let place = match (self.variables.get(&key), &self.file) {
            (Some(variable), _) => format!("{variable}: "),
            (None, Some(file)) => format!("{}{}: ", file.display(), line.unwrap_or_default()),
            (None, None) => String::new(),
        };
        ConfigFault(format!("{place}[{section}] {name}: {words}"))
    }

    fn missing(&self, section: &str, name: &str, words: &str) -> ConfigFault {
        let hint = match &self.file {
            Some(_) => "",
            None => {
                " (there is no levy.toml here: `levy init` writes an example, --config names one)"
            }
        };
        self.fault(section, name, &format!("{words}{hint}"))
    }

    fn within(&self, key: (&str, &str), value: i64, low: i64, high: i64) -> Result<i64> {
        if value < low {
            let words = format!("{value} is too small, at least {low}");
            return Err(self.fault(key.0, key.1, &words));
        }
        if value > high {
            let words = format!("{value} is too large, at most {high}");
            return Err(self.fault(key.0, key.1, &words));
        }
        Ok(value)
    }

    fn path(&self, text: &str) -> PathBuf {
        self.base.join(text)
    }

    /// A file of a key: a relative path is looked for among the credentials of the service first.
    fn key_file(&self, text: &str) -> KeyFile {
        let given = self.credentials.as_ref().map(|dir| dir.join(text));
        match given.filter(|path| Path::new(text).is_relative() && path.exists()) {
            Some(path) => KeyFile {
                path,
                keeper: Keeper::ServiceManager,
            },
            None => KeyFile {
                path: self.path(text),
                keeper: Keeper::Owner,
            },
        }
    }
}

/// Reads and checks the settings. `explicit` is `--config`; `environment` every variable of the
/// process, of which those that begin with `LEVY_` are looked at.
pub fn load(
    explicit: Option<&Path>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config> {
    let file = match explicit {
        Some(path) => Some(path.to_path_buf()),
        None => Path::new(CONFIG_FILE_DEFAULT)
            .exists()
            .then(|| PathBuf::from(CONFIG_FILE_DEFAULT)),
    };
    match file {
        Some(path) => from_text(&path, &read(&path)?, environment),
        None => check(None, Raw::default(), BTreeMap::new(), environment),
    }
}

/// Checks settings out of a text in hand, as [`load`] does out of a file; `file` is the name that
/// faults show, and relative paths begin beside it.
pub fn from_text(
    file: &Path,
    text: &str,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config> {
    let raw = parse(file, text)?;
    check(
        Some(file.to_path_buf()),
        raw,
        listing::lines(text),
        environment,
    )
}

/// The settings of the gateway in a box: no file, and of the environment only what is neither a
/// key nor a place, so that a variable meant for a real ledger cannot lead a rehearsal there, and
/// nobody is woken by one.
pub fn load_for_sandbox(
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config> {
    let kept = environment.into_iter().filter(|(name, _)| {
        let name = name.to_string_lossy();
        let elsewhere = [
            "LEVY_MERCHANT_",
            "LEVY_PLATFORM_",
            "LEVY_LEDGER_",
            "LEVY_METRICS_",
            "LEVY_NOTIFY_",
        ];
        !elsewhere.iter().any(|prefix| name.starts_with(prefix))
            && (!name.starts_with("LEVY_GATEWAY_") || name == "LEVY_GATEWAY_TIMEOUT_SECONDS")
    });
    check(None, Raw::default(), BTreeMap::new(), kept)
}

fn read(path: &Path) -> Result<String> {
    let fault = |words: String| ConfigFault(format!("{}: {words}", path.display()));
    let meta = fs::metadata(path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound => fault("there is no such file".into()),
        _ => fault(e.to_string()),
    })?;
    if !meta.is_file() || meta.len() > CONFIG_BYTES_MAX {
        return Err(fault("is no file of settings".into()));
    }
    let bytes = fs::read(path).map_err(|e| fault(e.to_string()))?;
    String::from_utf8(bytes).map_err(|_| fault("is not UTF-8".into()))
}

/// The parser's own message shows the offending line, which may hold a proxy's password: only its
/// first sentence and the line's number are shown.
fn parse(path: &Path, text: &str) -> Result<Raw> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    toml::from_str(text).map_err(|e| {
        let line = e.span().map_or(1, |span| {
            let before = text.get(..span.start).unwrap_or("");
            before.matches('\n').count() + 1
        });
        let words = e.message().replace('\n', "; ");
        ConfigFault(format!("{}:{line}: {words}", path.display()))
    })
}

fn check(
    file: Option<PathBuf>,
    mut raw: Raw,
    lines: BTreeMap<String, usize>,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<Config> {
    let environment: Vec<(OsString, OsString)> = environment.into_iter().collect();
    let credentials = environment
        .iter()
        .find(|(name, value)| name == CREDENTIALS_DIRECTORY && !value.is_empty())
        .map(|(_, value)| PathBuf::from(value));
    let base = match file.as_deref().and_then(Path::parent) {
        Some(parent) => parent.to_path_buf(),
        None => PathBuf::new(),
    };
    let required = raw.batch.require_approval == Some(true);
    let variables = overlay(&mut raw, environment)?;
    let source = Source {
        file: file.clone(),
        base,
        variables,
        lines,
        credentials,
    };
    // Whoever types the command would do away with the second pair of eyes, and nothing would tell of it.
    if required && raw.batch.require_approval == Some(false) {
        let words = "the settings file says true, and a variable can't switch that off: unset it, or have \
                     the file changed";
        return Err(source.fault("batch", "require_approval", words));
    }
    let settings = listing::settings(&mut raw, &source);
    let whole = |key: (&str, &str), value: Option<i64>, default, low, high| {
        source.within(key, value.unwrap_or(default), low, high)
    };
    let qps = whole(
        ("pace", "per_merchant_qps"),
        raw.pace.per_merchant_qps,
        PER_MERCHANT_QPS_DEFAULT,
        1,
        PER_MERCHANT_QPS_MAX,
    )?;
    let in_flight = whole(
        ("pace", "max_in_flight"),
        raw.pace.max_in_flight,
        MAX_IN_FLIGHT_DEFAULT,
        1,
        MAX_IN_FLIGHT_MAX,
    )?;
    let timeout = whole(
        ("gateway", "timeout_seconds"),
        raw.gateway.timeout_seconds,
        TIMEOUT_SECONDS_DEFAULT,
        1,
        TIMEOUT_SECONDS_MAX,
    )?;
    let ceiling = AMOUNT_FEN_MAX as i64;
    let fen_max = whole(
        ("limits", "amount_fen_max"),
        raw.limits.amount_fen_max,
        ceiling,
        1,
        ceiling,
    )?;
    let total_fen_max = match raw.limits.total_fen_max {
        Some(most) => Some(source.within(("limits", "total_fen_max"), most, 1, i64::MAX)? as u64),
        None => None,
    };
    let hold_days = whole(
        ("holds", "days"),
        raw.holds.days,
        i64::from(HOLD_DAYS_DEFAULT),
        0,
        HOLD_DAYS_MAX,
    )?;
    let result = style(&source, &raw.result)?;
    let notify = notify::checked(&source, raw.notify)?;
    let metrics_file = raw.metrics.file.as_ref().map(|f| source.path(f));
    let log = wish(&source, &raw.log)?;
    let ledger = address(&source, raw.ledger.url.as_deref().unwrap_or(LEDGER_DEFAULT))?;
    let lease = lease(&source, raw.ledger.lease, timeout)?;
    let isolation = isolation(&source, &raw.ledger)?;
    let ledger_password = raw.ledger.password_file.as_ref();
    let ledger_password = ledger_password.map(|file| source.key_file(file));
    Ok(Config {
        file,
        per_merchant_qps: qps as u32,
        max_in_flight: in_flight as u32,
        timeout: Duration::from_secs(timeout as u64),
        ledger,
        ledger_password,
        lease,
        isolation,
        amount_fen_max: fen_max as u64,
        total_fen_max,
        require_approval: raw.batch.require_approval.unwrap_or(false),
        hold_days: hold_days as u32,
        result,
        settings,
        metrics_file,
        notify,
        log,
        source,
        merchant: raw.merchant,
        platform: raw.platform,
        gateway: raw.gateway,
    })
}

fn style(source: &Source, raw: &RawResult) -> Result<Style> {
    let language = match raw.language.as_deref() {
        None | Some("en") => Language::English,
        Some("zh") => Language::Chinese,
        Some(_) => return Err(source.fault("result", "language", "must be en or zh")),
    };
    let ends = match raw.plain {
        Some(true) => Ends::Plain,
        Some(false) | None => Ends::Excel,
    };
    Ok(Style { language, ends })
}

fn wish(source: &Source, raw: &RawLog) -> Result<Wish> {
    let level = match raw.level.as_deref().map(Level::parse) {
        Some(None) => {
            let words = "must be error, warn, info, debug or trace";
            return Err(source.fault("log", "level", words));
        }
        level => level.flatten(),
    };
    let format = match raw.format.as_deref().map(Format::parse) {
        Some(None) => return Err(source.fault("log", "format", "must be human or json")),
        format => format.flatten(),
    };
    Ok(Wish { level, format })
}

fn address(source: &Source, url: &str) -> Result<Address> {
    match Address::parse(url.as_ref()) {
        Ok(Address::File(path)) => Ok(Address::File(source.base.join(path))),
        Ok(address) => Ok(address),
        Err(words) => Err(source.fault("ledger", "url", &words)),
    }
}

/// A lease ends only after everything that was begun under it.
fn lease(source: &Source, seconds: Option<i64>, timeout: i64) -> Result<Duration> {
    let least = timeout * LEASE_TIMEOUTS_MIN;
    let seconds = match seconds {
        None => LEASE_SECONDS_DEFAULT.max(least),
        Some(seconds) if (1..least).contains(&seconds) => {
            let words = format!(
                "{seconds} is too small: at least {LEASE_TIMEOUTS_MIN} times [gateway] timeout_seconds, \
                 {least}"
            );
            return Err(source.fault("ledger", "lease", &words));
        }
        Some(seconds) => source.within(("ledger", "lease"), seconds, least, LEASE_SECONDS_MAX)?,
    };
    Ok(Duration::from_secs(seconds as u64))
}

fn isolation(source: &Source, raw: &RawLedger) -> Result<Isolation> {
    match raw.isolation.as_deref() {
        None | Some("read committed") => Ok(Isolation::ReadCommitted),
        Some("serializable") => Ok(Isolation::Serializable),
        Some(_) => {
            let words = "must be \"read committed\" or \"serializable\"";
            Err(source.fault("ledger", "isolation", words))
        }
    }
}

impl Config {
    /// The caller's merchant number, to which the ledger is bound.
    pub fn caller(&self) -> Result<Merchant> {
        let Some(mchid) = &self.merchant.mchid else {
            return Err(self.source.missing("merchant", "mchid", "must be given"));
        };
        Merchant::parse(mchid).map_err(|words| self.source.fault("merchant", "mchid", words))
    }

    /// A fault of a setting that was seen only where it was used; `setting` is `section.name`.
    pub fn fault(&self, setting: &str, words: &str) -> ConfigFault {
        let (section, name) = setting.split_once('.').unwrap_or((setting, ""));
        self.source.fault(section, name, words)
    }

    /// What a connection needs, but for the platform's keys.
    pub fn connection(&self) -> Result<Connection> {
        let source = &self.source;
        let merchant = &self.merchant;
        let mchid = self.caller()?;
        let private_key = self.private_key()?;
        if merchant.serial_no.is_none() && merchant.certificate.is_none() {
            let words = "must be given, or certificate, which tells it";
            return Err(source.missing("merchant", "serial_no", words));
        }
        let gateway = &self.gateway;
        let base_url = gateway.base_url.as_deref().unwrap_or(BASE_URL_DEFAULT);
        let standby_url = match &gateway.standby_url {
            Some(url) => Some(url.clone()),
            // The standby host is WeChat Pay's; it stands in for nobody else's.
            None => (base_url == BASE_URL_DEFAULT).then(|| STANDBY_URL_DEFAULT.into()),
        };
        Ok(Connection {
            mchid,
            serial_no: merchant.serial_no.clone(),
            certificate: self.certificate(),
            private_key,
            passphrase: self.passphrase(),
            base_url: base_url.into(),
            standby_url,
            proxy: gateway.proxy.clone().map(Secret::new),
            ca_file: gateway.ca_file.as_ref().map(|f| source.key_file(f).path),
        })
    }

    /// The file of the caller's private key.
    pub fn private_key(&self) -> Result<KeyFile> {
        let Some(file) = &self.merchant.private_key else {
            let words = "must name the file of the API private key (apiclient_key.pem)";
            return Err(self.source.missing("merchant", "private_key", words));
        };
        Ok(self.source.key_file(file))
    }

    /// The file of the caller's certificate, if one is given.
    pub fn certificate(&self) -> Option<PathBuf> {
        let file = self.merchant.certificate.as_ref();
        file.map(|file| self.source.key_file(file).path)
    }

    /// The file with what the private key is encrypted with, if one is given.
    pub fn passphrase(&self) -> Option<KeyFile> {
        let file = self.merchant.private_key_passphrase_file.as_ref();
        file.map(|file| self.source.key_file(file))
    }

    /// The file of the APIv3 key, if one is given.
    pub fn api_v3_key(&self) -> Option<KeyFile> {
        let file = self.merchant.api_v3_key_file.as_ref();
        file.map(|file| self.source.key_file(file))
    }

    /// The directory in which relative paths begin.
    pub fn base(&self) -> &Path {
        &self.source.base
    }

    /// Whether any key of the platform is given.
    pub fn has_platform_keys(&self) -> bool {
        let platform = &self.platform;
        let first = [
            &platform.public_key_id,
            &platform.public_key,
            &platform.certificate,
        ];
        first.iter().any(|given| given.is_some()) || !platform.keys.is_empty()
    }

    /// The platform's keys; the first seals.
    pub fn platform_keys(&self) -> Result<Vec<PlatformKey>> {
        let first = RawPlatformKey {
            public_key_id: self.platform.public_key_id.clone(),
            public_key: self.platform.public_key.clone(),
            certificate: self.platform.certificate.clone(),
        };
        let mut keys = vec![self.platform_key("platform", &first)?];
        for raw in &self.platform.keys {
            keys.push(self.platform_key("[platform.keys]", raw)?);
        }
        Ok(keys)
    }

    fn platform_key(&self, section: &str, raw: &RawPlatformKey) -> Result<PlatformKey> {
        let source = &self.source;
        if raw.public_key_id.as_deref().is_some_and(is_example) {
            let words = "is the example's: give the id that the merchant platform shows beside the \
                         public key";
            return Err(source.fault(section, "public_key_id", words));
        }
        match (&raw.public_key_id, &raw.public_key, &raw.certificate) {
            (Some(id), Some(file), None) => Ok(PlatformKey::PublicKey {
                id: id.clone(),
                file: source.key_file(file).path,
            }),
            (None, None, Some(file)) => Ok(PlatformKey::Certificate {
                file: source.key_file(file).path,
            }),
            (None, None, None) => {
                let words = "must be given with public_key, or certificate in place of both";
                Err(source.missing(section, "public_key_id", words))
            }
            (None, Some(_), None) => {
                let words = "must be given with public_key: it names the key (PUB_KEY_ID_…)";
                Err(source.missing(section, "public_key_id", words))
            }
            (Some(_), None, None) => {
                let words = "must name the file of the key that public_key_id names";
                Err(source.missing(section, "public_key", words))
            }
            (Some(_), _, Some(_)) | (_, Some(_), Some(_)) => {
                let words = "give either certificate, or public_key_id and public_key; \
                             a second key goes under [[platform.keys]]";
                Err(source.fault(section, "certificate", words))
            }
        }
    }
}

/// The id that stands in the example of the settings; no key has it.
fn is_example(id: &str) -> bool {
    let digits = id.trim().strip_prefix("PUB_KEY_ID_");
    digits.is_some_and(|digits| digits.bytes().all(|b| b == b'0'))
}

#[cfg(test)]
mod tests;
