//! The keys: their form, who may read them, whether they belong together, and until when.

use crate::cli::config::{Config, KeyFile, PlatformKey};
use crate::cli::connect;
use crate::cli::failure::Failure;
use crate::clock::{Clock, SystemClock, WallMs};
use crate::doctor::{Area, Check, Findings, judge};
use crate::gateway::{self, Keeper, KeyForm, KeyPart};

const KEYS: Area = Area::Keys;
const RENEW_OURS: &str = "apply for a new API certificate on the merchant platform, and put key, certificate \
                          and serial number in place together";
const RENEW_THEIRS: &str = "`levy keys fetch` downloads the platform's present certificates";

/// Looks at each of them.
pub fn look(config: &Config, findings: &mut Findings) {
    let now = SystemClock::default().wall();
    private_key(config, findings);
    certificate(config, now, findings);
    platform(config, now, findings);
    api_v3_key(config, findings);
}

fn failed(name: &str, failure: &Failure) -> Check {
    Check::fail(KEYS, name, failure.to_string())
}

/// The path, the mode, and who keeps the file.
fn place(file: &KeyFile, mode: u32) -> String {
    let keeper = match file.keeper {
        Keeper::Owner => "",
        Keeper::ServiceManager => ", from $CREDENTIALS_DIRECTORY",
    };
    format!(
        "{}: mode {:04o}{keeper}",
        file.path.display(),
        mode & 0o7777
    )
}

fn private_key(config: &Config, findings: &mut Findings) {
    const NAME: &str = "private key";
    let Ok(file) = config.private_key() else {
        findings.push(Check::skip(KEYS, NAME, "no file is named"));
        return;
    };
    let key = match connect::private_key(config) {
        Ok(key) => key,
        Err(failure) => return findings.push(failed(NAME, &failure)),
    };
    let place = place(&file, key.file.mode);
    let (form, bits) = match gateway::private_key_form(key.file.bytes.reveal(), key.plain.reveal())
    {
        Ok(form) => form,
        Err(fault) => {
            let found = format!("{}: {fault}", file.path.display());
            return findings.push(Check::fail(KEYS, NAME, found));
        }
    };
    let found = format!("{place}, {form}, {bits} bits");
    let is_idle = config.passphrase().is_some() && form != KeyForm::EncryptedPkcs8;
    findings.push(match is_idle {
        true => Check::warn(KEYS, NAME, format!("{found}; it is not encrypted"))
            .advise("encrypt it, or take private_key_passphrase_file out of the settings"),
        false => Check::ok(KEYS, NAME, found),
    });
}

fn certificate(config: &Config, now: WallMs, findings: &mut Findings) {
    const NAME: &str = "merchant certificate";
    let Some(file) = config.certificate() else {
        findings.push(Check::warn(KEYS, NAME, "no file is named").advise(
            "name apiclient_cert.pem as [merchant] certificate: then it is known when it expires, \
                 and that it belongs to the key",
        ));
        return;
    };
    let part = KeyPart::Certificate;
    match connect::certificate(config, "merchant.certificate", part, &file) {
        Ok(told) => {
            let what = file.display().to_string();
            findings.push(judge::certificate(NAME, &what, &told, now, RENEW_OURS));
        }
        Err(failure) => return findings.push(failed(NAME, &failure)),
    }
    let form = connect::private_key(config)
        .map(|key| gateway::private_key_form(key.file.bytes.reveal(), key.plain.reveal()).is_ok());
    if !form.unwrap_or(false) {
        let found = "the private key does not hold, as told above";
        return findings.push(Check::skip(KEYS, "pair", found));
    }
    let pair = config
        .connection()
        .map_err(Failure::from)
        .and_then(|connection| connect::signer(config, &connection));
    findings.push(match pair {
        Ok(signer) => {
            let found = format!(
                "private key and certificate are a pair, serial {}",
                signer.serial()
            );
            Check::ok(KEYS, "pair", found)
        }
        Err(failure) => failed("pair", &failure),
    });
}

fn platform(config: &Config, now: WallMs, findings: &mut Findings) {
    const NAME: &str = "platform key";
    let keys = match config.platform_keys() {
        Ok(keys) => keys,
        Err(fault) => {
            let check = Check::fail(KEYS, NAME, fault.to_string()).advise(
                "download the public key and its id from the merchant platform, or the certificates \
                 with `levy keys fetch`",
            );
            return findings.push(check);
        }
    };
    for (i, one) in keys.iter().enumerate() {
        let use_ = match i {
            0 => "seals and verifies",
            _ => "verifies",
        };
        findings.push(platform_key(config, one, use_, now));
    }
    // Two keys under one id, or too many, are seen only together.
    let alone = |one: &PlatformKey| connect::platform_key(config, one).is_ok();
    if keys.iter().all(alone)
        && let Err(failure) = connect::platform_keys(config)
    {
        findings.push(failed("platform keys", &failure));
    }
}

fn platform_key(config: &Config, one: &PlatformKey, use_: &str, now: WallMs) -> Check {
    const NAME: &str = "platform key";
    let key = match connect::platform_key(config, one) {
        Ok(key) => key,
        Err(failure) => return failed(NAME, &failure),
    };
    match one {
        PlatformKey::PublicKey { file, .. } => {
            let found = format!(
                "{}: public key {}, {use_}; it does not expire",
                file.display(),
                key.id()
            );
            Check::ok(KEYS, NAME, found)
        }
        PlatformKey::Certificate { file } => {
            let part = KeyPart::PlatformCertificate;
            match connect::certificate(config, "platform.certificate", part, file) {
                Ok(told) => {
                    let what = format!("{}: certificate, {use_}", file.display());
                    judge::certificate(NAME, &what, &told, now, RENEW_THEIRS)
                }
                Err(failure) => failed(NAME, &failure),
            }
        }
    }
}

fn api_v3_key(config: &Config, findings: &mut Findings) {
    const NAME: &str = "APIv3 key";
    let by_certificate = config.platform_keys().is_ok_and(|keys| {
        let certificate = |key: &PlatformKey| matches!(key, PlatformKey::Certificate { .. });
        keys.iter().any(certificate)
    });
    findings.push(match (config.api_v3_key(), by_certificate) {
        (None, false) => {
            let found = "not set; `levy keys fetch` alone needs it";
            Check::ok(KEYS, NAME, found)
        }
        (None, true) => Check::warn(KEYS, NAME, "not set").advise(
            "platform certificates expire: set [merchant] api_v3_key_file, so that `levy keys fetch` \
             can download the next one",
        ),
        (Some(file), _) => match connect::api_v3_key(config) {
            Ok(_) => {
                let found = format!("{}: {} bytes", file.path.display(), gateway::API_V3_KEY_BYTES);
                Check::ok(KEYS, NAME, found)
            }
            // No run reads it.
            Err(failure) => Check::warn(KEYS, NAME, failure.to_string())
                .advise("`levy keys fetch` alone needs it: see to it before the next one, or take it out"),
        },
    });
}
