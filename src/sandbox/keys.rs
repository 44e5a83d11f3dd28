//! The sandbox's keys: the caller's, and the platform's in both forms (public key, certificate).
//!
//! They are made once for a directory and read afterwards. It knows key files and RSA, nothing of
//! requests or orders.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::{SystemRandom, fill};
use aws_lc_rs::rsa::{
    KeyPair, KeySize, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER, HEXUPPER};
use rsa::pkcs8::{DecodePrivateKey, EncodePublicKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use x509_cert::der::pem::{LineEnding, decode_vec, encode_string};
use x509_cert::der::{DecodePem, Encode};

use super::Rotation;
use super::certificates::Handout;
use super::certify::self_signed;
use super::fault::SandboxFault;

/// The caller's merchant number unless the options name another.
pub const CALLER_MCHID: &str = "1900000001";

const KEYS_DIR: &str = "keys";
const MATERIAL_FILE: &str = "material.json";
const CALLER_KEY: &str = "apiclient_key.pem";
const CALLER_CERTIFICATE: &str = "apiclient_cert.pem";
const PLATFORM_KEY: &str = "platform_private_key.pem";
const PLATFORM_PUBLIC_KEY: &str = "pub_key.pem";
const PLATFORM_CERTIFICATE_KEY: &str = "platform_cert_private_key.pem";
const PLATFORM_CERTIFICATE: &str = "platform_cert.pem";
const NEXT_CERTIFICATE_KEY: &str = "platform_next_private_key.pem";
const NEXT_CERTIFICATE: &str = "platform_next_cert.pem";
const API_V3_KEY: &str = "apiv3_key.txt";
const NOTICE: &str = "\
These are test keys of levy's sandbox, made on this machine. They open nothing and sign for nobody:
WeChat Pay does not know them, and no real money moves. Never configure them for a real run.
本目录中的密钥仅供 levy 沙箱测试使用，与微信支付无关，不会产生真实资金变动。
";
const FILE_BYTES_MAX: u64 = 64 * 1024;
const RSA_BYTES: usize = 256;

/// What a client needs to talk to the sandbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Material {
    /// The caller's private key, PKCS#8 PEM, mode 0600.
    pub private_key: PathBuf,
    /// The caller's API certificate, PEM.
    pub certificate: PathBuf,
    /// The platform's public key, PEM.
    pub public_key: PathBuf,
    /// The public key's id, `PUB_KEY_ID_…`.
    pub public_key_id: String,
    /// The serial number of the caller's certificate, upper hexadecimal.
    pub serial_no: String,
    /// The caller's merchant number.
    pub mchid: String,
    /// The platform's certificate, PEM, for clients that verify by certificate.
    pub platform_certificate: PathBuf,
    /// The serial number of the platform's certificate, upper hexadecimal.
    pub platform_serial_no: String,
    /// The APIv3 key, under which certificates are handed out; mode 0600.
    pub api_v3_key: PathBuf,
}

/// `material.json`: the same with file names relative to the directory, for scripts.
#[derive(Serialize, Deserialize)]
struct MaterialFile {
    notice: String,
    mchid: String,
    serial_no: String,
    private_key: String,
    certificate: String,
    public_key_id: String,
    public_key: String,
    platform_serial_no: String,
    platform_certificate: String,
    #[serde(default)]
    api_v3_key: String,
}

/// The key material of the sandbox in `dir`; made on the first call, read afterwards.
///
/// Two processes that call it at once get the same keys: they are made aside and moved into place
/// as a whole.
///
/// # Errors
/// A directory that can't be written, or key files that are not the sandbox's.
pub fn material(dir: &Path) -> Result<Material, SandboxFault> {
    let keys = ensure(dir)?;
    let caller = match fs::read_to_string(dir.join(MATERIAL_FILE)) {
        Ok(text) => serde_json::from_str::<MaterialFile>(&text)
            .map(|file| file.mchid)
            .map_err(|_| SandboxFault::Key {
                path: dir.join(MATERIAL_FILE),
                cause: "is not what the sandbox wrote",
            })?,
        Err(fault) if fault.kind() == io::ErrorKind::NotFound => CALLER_MCHID.to_owned(),
        Err(source) => return Err(SandboxFault::file(dir.join(MATERIAL_FILE))(source)),
    };
    describe(&keys, caller)
}

