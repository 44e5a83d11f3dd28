//! Orders by script, and by chance.

use levy::sandbox::Faults;
use levy::sandbox::books;
use serde_json::json;

use super::client::Seal;
use super::{brief, run, temp};

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
