//! Bytes as a settings file, and behind a line `%%` as the environment's variables.

use std::ffi::OsString;
use std::fmt::Write;
use std::path::Path;

use levy::cli::config::{Config, from_text};
use levy::order::AMOUNT_FEN_MAX;
use toml::{Table, Value};

/// What divides the file from the variables, one `NAME=VALUE` a line.
const DIVIDER: &str = "\n%%\n";
/// Characters from which on a proxy's address is looked for in what is shown: fewer are in any text.
const SECRET_CHARS_MIN: usize = 6;
/// Every section with its keys: a key that is not here must be an error.
const SECTIONS: [(&str, &[&str]); 8] = [
    (
        "merchant",
        &["mchid", "serial_no", "certificate", "private_key"],
    ),
    (
        "platform",
        &["public_key_id", "public_key", "certificate", "keys"],
    ),
    (
        "gateway",
        &[
            "base_url",
            "standby_url",
            "timeout_seconds",
            "proxy",
            "ca_file",
        ],
    ),
    ("pace", &["per_merchant_qps", "max_in_flight"]),
    ("ledger", &["url"]),
    ("limits", &["amount_fen_max", "total_fen_max"]),
    ("holds", &["days"]),
    ("batch", &["require_approval"]),
];
const PLATFORM_KEY: &[&str] = &["public_key_id", "public_key", "certificate"];

/// Unknown keys and variables are errors, what is accepted keeps to its bounds and is what the file
/// or, over it, the environment says, the same text gives the same settings, and neither faults nor
/// debug prints show a proxy's address.
pub fn property(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (file, variables) = text.split_once(DIVIDER).unwrap_or((&text, ""));
    let environment = environment(variables);
    let got = load(file, &environment);
    let again = load(file, &environment);
    let plain = file.strip_prefix('\u{feff}').unwrap_or(file);
    let table = plain.parse::<Table>();
    let secret = secret(&text, table.as_ref().ok(), &environment);
    match (&got, &again) {
        (Ok(config), Ok(again)) => {
            let table = table.expect("what is accepted is TOML");
            assert_eq!(told(config, &secret), told(again, &secret));
            accepted(config, &table, &environment);
        }
        (Err(fault), Err(again)) => {
            assert_eq!(fault, again);
            shows_no_secret(&fault.to_string(), &secret);
            let place = fault.0.starts_with("levy.toml:") || fault.0.starts_with("LEVY_");
            assert!(place, "{fault}");
            if let Some(line) = line_of(&fault.0) {
                assert!(
                    (1..=file.matches('\n').count() + 1).contains(&line),
                    "{fault}"
                );
            }
        }
        (Ok(_), Err(_)) | (Err(_), Ok(_)) => panic!("the same text, and other settings"),
    }
    if let Err(fault) = &got {
        refused_for_a_reason(file, &environment, fault.to_string());
    }
}

fn load(
    file: &str,
    environment: &[(String, String)],
) -> Result<Config, levy::cli::config::ConfigFault> {
    let pair = |(name, value): &(String, String)| (OsString::from(name), OsString::from(value));
    from_text(Path::new("levy.toml"), file, environment.iter().map(pair))
}

fn environment(lines: &str) -> Vec<(String, String)> {
    let pairs = lines.lines().filter_map(|line| line.split_once('='));
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What the environment says of a setting: the last variable of its name.
fn variable<'a>(environment: &'a [(String, String)], section: &str, key: &str) -> Option<&'a str> {
    let wanted = format!("LEVY_{section}_{key}").to_ascii_uppercase();
    let found = environment.iter().rev().find(|(name, _)| *name == wanted);
    found.map(|(_, value)| value.as_str())
}

