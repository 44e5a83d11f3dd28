//! The gateway's client against raw sockets on loopback: what arrives, how often, and what is made
//! of every way in which a connection can fail.

mod server;

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPrivateDecryptingKey, PrivateDecryptingKey};
use aws_lc_rs::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use data_encoding::BASE64;
use levy::clock::{Clock, FakeClock, WallMs};
use levy::gateway::reply::{Checked, Lost, REPLY_BYTES_MAX, SignatureFault};
use levy::gateway::{
    Client, Exchange, Host, PlatformKey, PlatformKeys, Settings, Signer, SignerParts,
};
use levy::order::{
    Account, CardNo, Content, Fen, Merchant, Order, OrderNo, Reason, ReductionType, ReqScene, SgnNo,
};
use percent_encoding::percent_decode_str;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey};
use server::{Act, Arrived, Server, answer};

const ACCOUNT: &str = "8609cb22e1774a50a930e414cc71eca06121bc";
const CARD: &str = "6222021234567890";
const KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";
const NOW: WallMs = WallMs(1_769_817_600_000);
/// Long enough for a loaded machine where no timeout is wanted.
const PATIENT: Duration = Duration::from_secs(30);

fn file(path: &str) -> Vec<u8> {
    std::fs::read(format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn order(no: &str) -> Order {
    Order {
        no: OrderNo::parse(no).unwrap(),
        content: Content {
            merchant: Merchant::parse("1900016681").unwrap(),
            account: Account::parse(ACCOUNT).unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(7).unwrap(),
            reason: Some(Reason::parse("司法案件号：202508080009").unwrap()),
            card_no: Some(CardNo::parse(CARD).unwrap()),
            sgn_no: Some(SgnNo::parse("协议 7+8/9&a=b%41'\"<>`{|}^\\~#?").unwrap()),
            req_scene: Some(ReqScene::MicroMerchant),
        },
    }
}

fn signer() -> Signer {
    Signer::new(SignerParts {
        mchid: "1900007291",
        serial_no: None,
        certificate_pem: Some(&file("keys/merchant_cert.pem")),
        private_key_pem: &file("vectors/wechat_doc_test_key.pkcs8.pem"),
    })
    .unwrap()
}

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.into(),
        standby_url: None,
        timeout: PATIENT,
        proxy: None,
        // Any certificate: the machine's are not needed, and no test gets as far as trusting one.
        ca_pem: Some(file("keys/platform_cert.pem")),
        idle_connections_max_per_host: 8,
    }
}

fn client_of(settings: Settings) -> Client {
    let key = PlatformKey::public_key(KEY_ID, &file("keys/platform_pub.spki.pem")).unwrap();
    let clock: Arc<dyn Clock> = Arc::new(FakeClock::at(NOW));
    Client::new(settings, signer(), PlatformKeys::new(key), clock).unwrap()
}

fn client(base_url: &str) -> Client {
    client_of(settings(base_url))
}

/// A reply with the gateway's signature; `nonce` keeps two of them apart.
fn signed(status: u16, body: &str, nonce: &str) -> Vec<u8> {
    let key = Signer::new(SignerParts {
        mchid: "1",
        serial_no: Some("1"),
        certificate_pem: None,
        private_key_pem: &file("keys/platform_key.pem"),
    });
    let timestamp = NOW.unix_seconds();
    let message = format!("{timestamp}\n{nonce}\n{body}\n");
    let signature = key.unwrap().signature(message.as_bytes());
    let headers = format!(
        "Wechatpay-Timestamp: {timestamp}\r\nWechatpay-Nonce: {nonce}\r\n\
         Wechatpay-Signature: {signature}\r\nWechatpay-Serial: {KEY_ID}\r\n\
         Request-ID: 08F7-0\r\nDate: Sat, 31 Jan 2026 00:00:09 GMT\r\n"
    );
    answer(status, &headers, body)
}

