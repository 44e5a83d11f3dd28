//! Every setting as it holds, and where it came from: for people who look for the one that is wrong.
//!
//! What may hold a secret is told as set, and no more.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use toml::de::{DeTable, DeValue};

use super::Source;
use super::raw::{KEYS, Raw, RawPlatformKey, Slot};
use crate::gateway::is_maybe_a_key;
use crate::ledger::Address;

/// Texts with an address in them that hold no password: a user in one is refused where it is used.
const ADDRESSES_SHOWN: [&str; 2] = ["gateway.base_url", "gateway.standby_url"];
/// Never shown: a proxy's address may hold a password, a robot's is one.
const SECRETS: [&str; 5] = [
    "gateway.proxy",
    "notify.webhook",
    "notify.secret",
    "notify.ping",
    "notify.proxy",
];
/// What holds where nothing is given, in the words that a file would have.
const DEFAULTS: [(&str, &str); 16] = [
    ("gateway.base_url", super::BASE_URL_DEFAULT),
    ("gateway.timeout_seconds", "10"),
    ("pace.per_merchant_qps", "100"),
    ("pace.max_in_flight", "256"),
    ("ledger.url", super::LEDGER_DEFAULT),
    ("ledger.lease", "30"),
    ("ledger.isolation", "read committed"),
    ("limits.amount_fen_max", "10000000000000"),
    ("holds.days", "40"),
    ("batch.require_approval", "false"),
    ("result.language", "en"),
    ("result.plain", "false"),
    ("notify.on", "trouble"),
    ("log.level", "info"),
    ("log.format", "human"),
    ("limits.total_fen_max", "no limit"),
];

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// `section.name`; of a further platform key `platform.keys[1].name`.
    pub key: String,
    /// What holds.
    pub value: Shown,
    /// Where it came from.
    pub origin: Origin,
}

/// A setting's value, as far as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shown {
    /// As it holds.
    Value(String),
    /// It is set, and may hold a secret.
    Secret,
    /// There is none.
    Absent,
}

/// Where a setting came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A line of the settings file.
    File(PathBuf, usize),
    /// A variable of the environment.
    Variable(String),
    /// Nobody gave it.
    Default,
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => f.write_str(value),
            Self::Secret => f.write_str("set, secret"),
            Self::Absent => f.write_str("not set"),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file, line) => write!(f, "{}:{line}", file.display()),
            Self::Variable(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

/// The line of each key of a settings file, by `section.name` and `platform.keys[N].name`.
pub(super) fn lines(text: &str) -> BTreeMap<String, usize> {
    let bare = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = BTreeMap::new();
    // What is no TOML was refused before.
    if let Ok(table) = DeTable::parse(bare) {
        walk(bare, "", table.get_ref(), &mut lines);
    }
    lines
}

fn walk(text: &str, above: &str, table: &DeTable<'_>, lines: &mut BTreeMap<String, usize>) {
    for (name, value) in table {
        let key = match above {
            "" => name.get_ref().to_string(),
            above => format!("{above}.{}", name.get_ref()),
        };
        match value.get_ref() {
            DeValue::Table(table) => walk(text, &key, table, lines),
            DeValue::Array(items) => {
                for (i, item) in items.iter().enumerate() {
                    if let DeValue::Table(table) = item.get_ref() {
                        walk(text, &format!("{key}[{}]", i + 1), table, lines);
                    }
                }
            }
            _ => {
                let before = text.get(..name.span().start).unwrap_or("");
                lines.insert(key, before.matches('\n').count() + 1);
            }
        }
    }
}

/// Every setting that levy knows.
pub(super) fn settings(raw: &mut Raw, source: &Source) -> Vec<Setting> {
    let mut settings: Vec<Setting> = Vec::new();
    let has_other_base = raw
        .gateway
        .base_url
        .as_ref()
        .is_some_and(|url| url != super::BASE_URL_DEFAULT);
    for key in KEYS {
        let name = format!("{}.{}", key.section, key.name);
        let value = match (key.slot)(raw) {
            Slot::Text(text) => text.clone(),
            Slot::Whole(number) => number.map(|n| n.to_string()),
            Slot::Flag(flag) => flag.map(|f| f.to_string()),
        };
        let mut one = setting(source, name, value);
        // The standby host is WeChat Pay's; it stands in for nobody else's.
        if one.key == "gateway.standby_url" && one.value == Shown::Absent && !has_other_base {
            one.value = Shown::Value(super::STANDBY_URL_DEFAULT.into());
        }
        settings.push(one);
    }
    for (i, key) in raw.platform.keys.iter().enumerate() {
        let RawPlatformKey {
            public_key_id,
            public_key,
            certificate,
        } = key;
        for (name, value) in [
            ("public_key_id", public_key_id),
            ("public_key", public_key),
            ("certificate", certificate),
        ] {
            if value.is_some() {
                let name = format!("platform.keys[{}].{name}", i + 1);
                settings.push(setting(source, name, value.clone()));
            }
        }
    }
    settings
}

fn setting(source: &Source, key: String, value: Option<String>) -> Setting {
    let origin = match (source.variables.get(&key), &source.file, &value) {
        (Some(variable), _, Some(_)) => Origin::Variable(variable.clone()),
        (None, Some(file), Some(_)) => {
            Origin::File(file.clone(), source.lines.get(&key).copied().unwrap_or(1))
        }
        _ => Origin::Default,
    };
    let value = match value {
        Some(value) => shown(&key, value),
        None => match DEFAULTS.iter().find(|(known, _)| *known == key) {
            Some((_, default)) => Shown::Value((*default).into()),
            None => Shown::Absent,
        },
    };
    Setting { key, value, origin }
}

/// An address may hold a password or be one (a robot's), so it is shown only where it is known that
/// it can't.
pub(super) fn shown(key: &str, value: String) -> Shown {
    // It prints itself without user and password.
    if let ("ledger.url", Ok(Address::Postgres(url))) = (key, Address::parse(value.as_ref())) {
        return Shown::Value(url.to_string());
    }
    let is_address = value.contains("://") && !ADDRESSES_SHOWN.contains(&key);
    let has_user = value.contains('@');
    let is_number = key.ends_with("serial_no") || key.ends_with("mchid");
    let is_key = !is_number && is_maybe_a_key(&value);
    match is_address || has_user || is_key || SECRETS.contains(&key) {
        true => Shown::Secret,
        false => Shown::Value(value),
    }
}
