//! The loop around the engine, where it differs from a simulation: tasks that panic.

mod shared;
mod silent;

use super::*;
use crate::clock::{FakeClock, Mono, SystemClock, WallMs};
use crate::gateway::{PlatformKey, PlatformKeys, Settings, Signer, SignerParts};
use crate::ledger::{BatchHead, SqliteLedger, StagedOrder, StagedRow};
use crate::order::{Account, Comeback, Content, Fen, Merchant, OrderNo, ReductionType, Status};
use crate::worker::Progress;

/// A run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// A clock that breaks whoever asks it.
struct Broken;

impl Clock for Broken {
    fn wall(&self) -> WallMs {
        panic!("a test's clock is broken on purpose");
    }

    fn monotonic(&self) -> Mono {
        panic!("a test's clock is broken on purpose");
    }
}

/// A client whose every request panics.
fn client() -> Client {
    let file = |name: &str| {
        let path = format!("{}/fixtures/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read(path).unwrap()
    };
    let signer = Signer::new(SignerParts {
        mchid: "1900007291",
        serial_no: None,
        certificate_pem: Some(&file("keys/merchant_cert.pem")),
        private_key_pem: &file("vectors/wechat_doc_test_key.pkcs8.pem"),
    });
    let key = PlatformKey::public_key("PUB_KEY_ID_1", &file("keys/platform_pub.spki.pem"));
    let settings = Settings {
        base_url: "http://127.0.0.1:1".into(),
        standby_url: None,
        timeout: Duration::from_secs(1),
        proxy: None,
        ca_pem: None,
        idle_connections_max_per_host: 1,
    };
    let keys = PlatformKeys::new(key.unwrap());
    Client::new(settings, signer.unwrap(), keys, Arc::new(Broken)).unwrap()
}

/// A ledger with one order.
fn ledger() -> (SqliteLedger, Scope) {
    let mut ledger = SqliteLedger::scratch().unwrap();
    let scope = one_order(&mut ledger);
    (ledger, scope)
}

fn one_order(ledger: &mut SqliteLedger) -> Scope {
    let content = Content {
        merchant: Merchant::parse("1900016681").unwrap(),
        account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").unwrap(),
        reduction_type: ReductionType::JudicialDeduction,
        amount: Fen::new(1).unwrap(),
        reason: None,
        card_no: None,
        sgn_no: None,
        req_scene: None,
    };
    let row = StagedRow {
        ordinal: 1,
        line: 2,
        cells: vec!["1".into()],
        amount: Some(content.amount),
        came_back_as: None,
        asked: Ok(StagedOrder {
            no: Some(OrderNo::parse("N1").unwrap()),
            content,
            returned: None,
            comeback: Comeback::First,
            past: None,
        }),
    };
    ledger.stage(&[row]).unwrap();
    let head = BatchHead {
        digest: [7; 32],
        file: "batch.csv".into(),
        header: vec!["n".into()],
        delimiter: b',',
    };
    let (batch, _) = ledger.accept(&head, WallMs(1), 40).unwrap();
    Scope::Batch(batch.id)
}

fn settings(ledger: &mut SqliteLedger) -> RunSettings {
    RunSettings {
        per_merchant_qps: 100,
        max_in_flight: 16,
        timeout: Duration::from_secs(1),
        wait: Duration::ZERO,
        outage_wait: Duration::ZERO,
        until: None,
        last_fresh: None,
        standby: false,
        run: ledger.begin_run(WallMs(1)).unwrap(),
        seed: 1,
    }
}

/// Asks the run to stop as soon as a request has come to its end.
struct StopAfterOne {
    stop: watch::Sender<bool>,
}

impl Observer for StopAfterOne {
    fn progress(&mut self, progress: &Progress) {
        if progress.attempts > 0 {
            self.stop.send_replace(true);
        }
    }

    fn alert(&mut self, words: &str) {
        panic!("{words}");
    }

    fn notice(&mut self, _: &str) {}
}

#[tokio::test(flavor = "multi_thread")]
async fn l3_a_send_that_panics_is_a_lost_reply_so_the_order_is_unknown_and_the_run_ends() {
    let (mut ledger, scope) = ledger();
    let settings = settings(&mut ledger);
    let (stop, stopped) = watch::channel(false);
    let mut observer = StopAfterOne { stop };
    let run = run(
        Box::new(ledger),
        Arc::new(client()),
        Arc::new(SystemClock::default()),
        scope,
        settings,
        stopped,
        &mut observer,
    );
    let ended = tokio::time::timeout(PATIENCE, run).await;
    let (ledger, report) = ended.expect("a reply that never comes hangs the run");
    let report = report.unwrap();
    assert_eq!((report.attempts, report.intents), (1, 1));
    assert_eq!(report.stop, Some(Stop::Asked));
    let Scope::Batch(batch) = scope else {
        unreachable!("as above")
    };
    let mut rows = Vec::new();
    let mut keep = |row: crate::ledger::ResultRow| {
        rows.push((row.status, row.order.and_then(|order| order.reply)));
        Ok(())
    };
    ledger.unwrap().rows(batch, &mut keep).unwrap();
    let [(Status::Unknown, Some(reply))] = &rows[..] else {
        panic!("{rows:?}")
    };
    assert_eq!(reply.trust, crate::ledger::Trust::Lost);
    assert!(
        reply.message.as_deref().unwrap().contains("a bug"),
        "{reply:?}"
    );
}

/// The ledger must be asked as far back as a send may hold a permit: given up at the end of its
/// claim's wait and its timeout, 31 s ago.
#[test]
fn l6_a_run_looks_as_far_back_as_a_send_may_hold_a_permit() {
    use crate::ledger::{Ask, OrderId, Write, Written};
    let (mut ledger, scope) = ledger();
    let merchant = Merchant::parse("1900016681").unwrap();
    let job = ledger
        .deck(scope, Phase::Pending, &merchant, OrderId(0), 1)
        .unwrap()
        .remove(0);
    let mut settings = settings(&mut ledger);
    settings.per_merchant_qps = 1;
    let start = WallMs(1_790_000_000_000);
    let ask = Ask {
        job,
        asked: crate::order::Asked::Submission,
        at: start,
        run: settings.run,
        lease: None,
        handed: None,
    };
    let written = ledger.write(vec![Write::Claim(ask)]).unwrap().remove(0);
    let Written::Claimed(claimed) = written else {
        panic!("{written:?}")
    };
    // Sent when the claim was 5 s old, given up a second later.
    let given_up = start.plus_ms(6_000);
    let answer = crate::ledger::Answer {
        attempt: claimed.attempt(),
        order: claimed.job().id,
        asked: crate::order::Asked::Submission,
        at: given_up,
        latency_ms: 1_000,
        facts: crate::ledger::ReplyFacts::bare(crate::ledger::Trust::Lost, None),
        meaning: "TIMED_OUT",
        event: crate::order::Event::Unsettled,
        weak: crate::order::Weak::No,
        may_have_been_accepted: true,
        alert: None,
    };
    ledger.write(vec![Write::Record(Box::new(answer))]).unwrap();
    // Two seconds before its permit is back; an open order by itself waits for one.
    let clock = FakeClock::at(given_up.plus_ms(29_001));
    let mut engine = prepare(&mut ledger, scope, settings, now(&clock)).unwrap();
    let mut sent_at = None;
    for _ in 0..5_000 {
        let now = now(&clock);
        let actions = engine.poll(now);
        let quiet = actions.is_empty();
        for action in actions {
            match action {
                Action::Deck {
                    lane,
                    merchant,
                    phase,
                    after,
                    limit,
                } => {
                    let jobs = ledger.deck(scope, phase, &merchant, after, limit).unwrap();
                    engine.on(Event::Deck { lane, phase, jobs }, now);
                }
                Action::Write(write) => {
                    for written in ledger.write(vec![write]).unwrap() {
                        engine.on(Event::Written(written), now);
                    }
                }
                Action::Send { .. } => sent_at = Some(now.mono.as_millis()),
                Action::Notice(_) | Action::Alert(_) => {}
            }
        }
        if sent_at.is_some() {
            break;
        }
        if quiet {
            clock.advance(Duration::from_millis(1));
        }
    }
    assert_eq!(sent_at, Some(2_000));
}
