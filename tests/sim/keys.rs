//! The stand-in for RSA: a keyed hash that signs, and a keystream that seals. Worth nothing as
//! cryptography, and cheap; a wrong message, key or bit still does not verify.

use std::hash::{DefaultHasher, Hasher};
use std::sync::Mutex;

use levy::gateway::{CallerPrimitive, PlatformPrimitive};

use super::dice::Dice;

/// The caller's merchant number, serial and key.
pub const CALLER: &str = "1900007291";
pub const CALLER_SERIAL: &str = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB";
const CALLER_KEY: u64 = 0xCA11;
/// The gateway's key, and the id under which it is known.
pub const PLATFORM_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
const PLATFORM_KEY: u64 = 0x9A7E;
const SEALING_KEY: u64 = 0x5EA1;

/// SipHash with fixed keys: the same in every process.
fn hash(key: u64, part: u8, bytes: &[u8]) -> [u8; 8] {
    let mut hasher = DefaultHasher::new();
    hasher.write_u64(key);
    hasher.write_u8(part);
    hasher.write(bytes);
    hasher.finish().to_be_bytes()
}

fn signature(key: u64, message: &[u8]) -> Vec<u8> {
    [hash(key, 1, message), hash(key, 2, message)].concat()
}

/// What the gateway makes of a caller's signature.
pub fn caller_signed(message: &[u8], given: &[u8]) -> bool {
    signature(CALLER_KEY, message) == given
}

/// The gateway's signature.
pub fn platform_signs(message: &[u8]) -> Vec<u8> {
    signature(PLATFORM_KEY, message)
}

/// What the gateway reads out of a sealed text.
pub fn opened(sealed: &[u8]) -> Option<String> {
    let (salt, text) = sealed.split_at_checked(8)?;
    let text = masked(salt, text);
    let (text, check) = text.split_at_checked(text.len().checked_sub(8)?)?;
    (hash(SEALING_KEY, 4, text) == check).then(|| String::from_utf8(text.to_vec()).ok())?
}

fn masked(salt: &[u8], text: &[u8]) -> Vec<u8> {
    let stream = (0..).flat_map(|block: u64| {
        let seed = [salt, &block.to_be_bytes()].concat();
        hash(SEALING_KEY, 3, &seed)
    });
    text.iter().zip(stream).map(|(a, b)| a ^ b).collect()
}

/// The caller's side.
pub struct Caller(pub Mutex<Dice>);

impl CallerPrimitive for Caller {
    fn sign(&self, message: &[u8]) -> Vec<u8> {
        signature(CALLER_KEY, message)
    }

    fn nonce(&self) -> String {
        let mut dice = self.0.lock().unwrap();
        format!("{:016X}{:016X}", dice.next(), dice.next())
    }
}

/// WeChat Pay's public half. (Of a keyed hash there is none; levy does not sign with it.)
pub struct Platform(pub Mutex<Dice>);

impl PlatformPrimitive for Platform {
    fn verify(&self, message: &[u8], given: &[u8]) -> bool {
        platform_signs(message) == given
    }

    fn seal(&self, text: &[u8]) -> Vec<u8> {
        let salt = self.0.lock().unwrap().next().to_be_bytes();
        let whole = [text, &hash(SEALING_KEY, 4, text)].concat();
        [&salt[..], &masked(&salt, &whole)].concat()
    }

    fn key(&self) -> &[u8] {
        b"simulated"
    }
}

/// Money moves under RSA alone: the crate itself neither has a stand-in nor asks for one.
#[test]
fn l3_nothing_in_the_crate_stands_in_for_rsa() {
    let mut places = Vec::new();
    let mut rooms = vec![std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(room) = rooms.pop() {
        for entry in std::fs::read_dir(room).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                rooms.push(path);
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let words = ["Primitive for ", "standing_in("];
            let lines = text.lines().map(str::trim);
            places.extend(
                lines
                    .filter(|l| words.iter().any(|w| l.contains(w)))
                    .map(String::from),
            );
        }
    }
    places.sort();
    let wanted = [
        "impl CallerPrimitive for RsaCaller {",
        "impl PlatformPrimitive for RsaPlatform {",
        "pub fn standing_in(id: &str, primitive: Arc<dyn PlatformPrimitive>) -> Self {",
        "pub fn standing_in(mchid: &str, serial: &str, key: Box<dyn CallerPrimitive>) -> Self {",
    ];
    assert_eq!(places, wanted);
}
