//! Settings as they were given, before anybody asks whether they make sense: the file's form, and the
//! variables that go over it.

use std::collections::BTreeMap;
use std::ffi::OsString;

use serde::Deserialize;

use super::{ConfigFault, Result};

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub(super) merchant: RawMerchant,
    pub(super) platform: RawPlatform,
    pub(super) gateway: RawGateway,
    pub(super) pace: RawPace,
    pub(super) ledger: RawLedger,
    pub(super) limits: RawLimits,
    pub(super) holds: RawHolds,
    pub(super) batch: RawBatch,
    pub(super) result: RawResult,
    pub(super) metrics: RawMetrics,
    pub(super) notify: RawNotify,
    pub(super) log: RawLog,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMerchant {
    pub(super) mchid: Option<String>,
    pub(super) serial_no: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) private_key: Option<String>,
    pub(super) private_key_passphrase_file: Option<String>,
    pub(super) api_v3_key_file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPlatform {
    pub(super) public_key_id: Option<String>,
    pub(super) public_key: Option<String>,
    pub(super) certificate: Option<String>,
    pub(super) keys: Vec<RawPlatformKey>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPlatformKey {
    pub(super) public_key_id: Option<String>,
    pub(super) public_key: Option<String>,
    pub(super) certificate: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawGateway {
    pub(super) base_url: Option<String>,
    pub(super) standby_url: Option<String>,
    pub(super) timeout_seconds: Option<i64>,
    pub(super) proxy: Option<String>,
    pub(super) ca_file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawPace {
    pub(super) per_merchant_qps: Option<i64>,
    pub(super) max_in_flight: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLedger {
    pub(super) url: Option<String>,
    pub(super) password_file: Option<String>,
    pub(super) lease: Option<i64>,
    pub(super) isolation: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLimits {
    pub(super) amount_fen_max: Option<i64>,
    pub(super) total_fen_max: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawHolds {
    pub(super) days: Option<i64>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBatch {
    pub(super) require_approval: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawResult {
    pub(super) language: Option<String>,
    pub(super) plain: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMetrics {
    pub(super) file: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawNotify {
    pub(super) webhook: Option<String>,
    pub(super) webhook_file: Option<String>,
    pub(super) form: Option<String>,
    pub(super) secret: Option<String>,
    pub(super) secret_file: Option<String>,
    pub(super) on: Option<String>,
    pub(super) ping: Option<String>,
    pub(super) ping_file: Option<String>,
    pub(super) proxy: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawLog {
    pub(super) level: Option<String>,
    pub(super) format: Option<String>,
}

/// One setting that the environment may give.
pub(super) struct Key {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) slot: fn(&mut Raw) -> Slot<'_>,
}

pub(super) enum Slot<'a> {
    Text(&'a mut Option<String>),
    Whole(&'a mut Option<i64>),
    Flag(&'a mut Option<bool>),
}

macro_rules! keys {
    ($($kind:ident $section:ident.$name:ident,)+) => {
        &[$(Key {
            section: stringify!($section),
            name: stringify!($name),
            slot: |raw| Slot::$kind(&mut raw.$section.$name),
        },)+]
    };
}

pub(super) const KEYS: &[Key] = keys! {
    Text merchant.mchid,
    Text merchant.serial_no,
    Text merchant.certificate,
    Text merchant.private_key,
    Text merchant.private_key_passphrase_file,
    Text merchant.api_v3_key_file,
    Text platform.public_key_id,
    Text platform.public_key,
    Text platform.certificate,
    Text gateway.base_url,
    Text gateway.standby_url,
    Whole gateway.timeout_seconds,
    Text gateway.proxy,
    Text gateway.ca_file,
    Whole pace.per_merchant_qps,
    Whole pace.max_in_flight,
    Text ledger.url,
    Text ledger.password_file,
    Whole ledger.lease,
    Text ledger.isolation,
    Whole limits.amount_fen_max,
    Whole limits.total_fen_max,
    Whole holds.days,
    Flag batch.require_approval,
    Text result.language,
    Flag result.plain,
    Text metrics.file,
    Text notify.webhook,
    Text notify.webhook_file,
    Text notify.form,
    Text notify.secret,
    Text notify.secret_file,
    Text notify.on,
    Text notify.ping,
    Text notify.ping_file,
    Text notify.proxy,
    Text log.level,
    Text log.format,
};

impl Key {
    pub(super) fn variable(&self) -> String {
        format!("LEVY_{}_{}", self.section, self.name).to_ascii_uppercase()
    }
}

/// Puts the environment over the file; answers which variable gave which setting.
pub(super) fn overlay(
    raw: &mut Raw,
    environment: impl IntoIterator<Item = (OsString, OsString)>,
) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for (variable, value) in environment {
        let variable = variable.to_string_lossy().into_owned();
        if !variable.starts_with("LEVY_") {
            continue;
        }
        let fault = |words: &str| ConfigFault(format!("{variable}: {words}"));
        let Some(key) = KEYS.iter().find(|key| key.variable() == variable) else {
            let known: Vec<String> = KEYS.iter().map(Key::variable).collect();
            let words = format!("is no setting of levy; known are {}", known.join(", "));
            return Err(fault(&words));
        };
        let value = value
            .into_string()
            .map_err(|_| fault("its value is not UTF-8"))?;
        if value.is_empty() {
            return Err(fault("is set but empty: give it a value, or unset it"));
        }
        match (key.slot)(raw) {
            Slot::Text(slot) => *slot = Some(value),
            Slot::Whole(slot) => {
                let number = value
                    .parse()
                    .map_err(|_| fault("must be a whole number in plain digits"))?;
                *slot = Some(number);
            }
            Slot::Flag(slot) => {
                let flag = value.parse().map_err(|_| fault("must be true or false"))?;
                *slot = Some(flag);
            }
        }
        given.insert(format!("{}.{}", key.section, key.name), variable);
    }
    Ok(given)
}
