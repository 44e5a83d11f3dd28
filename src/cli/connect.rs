//! From the settings to a client of the gateway: every key and certificate is read and checked here,
//! before anything else is done, and a fault names its setting and its file.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use super::config::{Config, Connection, PlatformKey};
use super::failure::Failure;
use crate::clock::Clock;
use crate::gateway::{
    Client, PlatformKey as Key, PlatformKeys, Settings, Signer, SignerParts, read_private_key_file,
};

/// Bytes of a certificate's or public key's file, at most.
const PEM_BYTES_MAX: u64 = 1024 * 1024;

/// A client for these settings; it connects to nothing yet.
pub fn client(config: &Config, clock: Arc<dyn Clock>) -> Result<Arc<Client>, Failure> {
    let connection = config.connection()?;
    let signer = signer(config, &connection)?;
    let keys = platform_keys(config, &connection.platform)?;
    let ca_pem = match &connection.ca_file {
        Some(file) => Some(read(config, "gateway.ca_file", file)?),
        None => None,
    };
    let settings = Settings {
        base_url: connection.base_url,
        standby_url: connection.standby_url,
        timeout: config.timeout,
        proxy: connection.proxy.map(|proxy| proxy.reveal().clone()),
        ca_pem,
        idle_connections_max_per_host: config.max_in_flight as usize,
    };
    let client = Client::new(settings, signer, keys, clock)
        .map_err(|fault| config.fault(fault.setting, &fault.words))?;
    Ok(Arc::new(client))
}

fn signer(config: &Config, connection: &Connection) -> Result<Signer, Failure> {
    let file = &connection.private_key;
    let key = read_private_key_file(file).map_err(|fault| {
        Failure::Config(config.fault("merchant.private_key", &fault.to_string()))
    })?;
    let certificate = match &connection.certificate {
        Some(file) => Some(read(config, "merchant.certificate", file)?),
        None => None,
    };
    let parts = SignerParts {
        mchid: connection.mchid.as_str(),
        serial_no: connection.serial_no.as_deref(),
        certificate_pem: certificate.as_deref(),
        private_key_pem: &key,
    };
    Signer::new(parts).map_err(|fault| {
        // The fault says which of the pieces it is; the files say where to look.
        let mut files = file.display().to_string();
        if let Some(certificate) = &connection.certificate {
            files.push_str(&format!(", {}", certificate.display()));
        }
        Failure::Keys(format!("[merchant] {fault} ({files})"))
    })
}

fn platform_keys(config: &Config, given: &[PlatformKey]) -> Result<PlatformKeys, Failure> {
    let mut keys: Option<PlatformKeys> = None;
    for one in given {
        let key = match one {
            PlatformKey::PublicKey { id, file } => {
                let pem = read(config, "platform.public_key", file)?;
                Key::public_key(id, &pem).map_err(|fault| in_file(&fault, file))?
            }
            PlatformKey::Certificate { file } => {
                let pem = read(config, "platform.certificate", file)?;
                Key::certificate(&pem).map_err(|fault| in_file(&fault, file))?
            }
        };
        match &mut keys {
            None => keys = Some(PlatformKeys::new(key)),
            Some(keys) => keys
                .add(key)
                .map_err(|fault| Failure::Keys(format!("[[platform.keys]] {fault}")))?,
        }
    }
    keys.ok_or_else(|| Failure::Keys("[platform] no key is given".into()))
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
    let file = File::open(path).map_err(|e| fault(&e.to_string()))?;
    let mut bytes = Vec::new();
    file.take(PEM_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|e| fault(&e.to_string()))?;
    if bytes.len() as u64 > PEM_BYTES_MAX {
        return Err(fault("is too long for a key or a certificate"));
    }
    Ok(bytes)
}
