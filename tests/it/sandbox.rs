//! The sandbox against a client that shares nothing with levy's own.

mod client;
mod durable;
mod scripts;
mod strict;

use std::path::Path;

use levy::sandbox::books::{self, BookedState, Interface};
use levy::sandbox::{Options, Running, material, start};
use serde_json::json;

use client::{ACCOUNT, Answer, BALANCE, Client, MERCHANT, SUBMIT, Seal};

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

fn brief(answer: &Option<Answer>) -> Option<(u16, String, Seal)> {
    answer
        .as_ref()
        .map(|answer| (answer.status, answer.word(), answer.seal))
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
async fn at_most_the_limit_of_one_merchant_passes_in_any_second() {
    let dir = temp();
    let limit = 5;
    let (running, client) = run(dir.path(), |options| {
        options.per_merchant_per_second = Some(limit);
    })
    .await;
    let mut over = 0;
    for turn in 0..limit + 30 {
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