fn accepted(config: &Config, table: &Table, environment: &[(String, String)]) {
    for (section, value) in table {
        let known = SECTIONS.iter().find(|(name, _)| name == section);
        let (_, keys) = known.unwrap_or_else(|| panic!("unknown section {section}"));
        let value = value.as_table().expect("a section is a table");
        for (key, value) in value {
            assert!(keys.contains(&key.as_str()), "unknown key {section}.{key}");
            let inner = value
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_table);
            for key in inner.flat_map(Table::keys) {
                assert!(PLATFORM_KEY.contains(&key.as_str()), "unknown key {key}");
            }
        }
    }
    for (name, value) in environment
        .iter()
        .filter(|(name, _)| name.starts_with("LEVY_"))
    {
        assert!(!value.is_empty());
        let known = SECTIONS.iter().any(|(section, keys)| {
            keys.iter()
                .any(|key| *name == format!("LEVY_{section}_{key}").to_ascii_uppercase())
        });
        assert!(known, "unknown variable {name}");
    }
    let given = |section: &str, key: &str| match variable(environment, section, key) {
        Some(text) => Some(text.parse::<i64>().expect("a whole number")),
        None => table.get(section)?.get(key)?.as_integer(),
    };
    let timeout = config.timeout;
    assert_eq!(timeout.subsec_nanos(), 0);
    for (section, key, got, default, low, high) in [
        (
            "pace",
            "per_merchant_qps",
            config.per_merchant_qps.into(),
            100,
            1,
            100,
        ),
        (
            "pace",
            "max_in_flight",
            config.max_in_flight.into(),
            256,
            1,
            4096,
        ),
        ("gateway", "timeout_seconds", timeout.as_secs(), 10, 1, 60),
        (
            "limits",
            "amount_fen_max",
            config.amount_fen_max,
            AMOUNT_FEN_MAX,
            1,
            AMOUNT_FEN_MAX,
        ),
        ("holds", "days", config.hold_days.into(), 40, 0, 3650),
    ] {
        assert!((low..=high).contains(&got), "{section}.{key} is {got}");
        let want = given(section, key).map_or(default, |n| n as u64);
        assert_eq!(got, want, "{section}.{key}");
    }
    let file = table
        .get("ledger")
        .and_then(|ledger| ledger.get("url"))
        .and_then(Value::as_str);
    let url = variable(environment, "ledger", "url")
        .or(file)
        .unwrap_or("levy.db");
    match config.ledger.file() {
        Some(path) => {
            assert_eq!(path, Path::new(url));
            assert!(!url.is_empty() && !url.contains("://"));
        }
        None => assert!(url.starts_with("postgres")),
    }
    if let Ok(caller) = config.caller() {
        let mchid = table
            .get("merchant")
            .and_then(|m| m.get("mchid"))
            .and_then(Value::as_str);
        let mchid = variable(environment, "merchant", "mchid").or(mchid);
        assert_eq!(Some(caller.as_str()), mchid);
    }
}

/// The settings, as text, for comparison.
fn told(config: &Config, secret: &[String]) -> String {
    let mut told = format!(
        "{} {} {:?} {:?} {} {} ",
        config.per_merchant_qps,
        config.max_in_flight,
        config.timeout,
        config.ledger,
        config.amount_fen_max,
        config.hold_days
    );
    for setting in &config.settings {
        let line = format!("{} {} {}", setting.key, setting.value, setting.origin);
        shows_no_secret(&line, secret);
    }
    match config
        .connection()
        .and_then(|c| Ok((c, config.platform_keys()?)))
    {
        Ok((connection, platform)) => {
            let words = format!("{connection:?} {platform:?}");
            shows_no_secret(&words, secret);
            assert!(!platform.is_empty());
            told.push_str(&words);
        }
        Err(fault) => {
            shows_no_secret(&fault.0, secret);
            write!(told, "{fault}").expect("a text takes all");
        }
    }
    told
}

/// Addresses of proxies, where they stand nowhere else in the text.
fn secret(text: &str, table: Option<&Table>, environment: &[(String, String)]) -> Vec<String> {
    let in_file = table.and_then(|t| t.get("gateway")?.get("proxy")?.as_str());
    let variable = variable(environment, "gateway", "proxy");
    let proxies = [in_file, variable].into_iter().flatten();
    let alone = |proxy: &&str| {
        proxy.len() >= SECRET_CHARS_MIN && text.matches(*proxy).count() == 1 && is_odd(proxy)
    };
    proxies.filter(alone).map(str::to_owned).collect()
}

/// A text that no fault says by itself.
fn is_odd(text: &str) -> bool {
    text.contains("://") && text.contains('@')
}

fn shows_no_secret(words: &str, secret: &[String]) {
    for secret in secret {
        assert!(!words.contains(secret.as_str()), "{words}");
    }
}

/// The `7` of `levy.toml:7: …`.
fn line_of(fault: &str) -> Option<usize> {
    let rest = fault.strip_prefix("levy.toml:")?;
    rest.split_once(':')?.0.parse().ok()
}

/// A text that has nothing but known keys with small values is accepted: a fault has a reason.
fn refused_for_a_reason(file: &str, environment: &[(String, String)], fault: String) {
    if file.is_empty()
        && environment
            .iter()
            .all(|(name, _)| !name.starts_with("LEVY_"))
    {
        panic!("refused for nothing: {fault}");
    }
}