/// As [`material`], for this caller; writes `material.json` for scripts.
pub(super) fn material_for(dir: &Path, mchid: &str) -> Result<Material, SandboxFault> {
    let material = describe(&ensure(dir)?, mchid.to_owned())?;
    let named = |name: &str| format!("{KEYS_DIR}/{name}");
    let file = MaterialFile {
        notice: "test keys of levy's sandbox; no real money moves".to_owned(),
        mchid: material.mchid.clone(),
        serial_no: material.serial_no.clone(),
        private_key: named(CALLER_KEY),
        certificate: named(CALLER_CERTIFICATE),
        public_key_id: material.public_key_id.clone(),
        public_key: named(PLATFORM_PUBLIC_KEY),
        platform_serial_no: material.platform_serial_no.clone(),
        platform_certificate: named(PLATFORM_CERTIFICATE),
        api_v3_key: named(API_V3_KEY),
    };
    let text = serde_json::to_string_pretty(&file).expect("plain strings") + "\n";
    write_whole(&dir.join(MATERIAL_FILE), text.as_bytes(), 0o600)?;
    Ok(material)
}

fn describe(keys: &Path, mchid: String) -> Result<Material, SandboxFault> {
    let public_key = keys.join(PLATFORM_PUBLIC_KEY);
    Ok(Material {
        public_key_id: public_key_id(&pem(&public_key, "PUBLIC KEY")?),
        serial_no: certificate(&keys.join(CALLER_CERTIFICATE))?.0,
        platform_serial_no: certificate(&keys.join(PLATFORM_CERTIFICATE))?.0,
        private_key: keys.join(CALLER_KEY),
        certificate: keys.join(CALLER_CERTIFICATE),
        platform_certificate: keys.join(PLATFORM_CERTIFICATE),
        api_v3_key: keys.join(API_V3_KEY),
        public_key,
        mchid,
    })
}

/// The directory with the keys, made if it is not there yet.
fn ensure(dir: &Path) -> Result<PathBuf, SandboxFault> {
    let keys = dir.join(KEYS_DIR);
    if keys.is_dir() {
        // One of before there was such a key gets it now.
        if !keys.join(API_V3_KEY).exists() {
            write_whole(&keys.join(API_V3_KEY), &new_api_v3_key(), 0o600)?;
        }
        return Ok(keys);
    }
    private_dir(dir)?;
    let mut salt = [0u8; 8];
    random(&mut salt);
    let aside = dir.join(format!(".keys.{}", HEXLOWER.encode(&salt)));
    private_dir(&aside)?;
    let made = generate(&aside).and_then(|()| {
        match fs::rename(&aside, &keys) {
            Ok(()) => Ok(()),
            // Another process was first: its keys are the keys.
            Err(_) if keys.is_dir() => fs::remove_dir_all(&aside),
            Err(fault) => Err(fault),
        }
        .map_err(SandboxFault::file(&keys))
    });
    if made.is_err() {
        // Half-made keys help nobody; that they can't be removed adds nothing to the first fault.
        let _ = fs::remove_dir_all(&aside);
    }
    made.map(|()| keys)
}

fn private_dir(dir: &Path) -> Result<(), SandboxFault> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(SandboxFault::file(dir))
}

fn generate(dir: &Path) -> Result<(), SandboxFault> {
    write_new(&dir.join("README"), NOTICE.as_bytes(), 0o644)?;
    write_new(&dir.join(API_V3_KEY), &new_api_v3_key(), 0o600)?;
    let caller = dir.join(CALLER_KEY);
    let der = new_key(&caller)?;
    let subject = "CN=sandbox caller,O=levy sandbox (test only),C=CN";
    self_signed(&dir.join(CALLER_CERTIFICATE), &caller, &der, subject)?;

    let platform = dir.join(PLATFORM_KEY);
    let der = new_key(&platform)?;
    let public = rsa::PrivateKey::from_pkcs8_der(&der)
        .ok()
        .and_then(|key| key.to_public_key().to_public_key_der().ok())
        .and_then(|der| encode_string("PUBLIC KEY", LineEnding::LF, der.as_bytes()).ok())
        .ok_or(SandboxFault::Key {
            path: platform,
            cause: "has no public key",
        })?;
    write_new(&dir.join(PLATFORM_PUBLIC_KEY), public.as_bytes(), 0o644)?;

    let signer = dir.join(PLATFORM_CERTIFICATE_KEY);
    let der = new_key(&signer)?;
    let subject = "CN=sandbox platform,O=levy sandbox (test only),C=CN";
    self_signed(&dir.join(PLATFORM_CERTIFICATE), &signer, &der, subject)
}

/// 32 letters and digits, as people set one on the merchant platform.
fn new_api_v3_key() -> Vec<u8> {
    let mut bytes = [0u8; 20];
    random(&mut bytes);
    BASE32_NOPAD.encode(&bytes).into_bytes()
}