/// The private half of the key that seals opens it.
fn opened(sealed: &str) -> String {
    let pem = String::from_utf8(file("keys/platform_key.pem")).unwrap();
    let key = rsa::PrivateKey::from_pkcs8_pem(&pem).unwrap();
    let der = rsa::pkcs8::EncodePrivateKey::to_pkcs8_der(&key).unwrap();
    let key = PrivateDecryptingKey::from_pkcs8(der.as_bytes()).unwrap();
    let key = OaepPrivateDecryptingKey::new(key).unwrap();
    let sealed = BASE64.decode(sealed.as_bytes()).unwrap();
    let mut text = vec![0; key.min_output_size()];
    let text = key.decrypt(&OAEP_SHA1_MGF1SHA1, &sealed, &mut text, None);
    String::from_utf8(text.unwrap().to_vec()).unwrap()
}

/// Checks the Authorization header of what arrived against the bytes that arrived; gives its nonce.
fn check_signature(arrived: &Arrived) -> String {
    let authorization = arrived.header("authorization").unwrap();
    let items = authorization
        .strip_prefix("WECHATPAY2-SHA256-RSA2048 ")
        .unwrap();
    let item = |name: &str| {
        let mut items = items.split(',').filter_map(|item| item.split_once('='));
        let (_, value) = items.find(|(n, _)| *n == name).unwrap();
        value.trim_matches('"').to_owned()
    };
    assert_eq!(items.split(',').count(), 5, "{items}");
    assert_eq!(item("mchid"), "1900007291");
    assert_eq!(
        item("serial_no"),
        "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
    );
    assert_eq!(item("timestamp"), NOW.unix_seconds().to_string());
    let (method, target) = (&arrived.method, &arrived.target);
    let nonce = item("nonce_str");
    let mut message = format!("{method}\n{target}\n{}\n{nonce}\n", item("timestamp")).into_bytes();
    message.extend_from_slice(&arrived.body);
    message.push(b'\n');
    // base64 has `=`, so this one is not split by it.
    let signature = items.split("signature=\"").nth(1).unwrap();
    let signature = signature.split('"').next().unwrap();
    let public = String::from_utf8(file("vectors/wechat_doc_test_pub.spki.pem")).unwrap();
    let public = rsa::PublicKey::from_public_key_pem(&public).unwrap();
    let public = rsa::pkcs8::EncodePublicKey::to_public_key_der(&public).unwrap();
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, public.as_bytes())
        .verify(&message, &BASE64.decode(signature.as_bytes()).unwrap())
        .expect("what arrived is what was signed");
    nonce
}

#[tokio::test]
async fn what_arrives_is_what_was_signed_byte_for_byte() {
    let server = Server::start(|_| Act::Answer(answer(200, "", "{}"))).await;
    let client = client(&server.url());
    let order = order("N1");
    client.submit(&order, Host::Main).await;
    client.query(&order, Host::Main).await;

    let arrived = server.arrived();
    let [post, get] = &*arrived else {
        panic!("{} requests", arrived.len());
    };
    for request in [post, get] {
        check_signature(request);
        assert_eq!(request.header("accept"), Some("application/json"));
        assert_eq!(request.header("wechatpay-serial"), Some(KEY_ID));
        assert!(request.header("user-agent").unwrap().starts_with("levy/"));
        assert_eq!(request.header("host"), server.url().strip_prefix("http://"));
        assert_eq!(
            request.header("accept-encoding"),
            None,
            "what is signed is what is read"
        );
    }
    assert_eq!(post.target, "/v3/aggracct-bc/wb-channel/special-reduction");
    assert_eq!(post.header("content-type"), Some("application/json"));
    let body: serde_json::Value = serde_json::from_slice(&post.body).unwrap();
    let sealed = |field: &str| opened(body[field].as_str().unwrap());
    assert_eq!(
        (sealed("bal_account_no"), sealed("card_no")),
        (ACCOUNT.into(), CARD.into())
    );
    assert_eq!(body["amount"], 7);

    assert_eq!((&*get.method, get.header("content-type")), ("GET", None));
    assert!(get.body.is_empty());
    let (path, query) = get.target.split_once('?').unwrap();
    assert_eq!(path, "/v3/aggracct-bc/wb-channel/special-reduction/N1");
    assert!(
        query
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"-._~%&=".contains(&b)),
        "{query}"
    );
    let pairs: Vec<(&str, String)> = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap())
        .map(|(n, v)| (n, percent_decode_str(v).decode_utf8().unwrap().into_owned()))
        .collect();
    let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    assert_eq!(
        names,
        ["mchid", "bal_account_no", "card_no", "sgn_no", "req_scene"]
    );
    assert_eq!(opened(&pairs[1].1), ACCOUNT);
    assert_eq!(opened(&pairs[2].1), CARD);
    assert_eq!(pairs[3].1, order.content.sgn_no.unwrap().as_str());
    // Sealed once, used twice.
    assert_eq!(pairs[1].1, body["bal_account_no"].as_str().unwrap());
}

