//! What a row must cost: one signature, one sealing, one verification, in a loop and nothing else.

use std::hint::black_box;
use std::time::Instant;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256};
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};

use super::keys;

/// Bytes of a submission that is signed, and of a reply that is verified, about.
const SIGNED_BYTES: usize = 620;
const VERIFIED_BYTES: usize = 340;

/// `rounds` times the three, and prints the seconds that they took.
pub fn run(rounds: u64) {
    let text = |name: &str| String::from_utf8(keys::pem(name)).expect("PEM is text");
    let caller = rsa::PrivateKey::from_pkcs8_pem(&text("vectors/wechat_doc_test_key.pkcs8.pem"));
    let der = caller.expect("a test key").to_pkcs8_der().expect("DER");
    let caller = KeyPair::from_pkcs8(der.as_bytes()).expect("a test key");
    let public = rsa::PublicKey::from_public_key_pem(&text("keys/platform_pub.spki.pem"));
    let spki = public
        .expect("a test key")
        .to_public_key_der()
        .expect("DER");
    let verifying = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, spki.as_bytes());
    let verifying = verifying.expect("a test key");
    let sealing = PublicEncryptingKey::from_der(spki.as_bytes()).expect("a test key");
    let sealing = OaepPublicEncryptingKey::new(sealing).expect("a test key");

    let reply = vec![b'r'; VERIFIED_BYTES];
    let replied = keys::platform().signature(&reply);
    let replied = data_encoding::BASE64
        .decode(replied.as_bytes())
        .expect("base64");
    let mut request = vec![b'q'; SIGNED_BYTES];
    let account = b"8609cb22e1774a50a930e414cc71eca06121bc";
    let mut signature = vec![0; caller.public_modulus_len()];
    let mut sealed = vec![0; sealing.ciphertext_size()];
    let chance = SystemRandom::new();
    let begun = Instant::now();
    for n in 0..rounds {
        request[..8].copy_from_slice(&n.to_be_bytes());
        caller
            .sign(&RSA_PKCS1_SHA256, &chance, &request, &mut signature)
            .expect("it signs");
        sealing
            .encrypt(&OAEP_SHA1_MGF1SHA1, account, &mut sealed, None)
            .expect("it seals");
        verifying.verify_sig(&reply, &replied).expect("it verifies");
        black_box((&signature, &sealed));
    }
    println!("{}", begun.elapsed().as_secs_f64());
}

/// Reads a CSV into byte records and drops them; prints the seconds that it took.
pub fn csv(path: &str) {
    let begun = Instant::now();
    let mut reader = ::csv::Reader::from_path(path).expect("a file");
    let mut record = ::csv::ByteRecord::new();
    let mut rows = 0_u64;
    while reader.read_byte_record(&mut record).expect("a CSV") {
        rows += 1;
    }
    black_box(rows);
    println!("{}", begun.elapsed().as_secs_f64());
}
