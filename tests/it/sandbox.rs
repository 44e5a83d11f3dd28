//! The sandbox against a client that shares nothing with levy's own.

mod client;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use levy::sandbox::books::{self, BookedState, Interface};
use levy::sandbox::{Faults, Options, Running, SandboxFault, material, start};
use serde_json::{Value, json};

use client::{ACCOUNT, Answer, BALANCE, Client, Draft, MERCHANT, SUBMIT, Seal, now};

async fn run(dir: &Path, change: impl FnOnce(&mut Options)) -> (Running, Client) {
    let mut options = Options {
        dir: dir.to_owned(),
        processing_ms: 0,
        ..Options::default()
    };
    change(&mut options);
    let running = start(options).await.expect("the sandbox starts");
    let client = Client::new(running.addr(), &material(dir).expect("its material"));
    (running, client)
}

fn temp() -> tempfile::TempDir {
    tempfile::tempdir().expect("a directory")
}

#[tokio::test]
async fn a_plain_order_succeeds_once_and_is_told_the_same_ever_after() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    let first = client
        .post("A1", "司法案件号:202508080009")
        .await
        .expect("a reply");
    assert_eq!((first.status, first.seal), (200, Seal::Good), "{first:?}");
    let told = first.json();
    assert_eq!(told["mchid"], MERCHANT);
    assert_eq!(told["out_request_no"], "A1");
    assert_eq!(told["reduction_type"], "JUDICIAL_DEDUCTION");
    assert_eq!(told["amount"], 123);
    assert_eq!(told["reason"], "司法案件号:202508080009");
    assert_eq!(told["state"], "SUCCESS");
    assert!(
        told["success_time"]
            .as_str()
            .expect("a time")
            .ends_with("+08:00")
    );
    assert_eq!(
        client.open(told["bal_account_no"].as_str().expect("sealed")),
        ACCOUNT
    );
    assert!(first.headers["request-id"].ends_with("-0"), "{first:?}");

    let again = client
        .post("A1", "司法案件号:202508080009")
        .await
        .expect("a reply")
        .json();
    let asked = client.get("A1").await.expect("a reply").json();
    for other in [again, asked] {
        for name in ["state", "quota_change_no", "success_time", "amount"] {
            assert_eq!(other[name], told[name], "{name}");
        }
    }
    running.shutdown().await;
    let books = books::read(dir.path()).expect("books");
    let order = &books.orders["A1"];
    assert_eq!((order.debits, order.debited_fen), (1, 123));
    assert_eq!((order.posts, order.queries), (2, 1));
    assert_eq!(
        (order.merchant.as_str(), order.account.as_str()),
        (MERCHANT, ACCOUNT)
    );
    assert!(!format!("{books:?}").contains(ACCOUNT));
}

/// A spoilt request: what is wrong, how, and how it must be answered.
type Spoilt = (&'static str, fn(&Client) -> Draft, u16, &'static str);

fn changed(client: &Client, change: Value) -> Draft {
    client.submission("S1", change)
}

