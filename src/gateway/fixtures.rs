//! What the gateway's tests share: files, keys and an order.

use crate::order::{Account, Content, Fen, Merchant, Order, OrderNo, Reason, ReductionType};

use super::{PlatformKey, PlatformKeys, Signer, SignerParts};

/// The account of [`order`].
pub(super) const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
/// The id under which [`platform`] holds its key.
pub(super) const KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";

/// A file under `fixtures/`.
pub(super) fn file(path: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

pub(super) fn text(path: &str) -> String {
    String::from_utf8(file(path)).unwrap()
}

/// The documentation's example merchant.
pub(super) fn signer() -> Signer {
    Signer::new(SignerParts {
        mchid: "1900007291",
        serial_no: None,
        certificate_pem: Some(&file("keys/merchant_cert.pem")),
        private_key_pem: &file("vectors/wechat_doc_test_key.pkcs8.pem"),
    })
    .unwrap()
}

/// The key that seals and verifies.
pub(super) fn platform_key() -> PlatformKey {
    PlatformKey::public_key(KEY_ID, &file("keys/platform_pub.spki.pem")).unwrap()
}

pub(super) fn platform() -> PlatformKeys {
    PlatformKeys::new(platform_key())
}

/// The gateway's private half, as a signer.
pub(super) fn platform_signer() -> Signer {
    Signer::new(SignerParts {
        mchid: "1",
        serial_no: Some("1"),
        certificate_pem: None,
        private_key_pem: &file("keys/platform_key.pem"),
    })
    .unwrap()
}

/// The order of the vectors.
pub(super) fn order() -> Order {
    Order {
        no: OrderNo::parse("htozr8denqegbt6tk6u10iymo7yww5pn").unwrap(),
        content: Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse(ACCOUNT).unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(1).unwrap(),
            reason: Some(Reason::parse("司法案件号：202508080009").unwrap()),
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
    }
}