#[tokio::test]
async fn a_signed_reply_is_verified_once_and_every_other_is_not() {
    let body = r#"{"out_request_no":"N1","state":"SUCCESS"}"#;
    let whole = signed(200, body, "once");
    let torn = String::from_utf8(signed(200, body, "torn")).unwrap();
    let replies = [
        whole.clone(),
        whole,
        torn.replace("SUCCESS", "FAILED!").into_bytes(),
        answer(200, "", body),
        signed(403, r#"{"code":"NOT_ENOUGH","message":"x"}"#, "error"),
    ];
    let server = Server::start(move |n| Act::Answer(replies[n].clone())).await;
    let client = client(&server.url());
    let order = order("N1");
    let first = client.submit(&order, Host::Main).await;
    let Checked::Verified(reply) = &first.checked else {
        panic!("{first:?}");
    };
    assert_eq!(reply.signed_at(), NOW);
    assert_eq!(
        (reply.status, reply.request_id.as_deref()),
        (200, Some("08F7-0"))
    );
    assert_eq!(first.request_timestamp, NOW.unix_seconds());
    assert_eq!(first.date, Some(NOW.plus_ms(9000)));
    assert_eq!(first.signed_message_hint, None);
    let next = async || client.submit(&order, Host::Main).await.checked;
    for expected in [SignatureFault::SeenBefore, SignatureFault::Mismatch] {
        match next().await {
            Checked::IllSigned { fault, .. } => assert_eq!(fault, expected),
            other => panic!("{other:?}"),
        }
    }
    assert!(matches!(next().await, Checked::Unsigned(_)));
    assert!(matches!(next().await, Checked::Verified(error) if error.status == 403));
}

/// What came of a request, as a row of the table below.
fn outcome(exchange: &Exchange) -> &'static str {
    match &exchange.checked {
        Checked::NotSent(_) => "not sent",
        Checked::Lost(Lost::TimedOut) => "timed out",
        Checked::Lost(Lost::Broken(_)) => "broken",
        Checked::Verified(_) | Checked::Unsigned(_) | Checked::IllSigned { .. } => "a reply",
    }
}

