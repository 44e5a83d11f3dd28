//! The smallest client that the sandbox believes: raw HTTP on a socket, one request a connection.
//! It shares no code with levy's own client, and may be told to do everything wrong.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{
    KeyPair, OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, OaepPublicEncryptingKey,
    PrivateDecryptingKey, PublicEncryptingKey,
};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, UnparsedPublicKey};
use data_encoding::BASE64;
use levy::sandbox::Material;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use x509_cert::der::{DecodePem, Encode};

pub const SUBMIT: &str = "/v3/aggracct-bc/wb-channel/special-reduction";
pub const BALANCE: &str = "/v3/aggracct-bc/wb-channel/account/balance";
pub const MERCHANT: &str = "1900016681";
pub const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";

static NONCES: AtomicU64 = AtomicU64::new(1);

/// A request that may still be spoilt before it is signed.
#[derive(Clone)]
pub struct Draft {
    pub method: &'static str,
    pub target: String,
    pub body: String,
    pub scheme: &'static str,
    pub mchid: String,
    pub serial: String,
    pub nonce: String,
    pub timestamp: i64,
    /// What is added to the body after signing.
    pub afterwards: &'static str,
    pub headers: Vec<(&'static str, String)>,
}

impl Draft {
    pub fn without(mut self, header: &str) -> Self {
        self.headers.retain(|(name, _)| *name != header);
        self
    }

    pub fn with(self, header: &'static str, value: &str) -> Self {
        let mut draft = self.without(header);
        draft.headers.push((header, value.to_owned()));
        draft
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: String,
    pub seal: Seal,
}

/// What the reply's signature is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seal {
    Good,
    Stale,
    Bad,
    Missing,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    /// The error's code, or the order's state.
    pub fn word(&self) -> String {
        let json = self.json();
        let word = json.get("code").or(json.get("state"));
        word.and_then(Value::as_str).unwrap_or("").to_owned()
    }
}

/// The client.
pub struct Client {
    pub addr: SocketAddr,
    pub material: Material,
    /// The key that is named and sealed under.
    pub key_id: String,
    signer: KeyPair,
    opener: OaepPrivateDecryptingKey,
    platform: HashMap<String, Vec<u8>>,
}

impl Client {
    pub fn new(addr: SocketAddr, material: &Material) -> Self {
        let read = |path| std::fs::read(path).expect("a key file");
        let der = |path| pem(&read(path));
        let private = der(&material.private_key);
        let certificate = read(&material.platform_certificate);
        let certificate = x509_cert::Certificate::from_pem(&certificate).expect("a certificate");
        let public = certificate
            .tbs_certificate()
            .subject_public_key_info()
            .to_der();
        Self {
            addr,
            key_id: material.public_key_id.clone(),
            signer: KeyPair::from_pkcs8(&private).expect("a key"),
            opener: PrivateDecryptingKey::from_pkcs8(&private)
                .and_then(|key| Ok(OaepPrivateDecryptingKey::new(key)?))
                .expect("a key"),
            platform: HashMap::from([
                (material.public_key_id.clone(), der(&material.public_key)),
                (material.platform_serial_no.clone(), public.expect("DER")),
            ]),
            material: material.clone(),
        }
    }

    pub fn seal(&self, text: &str) -> String {
        let key = PublicEncryptingKey::from_der(&self.platform[&self.key_id]).expect("a key");
        let key = OaepPublicEncryptingKey::new(key).expect("a key");
        let mut out = vec![0; key.ciphertext_size()];
        let sealed = key.encrypt(&OAEP_SHA1_MGF1SHA1, text.as_bytes(), &mut out, None);
        BASE64.encode(sealed.expect("sealed"))
    }

    pub fn open(&self, sealed: &str) -> String {
        let sealed = BASE64.decode(sealed.as_bytes()).expect("base64");
        let mut out = vec![0; self.opener.min_output_size()];
        let plain = self
            .opener
            .decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut out, None);
        String::from_utf8(plain.expect("opened").to_vec()).expect("text")
    }

    pub fn draft(&self, method: &'static str, target: String, body: String) -> Draft {
        let mut headers = vec![
            ("accept", "application/json".to_owned()),
            ("user-agent", "sandbox-test".to_owned()),
            ("wechatpay-serial", self.key_id.clone()),
        ];
        if method == "POST" {
            headers.push(("content-type", "application/json".to_owned()));
        }
        let turn = NONCES.fetch_add(1, Ordering::Relaxed);
        Draft {
            method,
            target,
            body,
            scheme: "WECHATPAY2-SHA256-RSA2048",
            mchid: self.material.mchid.clone(),
            serial: self.material.serial_no.clone(),
            nonce: format!("{:016X}{turn:016X}", std::process::id()),
            timestamp: now(),
            afterwards: "",
            headers,
        }
    }

