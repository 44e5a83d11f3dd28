//! Certificates of the sandbox's keys, each signed by itself and named as a test's.

use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use aws_lc_rs::rsa::KeyPair;
use rsa::pkcs8::DecodePrivateKey;
use rsa::signature::Keypair;
use x509_cert::builder::profile::BuilderProfile;
use x509_cert::builder::{Builder, CertificateBuilder};
use x509_cert::certificate::TbsCertificate;
use x509_cert::der::asn1::BitString;
use x509_cert::der::pem::LineEnding;
use x509_cert::der::{Any, EncodePem};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{
    AlgorithmIdentifierOwned, DynSignatureAlgorithmIdentifier, ObjectIdentifier,
    SubjectPublicKeyInfo, SubjectPublicKeyInfoRef,
};
use x509_cert::time::Validity;

use super::fault::SandboxFault;
use super::keys::{random, rsa_sign, write_new};

const CERTIFICATE_LIFE: Duration = Duration::from_secs(5 * 365 * 24 * 3600);
/// `sha256WithRSAEncryption`, RFC 8017.
const SHA256_WITH_RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.11");

/// A certificate that signs itself and says in its name that it is for tests.
struct TestProfile(Name);

impl BuilderProfile for TestProfile {
    fn get_issuer(&self, subject: &Name) -> Name {
        subject.clone()
    }
    fn get_subject(&self) -> Name {
        self.0.clone()
    }
    fn build_extensions(
        &self,
        _: SubjectPublicKeyInfoRef<'_>,
        _: SubjectPublicKeyInfoRef<'_>,
        _: &TbsCertificate,
    ) -> x509_cert::builder::Result<Vec<Extension>> {
        Ok(Vec::new())
    }
}

/// Tells the builder who signs and how; the signature itself is made beside it.
struct Issuer(rsa::PublicKey);

impl Keypair for Issuer {
    type VerifyingKey = rsa::PublicKey;
    fn verifying_key(&self) -> rsa::PublicKey {
        self.0.clone()
    }
}

impl DynSignatureAlgorithmIdentifier for Issuer {
    fn signature_algorithm_identifier(&self) -> x509_cert::spki::Result<AlgorithmIdentifierOwned> {
        Ok(AlgorithmIdentifierOwned {
            oid: SHA256_WITH_RSA,
            parameters: Some(Any::null()),
        })
    }
}

/// Writes a certificate over the key whose PKCS#8 DER this is; `key` is its file, for a fault.
pub(super) fn self_signed(
    path: &Path,
    key: &Path,
    der: &[u8],
    name: &str,
) -> Result<(), SandboxFault> {
    let build = || -> Option<String> {
        let pair = KeyPair::from_pkcs8(der).ok()?;
        let signer = Issuer(rsa::PrivateKey::from_pkcs8_der(der).ok()?.to_public_key());
        let public = SubjectPublicKeyInfo::from_key(&signer.0).ok()?;
        let mut serial = [0u8; 20];
        random(&mut serial);
        // Positive, and 40 hexadecimal digits like the real ones.
        serial[0] = serial[0] & 0x3f | 0x40;
        let mut builder = CertificateBuilder::new(
            TestProfile(Name::from_str(name).ok()?),
            SerialNumber::new(&serial).ok()?,
            Validity::from_now(CERTIFICATE_LIFE).ok()?,
            public,
        )
        .ok()?;
        let usage = KeyUsage(KeyUsages::DigitalSignature | KeyUsages::KeyEncipherment);
        builder.add_extension(&usage).ok()?;
        let signed = builder.finalize(&signer).ok()?;
        let signature = BitString::from_bytes(&rsa_sign(&pair, &signed)).ok()?;
        let certificate = builder.assemble(signature, &signer).ok()?;
        certificate.to_pem(LineEnding::LF).ok()
    };
    let text = build().ok_or_else(|| SandboxFault::Key {
        path: key.to_owned(),
        cause: "could not be certified",
    })?;
    write_new(path, text.as_bytes(), 0o644)
}