/// Makes the certificate that takes the place of the platform's, if it is not there yet.
fn ensure_next(keys: &Path) -> Result<(), SandboxFault> {
    let (key, certificate) = (keys.join(NEXT_CERTIFICATE_KEY), keys.join(NEXT_CERTIFICATE));
    if certificate.exists() {
        return Ok(());
    }
    // What a start that was killed here has left is half of a pair.
    let _ = fs::remove_file(&key);
    let der = new_key(&key)?;
    let subject = "CN=sandbox platform next,O=levy sandbox (test only),C=CN";
    self_signed(&certificate, &key, &der, subject)
}

/// Makes a key of 2048 bits, writes it, and gives its PKCS#8 DER.
fn new_key(path: &Path) -> Result<Vec<u8>, SandboxFault> {
    let fault = |cause| SandboxFault::Key {
        path: path.to_owned(),
        cause,
    };
    let pair = KeyPair::generate(KeySize::Rsa2048).map_err(|_| fault("could not be made"))?;
    let der: Pkcs8V1Der<'_> = pair.as_der().map_err(|_| fault("could not be encoded"))?;
    let text = encode_string("PRIVATE KEY", LineEnding::LF, der.as_ref())
        .map_err(|_| fault("could not be encoded"))?;
    write_new(path, text.as_bytes(), 0o600)?;
    Ok(der.as_ref().to_vec())
}

pub(super) fn rsa_sign(pair: &KeyPair, message: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(
        &RSA_PKCS1_SHA256,
        &SystemRandom::new(),
        message,
        &mut signature,
    )
    .expect("an RSA key of our own signs");
    signature
}

/// `PUB_KEY_ID_` and 28 digits: the shape of the real ones, the last twelve told by the key, so
/// that two sandboxes' ids differ.
fn public_key_id(der: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(der).into();
    let tail = digest[..8]
        .iter()
        .fold(0u64, |sum, b| sum << 8 | u64::from(*b));
    format!(
        "PUB_KEY_ID_0114232134912410{:012}",
        tail % 1_000_000_000_000
    )
}

/// A certificate's serial number and the DER of its public key.
fn certificate(path: &Path) -> Result<(String, Vec<u8>), SandboxFault> {
    let fault = || SandboxFault::Key {
        path: path.to_owned(),
        cause: "is no certificate",
    };
    let text = read_small(path)?;
    let certificate = x509_cert::Certificate::from_pem(&text).map_err(|_| fault())?;
    let tbs = certificate.tbs_certificate();
    let public = tbs
        .subject_public_key_info()
        .to_der()
        .map_err(|_| fault())?;
    Ok((HEXUPPER.encode(tbs.serial_number().as_bytes()), public))
}

fn pem(path: &Path, label: &str) -> Result<Vec<u8>, SandboxFault> {
    let text = read_small(path)?;
    match decode_vec(&text) {
        Ok((found, der)) if found == label => Ok(der),
        Ok(_) | Err(_) => Err(SandboxFault::Key {
            path: path.to_owned(),
            cause: "is not the PEM that the sandbox wrote",
        }),
    }
}

pub(super) fn read_small(path: &Path) -> Result<Vec<u8>, SandboxFault> {
    let mut text = Vec::new();
    File::open(path)
        .and_then(|file| file.take(FILE_BYTES_MAX).read_to_end(&mut text))
        .map_err(SandboxFault::file(path))?;
    Ok(text)
}

pub(super) fn write_new(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SandboxFault> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(path)
        .and_then(|mut file| file.write_all(bytes))
        .map_err(SandboxFault::file(path))
}

/// Writes a file so that a reader sees the old one or the new one.
pub(super) fn write_whole(path: &Path, bytes: &[u8], mode: u32) -> Result<(), SandboxFault> {
    let mut salt = [0u8; 8];
    random(&mut salt);
    let mut aside = path.as_os_str().to_owned();
    aside.push(format!(".{}", HEXLOWER.encode(&salt)));
    write_new(Path::new(&aside), bytes, mode)?;
    fs::rename(&aside, path).map_err(SandboxFault::file(path))
}

/// Fills with random bytes. A machine without randomness can't run anything signed.
pub(super) fn random(bytes: &mut [u8]) {
    fill(bytes).expect("the system's randomness");
}

/// A platform key: opens what is sealed under it, and signs replies.
pub(super) struct PlatformKey {
    /// What `Wechatpay-Serial` calls it.
    pub id: String,
    signer: KeyPair,
    opener: OaepPrivateDecryptingKey,
}

