//! From the settings to a client of the gateway: every key and certificate is read and checked here,
//! before anything else is done, and a fault names its setting and its file.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;
use std::sync::Arc;

use super::config::{Config, Connection, KeyFile, PlatformKey};
use super::failure::Failure;
use crate::clock::Clock;
use crate::gateway::{
    self, ApiV3Key, Carrier, CertificateDesk, Client, KeyFault, KeyPart, Passphrase,
    PlatformKey as Key, PlatformKeys, SecretFile, Settings, Signer, SignerParts,
};
use crate::secret::Secret;

/// Bytes of a certificate's or public key's file, at most.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A client for these settings; it connects to nothing yet.
pub fn client(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Client>, Failure> {
    let connection = config.connection()?;
    // What is missing in the settings is told before what is wrong with a file.
    config.platform_keys()?;
    let signer = signer(config, &connection)?;
    let keys = platform_keys(config)?;
    let settings = settings(config, connection)?;
    let client = Client::new(settings, signer, keys, clock)
        .map_err(|fault| config.fault(fault.setting, &fault.words))?;
    Ok(Arc::new(client))
}

/// The way to the gateway, for these settings: no key is looked at.
pub fn carrier(config: &Config) -> Result<Carrier, Failure> {
    let carrier = Carrier::new(&settings(config, config.connection()?)?);
    Ok(carrier.map_err(|fault| config.fault(fault.setting, &fault.words))?)
}

/// Who asks for the platform's certificates: the caller's keys, and none of the platform.
pub fn certificate_desk(
    config: &Config,
    clock: Arc<dyn Clock>,
) -> Result<CertificateDesk, Failure> {
    let signer = signer(config, &config.connection()?)?;
    Ok(CertificateDesk::new(carrier(config)?, signer, clock))
}

/// How the gateway is reached.
fn settings(config: &Config, connection: Connection) -> Result<Settings, Failure> {
    let ca_pem = match &connection.ca_file {
        Some(file) => Some(read(config, "gateway.ca_file", file)?),
        None => None,
    };
    Ok(Settings {
        base_url: connection.base_url,
        standby_url: connection.standby_url,
        timeout: config.timeout,
        proxy: connection.proxy.map(|proxy| proxy.reveal().clone()),
        ca_pem,
        idle_connections_max_per_host: config.max_in_flight as usize,
    })
}

/// Who signs: merchant number, serial number and private key, checked against each other.
pub fn signer(config: &Config, connection: &Connection) -> Result<Signer, Failure> {
    let key = private_key(config)?;
    let certificate = match &connection.certificate {
        Some(file) => Some(read(config, "merchant.certificate", file)?),
        None => None,
    };
    let parts = SignerParts {
        mchid: connection.mchid.as_str(),
        serial_no: connection.serial_no.as_deref(),
        certificate_pem: certificate.as_deref(),
        private_key_pem: key.plain.reveal(),
    };
    Signer::new(parts).map_err(|fault| {
        // The fault says which of the pieces it is; the files say where to look.
        let mut files = connection.private_key.path.display().to_string();
        if let Some(certificate) = &connection.certificate {
            files.push_str(&format!(", {}", certificate.display()));
        }
        Failure::Keys(format!("[merchant] {fault} ({files})"))
    })
}

/// The caller's private key.
pub struct PrivateKey {
    /// As its file has it.
    pub file: SecretFile,
    /// PEM, not encrypted any more.
    pub plain: Secret<Vec<u8>>,
}

/// Reads the caller's private key, and opens it with its passphrase where it is encrypted.
pub fn private_key(config: &Config) -> Result<PrivateKey, Failure> {
    let setting = "merchant.private_key";
    let from = config.private_key()?;
    let file = read_secret(config, setting, KeyPart::PrivateKey, &from)?;
    let passphrase = match config.passphrase() {
        Some(from) => Some(passphrase(config, &from)?),
        None => None,
    };
    let plain = gateway::unlock(file.bytes.reveal(), passphrase.as_ref())
        .map_err(|fault| in_secret(config, setting, &fault, &from))?;
    Ok(PrivateKey { file, plain })
}

fn passphrase(config: &Config, from: &KeyFile) -> Result<Passphrase, Failure> {
    let setting = "merchant.private_key_passphrase_file";
    let file = read_secret(config, setting, KeyPart::Passphrase, from)?;
    Passphrase::parse(file.bytes.reveal()).map_err(|fault| in_secret(config, setting, &fault, from))
}

/// The APIv3 key, if its file is named.
pub fn api_v3_key(config: &Config) -> Result<Option<ApiV3Key>, Failure> {
    let setting = "merchant.api_v3_key_file";
    let Some(from) = config.api_v3_key() else {
        return Ok(None);
    };
    let file = read_secret(config, setting, KeyPart::ApiV3Key, &from)?;
    let key = ApiV3Key::parse(file.bytes.reveal())
        .map_err(|fault| in_secret(config, setting, &fault, &from))?;
    Ok(Some(key))
}

/// The password of a ledger on a server: the file's one line.
pub fn ledger_password(config: &Config, from: &KeyFile) -> Result<Secret<String>, Failure> {
    let setting = "ledger.password_file";
    let file = read_secret(config, setting, KeyPart::LedgerPassword, from)?;
    let text = std::str::from_utf8(file.bytes.reveal()).unwrap_or_default();
    match text.trim_end_matches(['\r', '\n']) {
        "" => {
            let words = format!("{}: holds no line of text", from.path.display());
            Err(Failure::Config(config.fault(setting, &words)))
        }
        line => Ok(Secret::new(line.to_owned())),
    }
}

fn read_secret(
    config: &Config,
    setting: &str,
    part: KeyPart,
    from: &KeyFile,
) -> Result<SecretFile, Failure> {
    gateway::read_secret_file(part, &from.path, from.keeper)
        .map_err(|fault| Failure::Config(config.fault(setting, &fault.to_string())))
}

fn in_secret(config: &Config, setting: &str, fault: &KeyFault, from: &KeyFile) -> Failure {
    let words = format!("{fault} ({})", from.path.display());
    Failure::Config(config.fault(setting, &words))
}

/// Every key of the platform that the settings name.
pub fn platform_keys(config: &Config) -> Result<PlatformKeys, Failure> {
    let mut keys: Option<PlatformKeys> = None;
    for one in config.platform_keys()? {
        let key = platform_key(config, &one)?;
        match &mut keys {
            None => keys = Some(PlatformKeys::new(key)),
            Some(keys) => keys
                .add(key)
                .map_err(|fault| Failure::Keys(format!("[[platform.keys]] {fault}")))?,
        }
    }
    keys.ok_or_else(|| Failure::Keys("[platform] no key is given".into()))
}

/// One key of the platform.
pub fn platform_key(config: &Config, one: &PlatformKey) -> Result<Key, Failure> {
    match one {
        PlatformKey::PublicKey { id, file } => {
            let pem = read(config, "platform.public_key", file)?;
            Key::public_key(id, &pem).map_err(|fault| in_file(&fault, file))
        }
        PlatformKey::Certificate { file } => {
            let pem = read(config, "platform.certificate", file)?;
            Key::certificate(&pem).map_err(|fault| in_file(&fault, file))
        }
    }
}

/// A certificate that a setting names.
pub fn certificate(
    config: &Config,
    setting: &str,
    part: KeyPart,
    file: &Path,
) -> Result<gateway::Certificate, Failure> {
    let pem = read(config, setting, file)?;
    gateway::certificate(part, &pem).map_err(|fault| {
        let words = format!("{fault} ({})", file.display());
        Failure::Config(config.fault(setting, &words))
    })
}

fn in_file(fault: &impl std::fmt::Display, file: &Path) -> Failure {
    Failure::Keys(format!("[platform] {fault} ({})", file.display()))
}

/// Reads a file that a setting names.
fn read(config: &Config, setting: &str, path: &Path) -> Result<Vec<u8>, Failure> {
    let fault = |words: &str| {
        let words = format!("{}: {words}", path.display());
        Failure::Config(config.fault(setting, &words))
    };
    let file = File::open(path).map_err(|e| match e.kind() {
        ErrorKind::NotFound => fault("no such file: put it there, or name another"),
        ErrorKind::PermissionDenied => fault(&format!("{e}: let the user who runs levy read it")),
        _ => fault(&e.to_string()),
    })?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| fault(&e.to_string()))?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(fault("is too long for a key or a certificate"));
    }
    Ok(bytes)
}