#[tokio::test]
async fn a_connection_that_is_made_and_fails_leaves_the_outcome_open() {
    let long = "x".repeat(REPLY_BYTES_MAX + 1);
    let just = format!("{{{}}}", " ".repeat(REPLY_BYTES_MAX - 2));
    let chunked = |body: &str| {
        let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        format!("{head}{:x}\r\n{body}\r\n0\r\n\r\n", body.len()).into_bytes()
    };
    let half = answer(200, "", "{\"state\":\"SUCCESS\"}");
    let half = half[..half.len() - 5].to_vec();
    let short = Duration::from_millis(400);
    for (what, act, timeout, expected) in [
        ("closed without a reply", Act::Close, PATIENT, "broken"),
        ("closed at once", Act::CloseUnread, PATIENT, "broken"),
        (
            "half a reply",
            Act::AnswerAndClose(half.clone()),
            PATIENT,
            "broken",
        ),
        (
            "no HTTP",
            Act::AnswerAndClose(b"220 smtp\r\n\r\n".to_vec()),
            PATIENT,
            "broken",
        ),
        (
            "a body that is too long",
            Act::Answer(answer(200, "", &long)),
            PATIENT,
            "broken",
        ),
        (
            "chunks that are too long",
            Act::Answer(chunked(&long)),
            PATIENT,
            "broken",
        ),
        (
            "the longest body",
            Act::Answer(answer(200, "", &just)),
            PATIENT,
            "a reply",
        ),
        (
            "the longest chunks",
            Act::Answer(chunked(&just)),
            PATIENT,
            "a reply",
        ),
        ("silence", Act::Silence, short, "timed out"),
        (
            "half a reply, then silence",
            Act::AnswerAndHold(half),
            short,
            "timed out",
        ),
    ] {
        let server = Server::start(move |_| act.clone()).await;
        let mut settings = settings(&server.url());
        settings.timeout = timeout;
        let exchange = client_of(settings).submit(&order("N1"), Host::Main).await;
        assert_eq!(outcome(&exchange), expected, "{what}: {exchange:?}");
        if expected != "a reply" {
            // Given up, the connection is closed: the gateway does not go on writing to nobody.
            server.wait_until_all_closed().await;
            assert!(server.arrived().len() <= 1, "{what}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_was_never_made_sent_nothing() {
    let refused = server::refused_port().await;
    let plain = Server::start(|_| Act::AnswerAndClose(b"220 smtp\r\n".to_vec())).await;
    let mute = Server::start(|_| Act::Silence).await;
    let bad_proxy = Server::start(|_| Act::Answer(answer(502, "", ""))).await;
    let mute_proxy = Server::start(|_| Act::Silence).await;
    let short = Duration::from_millis(800);
    let somewhere = "https://levy.invalid";
    let port = |server: &Server| server.port;
    for (what, base_url, proxy, timeout) in [
        (
            "refused",
            format!("http://127.0.0.1:{refused}"),
            None,
            PATIENT,
        ),
        (
            "TLS refused",
            format!("https://127.0.0.1:{refused}"),
            None,
            PATIENT,
        ),
        ("no such name", somewhere.into(), None, PATIENT),
        (
            "no TLS there",
            format!("https://127.0.0.1:{}", port(&plain)),
            None,
            PATIENT,
        ),
        (
            "TLS never answered",
            format!("https://127.0.0.1:{}", port(&mute)),
            None,
            short,
        ),
        ("proxy refused", somewhere.into(), Some(refused), PATIENT),
        (
            "proxy without a way",
            somewhere.into(),
            Some(port(&bad_proxy)),
            PATIENT,
        ),
        (
            "proxy never answered",
            somewhere.into(),
            Some(port(&mute_proxy)),
            short,
        ),
    ] {
        let mut settings = settings(&base_url);
        settings.proxy = proxy.map(|port| format!("http://u:hunter2@127.0.0.1:{port}"));
        settings.timeout = timeout;
        let exchange = client_of(settings).submit(&order("N1"), Host::Main).await;
        let Checked::NotSent(words) = &exchange.checked else {
            panic!("{what}: {exchange:?}");
        };
        assert!(words.starts_with(&base_url), "{what}: {words}");
        assert!(
            words.len() > base_url.len() + 10,
            "{what}: no cause: {words}"
        );
        assert!(!words.contains("hunter2"), "{what}: {words}");
    }
    // No proxy saw more than where to: nothing of the request.
    for arrived in bad_proxy.arrived().iter().chain(&mute_proxy.arrived()) {
        assert_eq!(
            (&*arrived.method, &*arrived.target),
            ("CONNECT", "levy.invalid:443")
        );
        assert_eq!(arrived.header("authorization"), None);
        assert!(arrived.body.is_empty());
    }
    assert_eq!(bad_proxy.arrived().len(), 1);
}

#[tokio::test]
async fn nothing_is_tried_twice_whatever_the_answer() {
    let location = "Location: /elsewhere\r\n";
    for (status, headers) in [
        (301, location),
        (307, location),
        (308, location),
        (408, "Connection: close\r\n"),
        (425, ""),
        (429, "Retry-After: 0\r\n"),
        (500, ""),
        (503, "Retry-After: 0\r\n"),
    ] {
        let server = Server::start(move |_| Act::Answer(answer(status, headers, ""))).await;
        let client = client(&server.url());
        for send in 1..=2 {
            match client.submit(&order("N1"), Host::Main).await.checked {
                Checked::Unsigned(reply) => assert_eq!(reply.status, status),
                other => panic!("{status}: {other:?}"),
            }
            assert_eq!(server.arrived().len(), send, "{status}");
        }
    }
}

/// A gateway that drops kept connections, at the worst moments. Whatever the client's layers make
/// of it, no request may arrive twice, and one that got no answer must not be repeated unseen.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_a_pool_whose_connections_close_no_send_is_repeated_unseen() {
    const ROUNDS: usize = 60;
    let ok = answer(200, "", "{}");
    let acts: [(&str, Act); 5] = [
        ("after its reply", Act::AnswerThenClose(ok.clone())),
        (
            "with a reset after its reply",
            Act::AnswerThenReset(ok.clone()),
        ),
        (
            "at the next request's first byte",
            Act::AnswerThenCloseAtNextByte(ok.clone()),
        ),
        (
            "when the next request is read",
            Act::AnswerThenSwallowNext(ok.clone()),
        ),
        (
            "after every reply, kept open by word",
            Act::AnswerAndClose(ok),
        ),
    ];
    for (what, act) in acts {
        let server = Server::start(move |_| act.clone()).await;
        let client = Arc::new(client(&server.url()));
        let mut answered = 0;
        for round in 0..ROUNDS {
            // Alone and in fours, so that requests also queue behind a dying connection.
            let sends = (0..1 + 3 * (round % 2)).map(|n| {
                let client = Arc::clone(&client);
                tokio::spawn(async move {
                    client
                        .submit(&order(&format!("N{round}x{n}")), Host::Main)
                        .await
                })
            });
            for send in sends.collect::<Vec<_>>() {
                let exchange = send.await.unwrap();
                match outcome(&exchange) {
                    "a reply" => answered += 1,
                    "broken" => {}
                    other => panic!("{what}: {other}: {exchange:?}"),
                }
            }
        }
        let submits = ROUNDS / 2 * (1 + 4);
        let arrived = server.arrived();
        assert!(
            arrived.len() <= submits,
            "{what}: {} of {submits}",
            arrived.len()
        );
        let nonces: std::collections::HashSet<String> =
            arrived.iter().map(check_signature).collect();
        assert_eq!(nonces.len(), arrived.len(), "{what}: a nonce arrived twice");
        // Every arrival was answered or is a lost reply that its caller saw.
        assert!(answered <= arrived.len() && answered > 0, "{what}");
        let swallowed = arrived.iter().filter(|arrived| arrived.swallowed).count();
        assert_eq!(answered + swallowed, arrived.len(), "{what}");
        assert_eq!(
            swallowed > 0,
            what == "when the next request is read",
            "{what}"
        );
    }
}

#[tokio::test]
async fn a_kept_connection_is_used_again() {
    let server = Server::start(|_| Act::Answer(answer(200, "", "{}"))).await;
    let client = client(&server.url());
    for n in 0..5 {
        client.submit(&order(&format!("N{n}")), Host::Main).await;
    }
    assert_eq!((server.arrived().len(), server.connections()), (5, 1));
}

#[tokio::test]
async fn the_standby_host_gets_what_is_sent_there_newly_signed() {
    let main = Server::start(|_| Act::Answer(answer(200, "", "{}"))).await;
    let standby = Server::start(|_| Act::Answer(answer(200, "", "{}"))).await;
    let mut settings = settings(&main.url());
    settings.standby_url = Some(standby.url());
    let client = client_of(settings);
    assert!(client.has_standby());
    client.submit(&order("N1"), Host::Main).await;
    client.submit(&order("N1"), Host::Standby).await;
    let (main, standby) = (main.arrived(), standby.arrived());
    assert_eq!((main.len(), standby.len()), (1, 1));
    assert_ne!(check_signature(&main[0]), check_signature(&standby[0]));
}

#[tokio::test]
async fn a_401_shows_what_both_sides_signed() {
    let body = r#"{"code":"SIGN_ERROR","message":"签名错误","detail":{"sign_information":
        {"method":"GET","sign_message_length":7,"url":"/v3/x"}}}"#;
    let server = Server::start(move |_| Act::Answer(answer(401, "", body))).await;
    let exchange = client(&server.url()).query(&order("N1"), Host::Main).await;
    let hint = exchange.signed_message_hint.unwrap();
    assert!(
        hint.contains("GET\\n/v3/aggracct-bc/wb-channel/special-reduction/N1?…"),
        "{hint}"
    );
    let arrived = &server.arrived()[0];
    let length = "GET\n\n1769817600\n\n\n".len() + arrived.target.len() + 32;
    assert!(
        hint.starts_with(&format!("{length} bytes: ")),
        "{hint}, not {length}"
    );
    let Checked::Unsigned(reply) = exchange.checked else {
        panic!("signed by nobody");
    };
    assert!(
        format!("{reply:?}").contains("sign_message_length"),
        "{reply:?}"
    );
}