    /// A submission; `change` may add, replace or (with null) take out fields.
    pub fn submission(&self, no: &str, change: Value) -> Draft {
        let mut body = serde_json::json!({
            "mchid": MERCHANT,
            "bal_account_no": self.seal(ACCOUNT),
            "out_request_no": no,
            "reduction_type": "JUDICIAL_DEDUCTION",
            "amount": 123,
        });
        let fields = body.as_object_mut().expect("an object");
        for (name, value) in change.as_object().expect("an object") {
            match value {
                Value::Null => fields.remove(name),
                value => fields.insert(name.clone(), value.clone()),
            };
        }
        self.draft("POST", SUBMIT.to_owned(), body.to_string())
    }

    pub fn asking(&self, path: &str, merchant: &str, account: &str) -> Draft {
        let sealed = self.seal(account);
        let sealed = utf8_percent_encode(&sealed, NON_ALPHANUMERIC);
        let target = format!("{path}?mchid={merchant}&bal_account_no={sealed}");
        self.draft("GET", target, String::new())
    }

    pub async fn post(&self, no: &str, reason: &str) -> Option<Answer> {
        let change = match reason {
            "" => serde_json::json!({}),
            reason => serde_json::json!({"reason": reason}),
        };
        self.send(&self.submission(no, change)).await
    }

    pub async fn get(&self, no: &str) -> Option<Answer> {
        let path = format!("{SUBMIT}/{no}");
        self.send(&self.asking(&path, MERCHANT, ACCOUNT)).await
    }

    pub fn authorization(&self, draft: &Draft) -> String {
        let Draft {
            method,
            target,
            timestamp,
            nonce,
            body,
            ..
        } = draft;
        let message = format!("{method}\n{target}\n{timestamp}\n{nonce}\n{body}\n");
        let mut signature = vec![0; self.signer.public_modulus_len()];
        self.signer
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                message.as_bytes(),
                &mut signature,
            )
            .expect("signed");
        format!(
            "{} mchid=\"{}\",nonce_str=\"{nonce}\",signature=\"{}\",timestamp=\"{timestamp}\",\
             serial_no=\"{}\"",
            draft.scheme,
            draft.mchid,
            BASE64.encode(&signature),
            draft.serial,
        )
    }

    /// Sends; `None` is a connection that was closed without a reply.
    pub async fn send(&self, draft: &Draft) -> Option<Answer> {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n",
            draft.method, draft.target, self.addr
        );
        if !draft
            .headers
            .iter()
            .any(|(name, _)| *name == "authorization")
        {
            head += &format!("authorization: {}\r\n", self.authorization(draft));
        }
        for (name, value) in &draft.headers {
            head += &format!("{name}: {value}\r\n");
        }
        let body = format!("{}{}", draft.body, draft.afterwards);
        head += &format!("content-length: {}\r\n\r\n{body}", body.len());
        let mut stream = TcpStream::connect(self.addr)
            .await
            .expect("the sandbox listens");
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut reply = Vec::new();
        stream
            .read_to_end(&mut reply)
            .await
            .expect("read to the end");
        self.answer(&String::from_utf8(reply).expect("text"))
    }

    fn answer(&self, reply: &str) -> Option<Answer> {
        let (head, body) = reply.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let headers: HashMap<_, _> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let seal = self.check(&headers, body);
        Some(Answer {
            status,
            headers,
            body: body.to_owned(),
            seal,
        })
    }

    fn check(&self, headers: &HashMap<String, String>, body: &str) -> Seal {
        let get = |name: &str| headers.get(&format!("wechatpay-{name}"));
        let (Some(timestamp), Some(nonce), Some(signature), Some(serial)) = (
            get("timestamp"),
            get("nonce"),
            get("signature"),
            get("serial"),
        ) else {
            return Seal::Missing;
        };
        let message = format!("{timestamp}\n{nonce}\n{body}\n");
        let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &self.platform[serial]);
        let signature = BASE64.decode(signature.as_bytes()).unwrap_or_default();
        if serial != &self.key_id || key.verify(message.as_bytes(), &signature).is_err() {
            return Seal::Bad;
        }
        let off = now().abs_diff(timestamp.parse().expect("seconds"));
        if off > 300 { Seal::Stale } else { Seal::Good }
    }
}

pub fn now() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970");
    i64::try_from(since.as_secs()).expect("seconds")
}

fn pem(text: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(text).expect("text");
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    BASE64.decode(body.as_bytes()).expect("base64")
}
