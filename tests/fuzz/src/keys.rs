//! Bytes as key material: the first says what it is given as, the rest is the text.

use levy::gateway::{KeyFault, KeyPart, PlatformKey, Signer, SignerParts};

/// Letters of base64 in a row that belong to a key: more than the longest word of our own has.
const SECRET_CHARS_MIN: usize = 20;
/// Longer texts than a key file only cost time.
const TEXT_BYTES_MAX: usize = 64 * 1024;
/// The key that a certificate is given for.
const KEY: &[u8] = include_bytes!("../../../fixtures/vectors/wechat_doc_test_key.pkcs8.pem");

/// What is accepted is accepted again with other line ends and a letter around it, and works; what
/// is refused says of which part, and shows nothing of it.
pub fn property(bytes: &[u8]) {
    let Some((kind, text)) = bytes.split_first() else {
        return;
    };
    let text = &text[..text.len().min(TEXT_BYTES_MAX)];
    match kind % 4 {
        0 => private_key(text),
        1 => public_key(text),
        2 => platform_certificate(text),
        _ => certificate(text),
    }
}

fn private_key(text: &[u8]) {
    let read = |text: &[u8]| {
        Signer::new(SignerParts {
            mchid: "1900000001",
            serial_no: Some("0a1b"),
            certificate_pem: None,
            private_key_pem: text,
        })
    };
    match read(text) {
        Ok(signer) => {
            assert_eq!((signer.mchid(), signer.serial()), ("1900000001", "0A1B"));
            let signature = signer.signature(b"message");
            let bytes = data_encoding::BASE64.decode(signature.as_bytes());
            assert!(bytes.expect("base64").len() >= 256, "at least 2048 bits");
            shows_nothing(&format!("{signer:?}"), text);
            let again =
                read(&dressed(text)).expect("line ends and letters around it are no matter");
            assert_eq!(again.signature(b"message"), signature);
        }
        Err(fault) => refused(&fault, &[KeyPart::PrivateKey], text),
    }
}

fn public_key(text: &[u8]) {
    let read = |text: &[u8]| PlatformKey::public_key(" PUB_KEY_ID_1 ", text);
    match read(text) {
        Ok(key) => {
            assert_eq!(key.id(), "PUB_KEY_ID_1");
            shows_nothing(&format!("{key:?}"), text);
            read(&dressed(text)).expect("line ends and letters around it are no matter");
        }
        Err(fault) => refused(&fault, &[KeyPart::PlatformPublicKey], text),
    }
}

fn platform_certificate(text: &[u8]) {
    match PlatformKey::certificate(text) {
        Ok(key) => {
            let id = key.id();
            assert!(!id.is_empty() && id.len().is_multiple_of(2), "{id}");
            assert!(
                id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'A'..=b'F')),
                "{id}"
            );
            let again = PlatformKey::certificate(&dressed(text));
            let again = again.expect("line ends and letters around it are no matter");
            assert_eq!(again.id(), id);
        }
        Err(fault) => refused(&fault, &[KeyPart::PlatformCertificate], text),
    }
}

fn certificate(text: &[u8]) {
    let signer = Signer::new(SignerParts {
        mchid: "1900000001",
        serial_no: None,
        certificate_pem: Some(text),
        private_key_pem: KEY,
    });
    match signer {
        Ok(signer) => {
            assert!(!signer.serial().is_empty());
            assert!(signer.serial().bytes().all(|b| b.is_ascii_hexdigit()));
        }
        Err(fault) => refused(&fault, &[KeyPart::Certificate], text),
    }
}

/// The same text as a mail, an editor and another system would bring it.
fn dressed(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text).replace("\r\n", "\n");
    let text = text.replace('\n', "\r\n");
    format!("\u{feff}Dear all,\r\n{text}\r\nRegards\r\n").into_bytes()
}

fn refused(fault: &KeyFault, parts: &[KeyPart], text: &[u8]) {
    assert!(parts.contains(&fault.part), "{fault}");
    shows_nothing(&fault.to_string(), text);
    shows_nothing(&format!("{fault:?}"), text);
}

/// No run of base64 of the text is in the words.
fn shows_nothing(words: &str, text: &[u8]) {
    let is_base64 = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=');
    for run in text
        .split(|b| !is_base64(b))
        .filter(|run| run.len() >= SECRET_CHARS_MIN)
    {
        let run = std::str::from_utf8(run).expect("ASCII");
        assert!(!words.contains(run), "{words}");
    }
}