#[tokio::test]
async fn l8_no_account_card_seal_or_signature_is_in_anything_that_prints() {
    let echo = format!(
        r#"{{"code":"SIGN_ERROR","message":"{ACCOUNT} {CARD}","detail":{{"sign_information":"{ACCOUNT}"}}}}"#
    );
    let refused = server::refused_port().await;
    let mut shown = String::new();
    let mut sealed = Vec::new();
    for act in [
        Act::Answer(answer(401, &format!("Request-ID: {ACCOUNT}\r\n"), &echo)),
        Act::Answer(signed(401, &echo, "n")),
        Act::Answer(answer(200, "Wechatpay-Signature: x\r\n", &echo)),
        Act::Close,
        Act::AnswerAndClose(format!("{ACCOUNT}\r\n\r\n").into_bytes()),
        Act::Silence,
    ] {
        let server = Server::start(move |_| act.clone()).await;
        let mut settings = settings(&server.url());
        settings.standby_url = Some(format!("http://127.0.0.1:{refused}"));
        settings.timeout = Duration::from_millis(500);
        let client = client_of(settings);
        for host in [Host::Main, Host::Standby] {
            for exchange in [
                client.submit(&order("N1"), host).await,
                client.query(&order("N1"), host).await,
            ] {
                shown += &format!("{exchange:?} {exchange:#?}");
            }
        }
        shown += &format!("{client:?} {:?}", order("N1"));
        for arrived in server.arrived() {
            check_signature(&arrived);
            let authorization = arrived.header("authorization").unwrap();
            sealed.push(authorization.split("signature=\"").nth(1).unwrap()[..40].to_owned());
            if let Some((_, query)) = arrived.target.split_once("bal_account_no=") {
                sealed.push(query[..40].to_owned());
            }
        }
    }
    assert!(sealed.len() > 10 && shown.contains("Broken") && shown.contains("TimedOut"));
    assert!(shown.contains("8609…21bc"), "masked, where it was echoed");
    let query = "bal_account_no=";
    for secret in sealed
        .iter()
        .map(String::as_str)
        .chain([ACCOUNT, CARD, query])
    {
        assert!(!shown.contains(secret), "{secret} in {shown}");
    }
}
