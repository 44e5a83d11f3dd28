//! What the sandbox refuses, and what it must not.

use levy::sandbox::books;
use serde_json::{Value, json};

use super::client::{ACCOUNT, BALANCE, Client, Draft, MERCHANT, SUBMIT, Seal, now};
use super::{run, temp};

/// A spoilt request: what is wrong, how, and how it must be answered.
type Spoilt = (&'static str, fn(&Client) -> Draft, u16, &'static str);

fn changed(client: &Client, change: Value) -> Draft {
    client.submission("S1", change)
}

#[rustfmt::skip] // one row a line
fn spoilt_authorizations() -> Vec<Spoilt> {
    fn plain(client: &Client) -> Draft {
        changed(client, json!({}))
    }
    vec![
        ("no authorization", |c| plain(c).with("authorization", ""), 401, "SIGN_ERROR"),
        ("another scheme", |c| Draft { scheme: "WECHATPAY2-SM2", ..plain(c) }, 401, "SIGN_ERROR"),
        ("another caller", |c| Draft { mchid: MERCHANT.into(), ..plain(c) }, 401, "SIGN_ERROR"),
        ("the platform's serial", |c| Draft { serial: c.key_id.clone(), ..plain(c) }, 401, "SIGN_ERROR"),
        ("an old timestamp", |c| Draft { timestamp: now() - 302, ..plain(c) }, 401, "SIGN_ERROR"),
        ("a timestamp to come", |c| Draft { timestamp: now() + 303, ..plain(c) }, 401, "SIGN_ERROR"),
        ("an empty nonce", |c| Draft { nonce: String::new(), ..plain(c) }, 401, "SIGN_ERROR"),
        ("a body that was touched", |c| Draft { afterwards: " ", ..plain(c) }, 401, "SIGN_ERROR"),
        (
            "four items",
            |c| {
                let draft = plain(c);
                let header = c.authorization(&draft);
                let (head, _) = header.rsplit_once(',').expect("items");
                draft.with("authorization", head)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "an item twice",
            |c| {
                let draft = plain(c);
                let header = c.authorization(&draft) + ",mchid=\"1900000001\"";
                draft.with("authorization", &header)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "a query that is not what was signed",
            |c| {
                let mut draft = c.asking(&format!("{SUBMIT}/S1"), MERCHANT, ACCOUNT);
                let header = c.authorization(&draft);
                draft.target += "&req_scene=SJT_MICRO_MERCHANT";
                draft.with("authorization", &header)
            },
            401,
            "SIGN_ERROR",
        ),
    ]
}

#[rustfmt::skip] // one row a line
fn spoilt_headers_and_targets() -> Vec<Spoilt> {
    fn plain(client: &Client) -> Draft {
        changed(client, json!({}))
    }
    fn asking(client: &Client) -> Draft {
        client.asking(&format!("{SUBMIT}/S1"), MERCHANT, ACCOUNT)
    }
    vec![
        ("no Accept", |c| plain(c).without("accept"), 400, "PARAM_ERROR"),
        ("Accept */*", |c| plain(c).with("accept", "*/*"), 400, "PARAM_ERROR"),
        ("no User-Agent", |c| plain(c).without("user-agent"), 400, "PARAM_ERROR"),
        ("no Content-Type", |c| plain(c).without("content-type"), 400, "PARAM_ERROR"),
        ("no Wechatpay-Serial", |c| plain(c).without("wechatpay-serial"), 400, "PARAM_ERROR"),
        ("no Wechatpay-Serial, asking", |c| asking(c).without("wechatpay-serial"), 400, "PARAM_ERROR"),
        ("an unknown key", |c| plain(c).with("wechatpay-serial", "PUB_KEY_ID_1"), 400, "PARAM_ERROR"),
        (
            "sealed under another key than named",
            |c| {
                let serial = c.material.platform_serial_no.clone();
                plain(c).with("wechatpay-serial", &serial)
            },
            400,
            "PARAM_ERROR",
        ),
        ("another path", |c| c.draft("POST", format!("{SUBMIT}s"), "{}".into()), 404, "RESOURCE_NOT_EXISTS"),
        ("another method", |c| c.draft("PUT", SUBMIT.into(), "{}".into()), 404, "RESOURCE_NOT_EXISTS"),
        (
            "certificates by another method",
            |c| c.draft("POST", "/v3/certificates".into(), "{}".into()),
            404,
            "RESOURCE_NOT_EXISTS",
        ),
        (
            "certificates with a query",
            |c| c.draft("GET", "/v3/certificates?a=b".into(), String::new()),
            400,
            "PARAM_ERROR",
        ),
        ("a number with a dash", |c| c.asking(&format!("{SUBMIT}/S-1"), MERCHANT, ACCOUNT), 400, "PARAM_ERROR"),
        (
            "base64 that was not escaped",
            |c| {
                // A plus sign is a blank in a query; some ciphertext has one.
                let sealed = (0..100)
                    .map(|_| c.seal(ACCOUNT))
                    .find(|text| text.contains('+'));
                let sealed = sealed.expect("one of a hundred has a plus sign");
                let target = format!("{SUBMIT}/S1?mchid={MERCHANT}&bal_account_no={sealed}");
                c.draft("GET", target, String::new())
            },
            400,
            "PARAM_ERROR",
        ),
        (
            "an unknown query parameter",
            |c| {
                let mut draft = asking(c);
                draft.target += "&foo=1";
                draft
            },
            400,
            "PARAM_ERROR",
        ),
        (
            "a parameter twice",
            |c| {
                let mut draft = asking(c);
                draft.target += "&mchid=1900016681";
                draft
            },
            400,
            "PARAM_ERROR",
        ),
        ("no account", |c| c.draft("GET", format!("{BALANCE}?mchid={MERCHANT}"), String::new()), 400, "PARAM_ERROR"),
    ]
}

#[rustfmt::skip] // one row a line
fn spoilt_fields() -> Vec<Spoilt> {
    vec![
        ("no object", |c| c.draft("POST", SUBMIT.into(), "[]".into()), 400, "PARAM_ERROR"),
        (
            "two objects",
            |c| {
                let body = changed(c, json!({})).body;
                c.draft("POST", SUBMIT.into(), format!("{body}{body}"))
            },
            400,
            "PARAM_ERROR",
        ),
        (
            "a field twice",
            |c| {
                let body = changed(c, json!({}))
                    .body
                    .replacen('{', "{\"amount\":1,", 1);
                c.draft("POST", SUBMIT.into(), body)
            },
            400,
            "PARAM_ERROR",
        ),
        ("an unknown field", |c| changed(c, json!({"remark": "x"})), 400, "PARAM_ERROR"),
        ("no merchant", |c| changed(c, json!({"mchid": null})), 400, "PARAM_ERROR"),
        ("a merchant as number", |c| changed(c, json!({"mchid": 1900016681})), 400, "PARAM_ERROR"),
        ("a merchant with letters", |c| changed(c, json!({"mchid": "19A"})), 400, "PARAM_ERROR"),
        ("a merchant of 33 digits", |c| changed(c, json!({"mchid": "1".repeat(33)})), 400, "PARAM_ERROR"),
        ("a plain account", |c| changed(c, json!({"bal_account_no": ACCOUNT})), 400, "PARAM_ERROR"),
        ("a number of 33", |c| changed(c, json!({"out_request_no": "A".repeat(33)})), 400, "PARAM_ERROR"),
        ("an empty number", |c| changed(c, json!({"out_request_no": ""})), 400, "PARAM_ERROR"),
        ("an unknown type", |c| changed(c, json!({"reduction_type": "FINE"})), 400, "PARAM_ERROR"),
        ("no amount", |c| changed(c, json!({"amount": null})), 400, "PARAM_ERROR"),
        ("amount 0", |c| changed(c, json!({"amount": 0})), 400, "PARAM_ERROR"),
        ("amount -4", |c| changed(c, json!({"amount": -4})), 400, "PARAM_ERROR"),
        ("amount 1.0", |c| changed(c, json!({"amount": 1.0})), 400, "PARAM_ERROR"),
        ("amount as text", |c| changed(c, json!({"amount": "1"})), 400, "PARAM_ERROR"),
        ("an empty reason", |c| changed(c, json!({"reason": ""})), 400, "PARAM_ERROR"),
        ("a reason of 513", |c| changed(c, json!({"reason": "长".repeat(513)})), 400, "PARAM_ERROR"),
        ("a control character", |c| changed(c, json!({"reason": "a\tb"})), 400, "PARAM_ERROR"),
        ("a four-byte character", |c| changed(c, json!({"reason": "𠮷"})), 400, "PARAM_ERROR"),
        ("an unknown scene", |c| changed(c, json!({"req_scene": "SJT"})), 400, "PARAM_ERROR"),
        ("a card in plain", |c| changed(c, json!({"card_no": "6222"})), 400, "PARAM_ERROR"),
        ("a malformed script", |c| changed(c, json!({"reason": "#sandbox post=luck"})), 400, "PARAM_ERROR"),
    ]
}

#[tokio::test]
async fn a_spoilt_request_is_refused_unsigned_and_leaves_no_order() {
    let dir = temp();
    let (running, client) = run(dir.path(), |options| options.per_merchant_per_second = None).await;
    let table = [
        spoilt_authorizations(),
        spoilt_headers_and_targets(),
        spoilt_fields(),
    ];
    for (name, draft, status, code) in table.into_iter().flatten() {
        let answer = client.send(&draft(&client)).await.expect(name);
        assert_eq!(
            (answer.status, answer.word().as_str()),
            (status, code),
            "{name}: {answer:?}"
        );
        assert_eq!(answer.seal, Seal::Missing, "{name}");
        assert!(!answer.body.contains(ACCOUNT), "{name}");
        assert!(!answer.body.contains("bal_account_no="), "{name}");
    }
    running.shutdown().await;
    assert!(books::read(dir.path()).expect("books").orders.is_empty());
}

#[tokio::test]
async fn the_longest_and_the_fullest_request_is_taken() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |_| {}).await;
    let full = json!({
        "mchid": "9".repeat(32),
        "out_request_no": "z".repeat(32),
        "bal_account_no": client.seal(&"a".repeat(214)),
        "reason": "长".repeat(512),
        "card_no": client.seal("6222020000000000"),
        "sgn_no": "S1",
        "req_scene": "SJT_MICRO_MERCHANT",
    });
    let answer = client
        .send(&client.submission("", full))
        .await
        .expect("a reply");
    assert_eq!(
        (answer.status, answer.word().as_str()),
        (200, "SUCCESS"),
        "{answer:?}"
    );
    let card = answer.json()["card_no"]
        .as_str()
        .map(str::to_owned)
        .expect("a card");
    assert_eq!(client.open(&card), "6222020000000000");
}