impl PlatformKey {
    fn load(path: &Path, id: String) -> Result<Self, SandboxFault> {
        let der = pem(path, "PRIVATE KEY")?;
        let fault = || SandboxFault::Key {
            path: path.to_owned(),
            cause: "is no RSA key",
        };
        Ok(Self {
            id,
            signer: KeyPair::from_pkcs8(&der).map_err(|_| fault())?,
            opener: PrivateDecryptingKey::from_pkcs8(&der)
                .ok()
                .and_then(|key| OaepPrivateDecryptingKey::new(key).ok())
                .ok_or_else(fault)?,
        })
    }

    /// SHA-256 with RSA (PKCS#1 v1.5), base64.
    pub(super) fn sign(&self, message: &[u8]) -> String {
        BASE64.encode(&rsa_sign(&self.signer, message))
    }

    /// Opens a sealed text (base64, OAEP with SHA-1); `None` if it is not sealed under this key.
    pub(super) fn open(&self, sealed: &str) -> Option<String> {
        let sealed = BASE64.decode(sealed.as_bytes()).ok()?;
        let mut plain = vec![0; self.opener.min_output_size()];
        let plain = self
            .opener
            .decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut plain, None)
            .ok()?;
        String::from_utf8(plain.to_vec()).ok()
    }
}

/// All keys, ready for use.
pub(super) struct Keys {
    /// The serial number of the caller's certificate.
    pub serial_no: String,
    caller: Vec<u8>,
    sealer: OaepPublicEncryptingKey,
    /// The public key's, the certificate's, and the next certificate's where there is one.
    platform: Vec<PlatformKey>,
    rotation: Rotation,
    certificates: Handout,
}

impl Keys {
    pub(super) fn load(
        dir: &Path,
        material: &Material,
        rotation: Rotation,
    ) -> Result<Self, SandboxFault> {
        let keys = dir.join(KEYS_DIR);
        let (serial_no, caller) = certificate(&material.certificate)?;
        let sealer = PublicEncryptingKey::from_der(&caller)
            .ok()
            .and_then(|key| OaepPublicEncryptingKey::new(key).ok())
            .ok_or_else(|| SandboxFault::Key {
                path: material.certificate.clone(),
                cause: "holds no RSA key",
            })?;
        let mut certificates = Handout::new(&material.api_v3_key)?;
        certificates.add(&material.platform_certificate)?;
        let mut platform = vec![
            PlatformKey::load(&keys.join(PLATFORM_KEY), material.public_key_id.clone())?,
            PlatformKey::load(
                &keys.join(PLATFORM_CERTIFICATE_KEY),
                material.platform_serial_no.clone(),
            )?,
        ];
        if rotation != Rotation::Off {
            ensure_next(&keys)?;
            let serial = certificates.add(&keys.join(NEXT_CERTIFICATE))?;
            platform.push(PlatformKey::load(&keys.join(NEXT_CERTIFICATE_KEY), serial)?);
        }
        Ok(Self {
            serial_no,
            caller,
            sealer,
            platform,
            rotation,
            certificates,
        })
    }

    /// The key that signs the reply to a request which named this one, or none: a certificate that is
    /// on its way out yields to the next one, a public key to nothing.
    pub(super) fn signing<'a>(&'a self, named: Option<&'a PlatformKey>) -> &'a PlatformKey {
        let [public, certificate, ..] = self.platform.as_slice() else {
            unreachable!("two keys are loaded always");
        };
        match (named, self.rotation, self.platform.last()) {
            (Some(key), _, _) if key.id == public.id => key,
            (_, Rotation::Signing, Some(next)) => next,
            (Some(key), _, _) => key,
            (None, _, _) => certificate,
        }
    }

    /// The body of `GET /v3/certificates`.
    pub(super) fn certificates(&self) -> serde_json::Value {
        self.certificates.body()
    }

    /// The platform key of that id.
    pub(super) fn platform(&self, id: &str) -> Option<&PlatformKey> {
        self.platform.iter().find(|key| key.id == id)
    }

    /// Whether the caller signed this message.
    pub(super) fn caller_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        signature.len() == RSA_BYTES
            && UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.caller)
                .verify(message, signature)
                .is_ok()
    }

    /// Seals a text for the caller, base64.
    pub(super) fn seal_for_caller(&self, text: &str) -> String {
        let mut sealed = vec![0; self.sealer.ciphertext_size()];
        let sealed = self
            .sealer
            .encrypt(&OAEP_SHA1_MGF1SHA1, text.as_bytes(), &mut sealed, None)
            .expect("what was opened under a key of this size fits under one");
        BASE64.encode(sealed)
    }
}