fn spoilt_authorizations() -> Vec<Spoilt> {
    fn plain(client: &Client) -> Draft {
        changed(client, json!({}))
    }
    vec![
        (
            "no authorization",
            |c| plain(c).with("authorization", ""),
            401,
            "SIGN_ERROR",
        ),
        (
            "another scheme",
            |c| Draft {
                scheme: "WECHATPAY2-SM2",
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "another caller",
            |c| Draft {
                mchid: MERCHANT.into(),
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "the platform's serial",
            |c| Draft {
                serial: c.key_id.clone(),
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "an old timestamp",
            |c| Draft {
                timestamp: now() - 302,
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "a timestamp to come",
            |c| Draft {
                timestamp: now() + 303,
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "an empty nonce",
            |c| Draft {
                nonce: String::new(),
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
        (
            "a body that was touched",
            |c| Draft {
                afterwards: " ",
                ..plain(c)
            },
            401,
            "SIGN_ERROR",
        ),
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

fn spoilt_headers_and_targets() -> Vec<Spoilt> {
    fn plain(client: &Client) -> Draft {
        changed(client, json!({}))
    }
    fn asking(client: &Client) -> Draft {
        client.asking(&format!("{SUBMIT}/S1"), MERCHANT, ACCOUNT)
    }
    vec![
        (
            "no Accept",
            |c| plain(c).without("accept"),
            400,
            "PARAM_ERROR",
        ),
        (
            "Accept */*",
            |c| plain(c).with("accept", "*/*"),
            400,
            "PARAM_ERROR",
        ),
        (
            "no User-Agent",
            |c| plain(c).without("user-agent"),
            400,
            "PARAM_ERROR",
        ),
        (
            "no Content-Type",
            |c| plain(c).without("content-type"),
            400,
            "PARAM_ERROR",
        ),
        (
            "no Wechatpay-Serial",
            |c| plain(c).without("wechatpay-serial"),
            400,
            "PARAM_ERROR",
        ),
        (
            "no Wechatpay-Serial, asking",
            |c| asking(c).without("wechatpay-serial"),
            400,
            "PARAM_ERROR",
        ),
        (
            "an unknown key",
            |c| plain(c).with("wechatpay-serial", "PUB_KEY_ID_1"),
            400,
            "PARAM_ERROR",
        ),
        (
            "sealed under another key than named",
            |c| {
                let serial = c.material.platform_serial_no.clone();
                plain(c).with("wechatpay-serial", &serial)
            },
            400,
            "PARAM_ERROR",
        ),
        (
            "another path",
            |c| c.draft("POST", format!("{SUBMIT}s"), "{}".into()),
            404,
            "RESOURCE_NOT_EXISTS",
        ),
        (
            "another method",
            |c| c.draft("PUT", SUBMIT.into(), "{}".into()),
            404,
            "RESOURCE_NOT_EXISTS",
        ),
        (
            "certificates, which new merchants have not",
            |c| c.draft("GET", "/v3/certificates".into(), String::new()),
            404,
            "RESOURCE_NOT_EXISTS",
        ),
        (
            "a number with a dash",
            |c| c.asking(&format!("{SUBMIT}/S-1"), MERCHANT, ACCOUNT),
            400,
            "PARAM_ERROR",
        ),
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
        (
            "no account",
            |c| c.draft("GET", format!("{BALANCE}?mchid={MERCHANT}"), String::new()),
            400,
            "PARAM_ERROR",
        ),
    ]
}

fn spoilt_fields() -> Vec<Spoilt> {
    vec![
        (
            "no object",
            |c| c.draft("POST", SUBMIT.into(), "[]".into()),
            400,
            "PARAM_ERROR",
        ),
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
        (
            "an unknown field",
            |c| changed(c, json!({"remark": "x"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "no merchant",
            |c| changed(c, json!({"mchid": null})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a merchant as number",
            |c| changed(c, json!({"mchid": 1900016681})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a merchant with letters",
            |c| changed(c, json!({"mchid": "19A"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a merchant of 33 digits",
            |c| changed(c, json!({"mchid": "1".repeat(33)})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a plain account",
            |c| changed(c, json!({"bal_account_no": ACCOUNT})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a number of 33",
            |c| changed(c, json!({"out_request_no": "A".repeat(33)})),
            400,
            "PARAM_ERROR",
        ),
        (
            "an empty number",
            |c| changed(c, json!({"out_request_no": ""})),
            400,
            "PARAM_ERROR",
        ),
        (
            "an unknown type",
            |c| changed(c, json!({"reduction_type": "FINE"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "no amount",
            |c| changed(c, json!({"amount": null})),
            400,
            "PARAM_ERROR",
        ),
        (
            "amount 0",
            |c| changed(c, json!({"amount": 0})),
            400,
            "PARAM_ERROR",
        ),
        (
            "amount -4",
            |c| changed(c, json!({"amount": -4})),
            400,
            "PARAM_ERROR",
        ),
        (
            "amount 1.0",
            |c| changed(c, json!({"amount": 1.0})),
            400,
            "PARAM_ERROR",
        ),
        (
            "amount as text",
            |c| changed(c, json!({"amount": "1"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "an empty reason",
            |c| changed(c, json!({"reason": ""})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a reason of 513",
            |c| changed(c, json!({"reason": "长".repeat(513)})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a control character",
            |c| changed(c, json!({"reason": "a\tb"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a four-byte character",
            |c| changed(c, json!({"reason": "𠮷"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "an unknown scene",
            |c| changed(c, json!({"req_scene": "SJT"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a card in plain",
            |c| changed(c, json!({"card_no": "6222"})),
            400,
            "PARAM_ERROR",
        ),
        (
            "a malformed script",
            |c| changed(c, json!({"reason": "#sandbox post=luck"})),
            400,
            "PARAM_ERROR",
        ),
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

/// A script, and what two submissions and a query after it are told: status, word and signature;
/// `None` is a connection that was closed.
type Told = Option<(u16, &'static str, Seal)>;

const OK: Told = Some((200, "SUCCESS", Seal::Good));
const FAILED: Told = Some((200, "FAILED", Seal::Good));
const CLOSED: Told = Some((400, "ALREADY_EXISTS", Seal::Good));
const PROCESSING: Told = Some((200, "PROCESSING", Seal::Good));

const SCRIPTS: &[(&str, [Told; 3], u32)] = &[
    ("post=success", [OK, OK, OK], 1),
    (
        "post=not-enough",
        [Some((403, "NOT_ENOUGH", Seal::Good)), CLOSED, FAILED],
        0,
    ),
    ("post=processing", [PROCESSING, OK, OK], 1),
    ("post=processing-failed", [PROCESSING, FAILED, FAILED], 0),
    (
        "post=processing-forever",
        [PROCESSING, PROCESSING, PROCESSING],
        0,
    ),
    (
        "post=processing-forever get=success",
        [PROCESSING, PROCESSING, OK],
        1,
    ),
    (
        "post=processing-forever get=failed-balance",
        [PROCESSING, PROCESSING, FAILED],
        0,
    ),
    ("post=failed", [FAILED, FAILED, FAILED], 0),
    ("post=failed-balance,success", [FAILED, FAILED, FAILED], 0),
    ("post=failed-receipt", [FAILED, FAILED, FAILED], 0),
    ("post=failed-timeout", [FAILED, FAILED, FAILED], 0),
    ("post=drop-before,success", [None, OK, OK], 1),
    ("post=drop-before", [None, None, FAILED], 0),
    ("post=drop-after,success", [None, OK, OK], 1),
    ("post=not-enough+drop-after", [None, None, FAILED], 0),
    (
        "post=not-enough+drop-after,success",
        [None, CLOSED, FAILED],
        0,
    ),
    (
        "post=500,success",
        [Some((500, "SYSTEM_ERROR", Seal::Good)), OK, OK],
        1,
    ),
    (
        "post=500-after,429",
        [
            Some((500, "SYSTEM_ERROR", Seal::Good)),
            Some((429, "RATELIMIT_EXCEEDED", Seal::Good)),
            OK,
        ],
        1,
    ),
    (
        "post=bad-signature,no-signature get=stale",
        [
            Some((200, "SUCCESS", Seal::Bad)),
            Some((200, "SUCCESS", Seal::Missing)),
            Some((200, "SUCCESS", Seal::Stale)),
        ],
        1,
    ),
    (
        "post=probe,202 get=probe",
        [
            Some((200, "SUCCESS", Seal::Bad)),
            Some((202, "SUCCESS", Seal::Good)),
            Some((200, "SUCCESS", Seal::Bad)),
        ],
        1,
    ),
    (
        "post=202",
        [
            Some((202, "PROCESSING", Seal::Good)),
            Some((202, "SUCCESS", Seal::Good)),
            OK,
        ],
        1,
    ),
    (
        "post=502,unlisted get=502",
        [
            Some((502, "", Seal::Missing)),
            Some((400, "SANDBOX_UNLISTED_CODE", Seal::Good)),
            Some((502, "", Seal::Missing)),
        ],
        0,
    ),
    (
        "post=param-error,no-auth get=not-found",
        [
            Some((400, "PARAM_ERROR", Seal::Missing)),
            Some((403, "NO_AUTH", Seal::Good)),
            Some((404, "RESOURCE_NOT_EXISTS", Seal::Good)),
        ],
        0,
    ),
    (
        "post=401,bad-state get=slow-1",
        [
            Some((401, "SIGN_ERROR", Seal::Missing)),
            Some((200, "WEIRD", Seal::Good)),
            OK,
        ],
        1,
    ),
    ("get=drop-before", [OK, OK, None], 1),
];

fn brief(answer: &Option<Answer>) -> Option<(u16, String, Seal)> {
    answer
        .as_ref()
        .map(|answer| (answer.status, answer.word(), answer.seal))
}

#[tokio::test]
async fn a_script_is_followed_step_by_step_and_debits_at_most_once() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    for (place, (script, told, _)) in SCRIPTS.iter().enumerate() {
        let (no, reason) = (format!("X{place}"), format!("#sandbox {script}"));
        let answers = [
            client.post(&no, &reason).await,
            client.post(&no, &reason).await,
            client.get(&no).await,
        ];
        let expected =
            told.map(|told| told.map(|(status, word, seal)| (status, word.to_owned(), seal)));
        assert_eq!(answers.each_ref().map(brief), expected, "{script}");
    }
    running.shutdown().await;
    let books = books::read(dir.path()).expect("books");
    for (place, (script, _, debits)) in SCRIPTS.iter().enumerate() {
        assert_eq!(
            books.orders[&format!("X{place}")].debits,
            *debits,
            "{script}"
        );
    }
    assert_eq!(books.changed_numbers(), Vec::<&str>::new());
}

#[tokio::test]
async fn spoilt_replies_are_spoilt_as_the_script_says() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |_| {}).await;
    let post = async |no: &str, script: &str| {
        client
            .post(no, &format!("#sandbox post={script}"))
            .await
            .expect("a reply")
    };
    let other = post("E1", "wrong-number").await;
    assert_eq!(
        (other.seal, &other.json()["out_request_no"]),
        (Seal::Good, &json!("E0"))
    );
    let other = post("E2", "wrong-amount").await;
    assert_eq!(
        (other.seal, &other.json()["amount"]),
        (Seal::Good, &json!(124))
    );
    let probe = post("E3", "probe").await;
    let signature = &probe.headers["wechatpay-signature"];
    assert!(signature.starts_with("WECHATPAY/SIGNTEST/") && signature.len() == 355);
    assert_eq!(post("E4", "429").await.headers["retry-after"], "1");
    for (no, script, reason) in [
        ("E5", "failed-balance", "BALANCE_NOT_ENOUGH"),
        ("E6", "failed-receipt", "RECEIPT_NOT_EXIST_CLOSED"),
        ("E7", "failed-timeout", "TIME_OUT_CLOSED"),
    ] {
        assert_eq!(post(no, script).await.json()["fail_reason"], reason);
    }
}

#[tokio::test]
async fn a_query_for_an_unknown_number_closes_it() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    for _ in 0..2 {
        let answer = client.get("Q1").await.expect("a reply");
        assert_eq!(
            brief(&Some(answer)),
            Some((200, "FAILED".to_owned(), Seal::Good))
        );
    }
    let late = client.post("Q1", "").await;
    assert_eq!(
        brief(&late),
        Some((400, "ALREADY_EXISTS".to_owned(), Seal::Good))
    );
    running.shutdown().await;
    let order = books::read(dir.path()).expect("books").orders["Q1"].clone();
    assert_eq!(order.state, BookedState::Closed);
    assert_eq!(order.fail_reason, Some("RECEIPT_NOT_EXIST_CLOSED"));
    assert_eq!((order.posts, order.queries, order.debits), (1, 2, 0));
}

#[tokio::test]
async fn a_query_with_another_account_or_merchant_learns_nothing() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |_| {}).await;
    client.post("P1", "").await.expect("a reply");
    let path = format!("{SUBMIT}/P1");
    for draft in [
        client.asking(&path, "1900016682", ACCOUNT),
        client.asking(&path, MERCHANT, "8609"),
    ] {
        let answer = client.send(&draft).await;
        assert_eq!(
            brief(&answer),
            Some((400, "INVALID_REQUEST".to_owned(), Seal::Good))
        );
    }
    assert_eq!(client.get("P1").await.expect("a reply").word(), "SUCCESS");
}

#[tokio::test]
async fn a_number_used_for_another_content_is_refused_and_remembered() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    client.post("C1", "first").await.expect("a reply");
    for change in [
        json!({"reason": "second"}),
        json!({"reason": "first", "amount": 124}),
        json!({"reason": "first", "mchid": "1900016682"}),
        json!({"reason": "first", "reduction_type": "FINANCIAL_PENALTY"}),
        json!({"reason": "first", "bal_account_no": client.seal("8609")}),
        json!({"reason": "first", "sgn_no": "1"}),
        json!({}),
    ] {
        let answer = client.send(&client.submission("C1", change.clone())).await;
        let expected = Some((400, "INVALID_REQUEST".to_owned(), Seal::Good));
        assert_eq!(brief(&answer), expected, "{change}");
    }
    assert_eq!(
        client.post("C1", "first").await.expect("a reply").word(),
        "SUCCESS"
    );
    running.shutdown().await;
    let books = books::read(dir.path()).expect("books");
    assert_eq!(books.changed_numbers(), ["C1"]);
    assert_eq!(books.orders["C1"].content_changes, 7);
    assert_eq!(books.debited_fen(), 123);
}

#[tokio::test]
async fn the_balance_falls_with_each_debit_and_closes_what_it_cannot_pay() {
    let dir = temp();
    let (_running, client) = run(dir.path(), |options| options.balance_fen = 300).await;
    let balance = async || {
        let answer = client
            .send(&client.asking(BALANCE, MERCHANT, ACCOUNT))
            .await
            .expect("a reply");
        assert_eq!((answer.status, answer.seal), (200, Seal::Good));
        answer.json()
    };
    assert_eq!(
        balance().await,
        json!({"balance": 300, "in_transit_reduction_exist": false})
    );
    client.post("B1", "").await.expect("a reply");
    client
        .post("B2", "#sandbox post=processing-forever")
        .await
        .expect("a reply");
    assert_eq!(
        balance().await,
        json!({"balance": 177, "in_transit_reduction_exist": true})
    );
    client.post("B3", "").await.expect("a reply");
    let refused = client.post("B4", "").await.expect("a reply");
    assert_eq!(
        (refused.status, refused.word().as_str()),
        (403, "NOT_ENOUGH")
    );
    assert_eq!(balance().await["balance"], 54);
}

#[tokio::test]
async fn the_key_that_the_client_names_signs_the_reply() {
    let dir = temp();
    let (_running, mut client) = run(dir.path(), |_| {}).await;
    client.key_id = client.material.platform_serial_no.clone();
    let answer = client.post("K1", "").await.expect("a reply");
    assert_eq!(
        (answer.status, answer.seal),
        (200, Seal::Good),
        "{answer:?}"
    );
    assert_eq!(answer.headers["wechatpay-serial"], client.key_id);
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

#[tokio::test]
async fn books_and_script_positions_survive_a_kill_in_the_middle_of_a_line() {
    let dir = temp();
    let script = "#sandbox post=drop-after,500,success";
    let (running, client) = run(dir.path(), |_| {}).await;
    assert!(client.post("R1", script).await.is_none());
    client
        .post("R2", "#sandbox post=processing")
        .await
        .expect("a reply");
    client.get("R3").await.expect("a reply");
    running.shutdown().await;
    let before = books::read(dir.path()).expect("books");
    for file in ["books.jsonl", "arrivals.log"] {
        let path = dir.path().join(file);
        let mut text = std::fs::read(&path).expect("a file");
        text.extend_from_slice(b"{\"event\":\"post\",\"no\":\"R1");
        std::fs::write(&path, text).expect("written");
    }
    assert_eq!(books::read(dir.path()).expect("books"), before);

    let (running, client) = run(dir.path(), |_| {}).await;
    assert_eq!(
        client.post("R1", script).await.expect("a reply").status,
        500
    );
    assert_eq!(
        client.post("R1", script).await.expect("a reply").word(),
        "SUCCESS"
    );
    assert_eq!(client.get("R2").await.expect("a reply").word(), "SUCCESS");
    assert_eq!(
        client.post("R3", "").await.expect("a reply").word(),
        "ALREADY_EXISTS"
    );
    running.shutdown().await;
    let after = books::read(dir.path()).expect("books");
    assert_eq!(after.orders["R1"].posts, 3);
    assert_eq!(after.debited_fen(), 2 * 123);
    assert_eq!(after.debited_twice(), Vec::<&str>::new());
    let arrivals = books::arrivals(dir.path()).expect("arrivals");
    assert_eq!(arrivals.len(), 7);
    assert!(arrivals.is_sorted_by_key(|arrival| arrival.at_us));
}

#[tokio::test]
async fn a_success_whose_debit_was_torn_off_is_debited_on_the_next_start() {
    let dir = temp();
    let (running, client) = run(dir.path(), |_| {}).await;
    client.post("T1", "").await.expect("a reply");
    running.shutdown().await;
    let path = dir.path().join("books.jsonl");
    let text = std::fs::read_to_string(&path).expect("a file");
    let torn: String = text
        .lines()
        .filter(|line| !line.contains("debit"))
        .fold(String::new(), |all, line| all + line + "\n");
    assert_ne!(torn, text);
    std::fs::write(&path, torn).expect("written");
    let (running, _client) = run(dir.path(), |_| {}).await;
    running.shutdown().await;
    assert_eq!(
        books::read(dir.path()).expect("books").orders["T1"].debits,
        1
    );
}

#[tokio::test]
async fn at_most_the_limit_of_one_merchant_passes_in_any_second() {
    let dir = temp();
    let limit = 20;
    let (running, client) = run(dir.path(), |options| {
        options.per_merchant_per_second = Some(limit);
    })
    .await;
    let mut over = 0;
    for turn in 0..limit + 15 {
        // Submissions and queries are counted together.
        let no = format!("L{turn}");
        let answer = match turn % 2 {
            0 => client.post(&no, "").await,
            _ => client.get(&no).await,
        };
        let answer = answer.expect("a reply");
        if answer.status == 429 {
            assert_eq!(
                brief(&Some(answer)),
                Some((429, "RATELIMIT_EXCEEDED".into(), Seal::Good))
            );
            over += 1;
        }
    }
    assert!(over > 0, "35 requests took longer than a second");
    let other = client.submission("L99", json!({"mchid": "1900016682"}));
    assert_eq!(client.send(&other).await.expect("a reply").status, 200);
    let balance = client.asking(BALANCE, MERCHANT, ACCOUNT);
    assert_eq!(client.send(&balance).await.expect("a reply").status, 200);
    running.shutdown().await;

    let arrivals = books::arrivals(dir.path()).expect("arrivals");
    let passed: Vec<i64> = arrivals
        .iter()
        .filter(|a| a.merchant == MERCHANT && a.interface != Interface::Balance)
        .filter(|a| a.outcome != "over-limit")
        .map(|a| a.at_us)
        .collect();
    assert_eq!(passed.len() + over, 35);
    for window in passed.windows(limit as usize + 1) {
        assert!(window[limit as usize] - window[0] >= 1_000_000);
    }
    assert_eq!(
        arrivals
            .iter()
            .filter(|a| a.outcome == "over-limit")
            .count(),
        over
    );
    // What was over the limit was not processed.
    assert_eq!(
        books::read(dir.path()).expect("books").orders.len(),
        passed.len() + 1
    );
}

#[tokio::test]
async fn under_faults_by_chance_every_order_is_debited_once_in_the_end() {
    let dir = temp();
    let (running, client) = run(dir.path(), |options| {
        options.per_merchant_per_second = None;
        options.seed = 42;
        options.faults = Faults {
            lose_before: 0.1,
            lose_after: 0.2,
            error_500: 0.1,
            throttle: 0.05,
            ill_signed: 0.1,
        };
    })
    .await;
    let mut sends = 0;
    for turn in 0..60 {
        let no = format!("F{turn}");
        // Bounded: the chance that an order meets 50 faults in a row is nil.
        for _ in 0..50 {
            sends += 1;
            let answer = client.post(&no, "").await;
            if brief(&answer) == Some((200, "SUCCESS".to_owned(), Seal::Good)) {
                break;
            }
        }
    }
    running.shutdown().await;
    assert!(sends > 80, "faults came: {sends} sends");
    let books = books::read(dir.path()).expect("books");
    assert_eq!(books.debited_fen(), 60 * 123);
    assert_eq!(books.debited_twice(), Vec::<&str>::new());
    let posts: u32 = books.orders.values().map(|order| order.posts).sum();
    assert_eq!(posts, sends, "every send is in the books");
}

#[tokio::test]
async fn the_last_authentic_request_is_kept_where_asked() {
    let dir = temp();
    let kept = dir.path().join("request");
    let record = Some(kept.clone());
    let (running, client) = run(dir.path(), |options| options.record_request = record).await;
    let draft = client.submission("O1", json!({}));
    client.send(&draft).await.expect("a reply");
    running.shutdown().await;
    let message = std::fs::read_to_string(&kept).expect("the message");
    let expected = format!(
        "POST\n{SUBMIT}\n{}\n{}\n{}\n",
        draft.timestamp, draft.nonce, draft.body
    );
    assert_eq!(message, expected);
    assert_eq!(
        std::fs::read(dir.path().join("request.sig"))
            .expect("a signature")
            .len(),
        256
    );
}

#[tokio::test]
async fn private_keys_are_for_their_owner_and_stay_the_same() {
    let dir = temp();
    let root = dir.path().join("box");
    let made: Vec<_> = std::thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| material(&root))).collect();
        calls
            .into_iter()
            .map(|call| call.join().expect("no panic").expect("keys"))
            .collect()
    });
    assert!(made.iter().all(|one| *one == made[0]), "{made:?}");
    assert_eq!(material(&root).expect("keys"), made[0]);
    let mode = |path: &Path| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(&root), 0o700);
    let keys = made[0].private_key.parent().expect("a directory");
    let mut private = 0;
    for entry in std::fs::read_dir(keys).expect("keys") {
        let path = entry.expect("an entry").path();
        if std::fs::read_to_string(&path)
            .expect("text")
            .contains("PRIVATE KEY")
        {
            assert_eq!(mode(&path), 0o600, "{}", path.display());
            private += 1;
        }
    }
    assert_eq!(private, 3);
    assert_eq!(made[0].serial_no.len(), 40);
    assert_eq!(made[0].public_key_id.len(), "PUB_KEY_ID_".len() + 28);
    let left = std::fs::read_dir(&root).expect("a directory").count();
    assert_eq!(left, 1, "nothing half-made is left");
}

#[tokio::test]
async fn a_sandbox_is_refused_that_others_could_reach_or_that_shares_its_books() {
    let dir = temp();
    let open = Options {
        dir: dir.path().to_owned(),
        listen: "0.0.0.0:0".parse().expect("an address"),
        ..Options::default()
    };
    assert!(matches!(
        start(open).await,
        Err(SandboxFault::NotLoopback(_))
    ));
    let faulty = Options {
        dir: dir.path().to_owned(),
        faults: Faults {
            throttle: 1.5,
            ..Faults::default()
        },
        ..Options::default()
    };
    assert!(matches!(
        start(faulty).await,
        Err(SandboxFault::Setting { name: "faults", .. })
    ));
    let (running, _client) = run(dir.path(), |_| {}).await;
    let second = Options {
        dir: dir.path().to_owned(),
        ..Options::default()
    };
    assert!(matches!(start(second).await, Err(SandboxFault::Busy(_))));
    running.shutdown().await;
    let (_running, _client) = run(dir.path(), |_| {}).await;
}