#[tokio::test]
async fn a_401_says_what_was_signed_up_to_the_query() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |_| {}).await;
    let mut draft = client.asking(&format!("{SUBMIT}/S1"), MERCHANT, ACCOUNT);
    let header = client.authorization(&draft);
    draft.timestamp += 1;
    let header = header.replace(
        &format!("timestamp=\"{}\"", draft.timestamp - 1),
        &format!("timestamp=\"{}\"", draft.timestamp),
    );
    let answer = client
        .send(&draft.with("authorization", &header))
        .await
        .expect("a reply");
    let detail = &answer.json()["detail"];
    assert_eq!(detail["detail"]["issue"], "sign not match", "{answer:?}");
    assert_eq!(detail["location"], "authorization");
    assert_eq!(detail["sign_information"]["method"], "GET");
    assert_eq!(detail["sign_information"]["url"], format!("{SUBMIT}/S1"));
    assert!(detail["sign_information"]["sign_message_length"].as_u64() > Some(400));
}

#[tokio::test]
async fn a_nonce_serves_once() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |_| {}).await;
    let draft = client.submission("N1", json!({}));
    assert_eq!(client.send(&draft).await.expect("a reply").status, 200);
    let again = client.send(&draft).await.expect("a reply");
    assert_eq!(
        (again.status, again.word().as_str()),
        (401, "SIGN_ERROR"),
        "{again:?}"
    );
}

#[tokio::test]
async fn errors_of_parameters_are_signed_where_that_is_asked() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |options| options.sign_param_errors = true).await;
    let answer = client
        .send(&changed(&client, json!({"amount": 0})))
        .await
        .expect("a reply");
    assert_eq!(
        (answer.status, answer.seal),
        (400, Seal::Good),
        "{answer:?}"
    );
}
