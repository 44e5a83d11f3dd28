//! What a row goes through, part by part: measured by `parts`, counted by tests/counted.

use std::sync::Arc;

use levy::batch::{InputRow, Reader, Rules};
use levy::clock::{FakeClock, Mono, WallMs};
use levy::gateway::reply::Checked;
use levy::gateway::{
    Asking, Exchange, Outgoing, PlatformKey, PlatformKeys, Protocol, ReplyHeaders, Signer,
    SignerParts, classify,
};
use levy::ledger::{
    Answer, Ask, AttemptId, BatchHead, Job, Ledger, OrderId, Phase, ReplyFacts, RunId, Scope,
    SqliteLedger, StagedOrder, StagedRow, Trust, Write, Written,
};
use levy::order::{
    Account, Asked, Content, Event, Fen, Merchant, Order, OrderNo, Reason, ReductionType, State,
    Verdict, Weak,
};
use levy::pace::Lane;

pub const NOW: WallMs = WallMs(1_769_817_600_000);
const MERCHANT: &str = "1900016681";
const KEY_ID: &str = "PUB_KEY_ID_0114232134912410000000000000";

/// A batch of so many plain rows, each with an account and a number of its own.
pub fn csv(rows: u64) -> Vec<u8> {
    let mut text =
        String::from("mchid,bal_account_no,out_request_no,reduction_type,amount,reason\n");
    for n in 1..=rows {
        text.push_str(&format!(
            "{MERCHANT},8609cb22e1774a50a930e414cc71ec{n:08},B{n:028},JUDICIAL_DEDUCTION,{n},案件号{n:012}\n"
        ));
    }
    text.into_bytes()
}

/// Reads a batch through; its rows.
pub fn read(csv: &[u8], cells: bool, each: &mut dyn FnMut(InputRow)) {
    let mut reader = Reader::new("batch.csv", csv, Rules::default()).expect("a header");
    if !cells {
        reader.skip_cells();
    }
    while let Some(row) = reader.next_row().expect("a row") {
        assert!(row.outcome.is_ok());
        each(row);
    }
    reader.finish().expect("a batch");
}

pub fn order() -> Order {
    Order {
        no: OrderNo::parse("B0000000000000000000000000001").expect("a number"),
        content: Content {
            merchant: Merchant::parse(MERCHANT).expect("a merchant"),
            account: Account::parse("8609cb22e1774a50a930e414cc71eca06121bc").expect("an account"),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(1).expect("an amount"),
            reason: Some(Reason::parse("司法案件号:202508080009").expect("a reason")),
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
    }
}

fn file(path: &str) -> Vec<u8> {
    let path = format!("{}/fixtures/{path}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).expect("a fixture")
}

/// Both ends of the wire.
pub struct Wire {
    pub order: Order,
    pub caller: Signer,
    pub protocol: Protocol,
    gateway: Signer,
}

/// A reply as it comes. Its signature is good for one verification.
pub struct Came {
    headers: ReplyHeaders,
    body: Vec<u8>,
}

impl Wire {
    pub fn new() -> Self {
        let caller = || {
            Signer::new(SignerParts {
                mchid: "1900007291",
                serial_no: None,
                certificate_pem: Some(&file("keys/merchant_cert.pem")),
                private_key_pem: &file("vectors/wechat_doc_test_key.pkcs8.pem"),
            })
            .expect("a key")
        };
        let gateway = SignerParts {
            mchid: "1",
            serial_no: Some("1"),
            certificate_pem: None,
            private_key_pem: &file("keys/platform_key.pem"),
        };
        let key = PlatformKey::public_key(KEY_ID, &file("keys/platform_pub.spki.pem"));
        let keys = PlatformKeys::new(key.expect("a key"));
        Self {
            order: order(),
            caller: caller(),
            protocol: Protocol::new(caller(), keys, Arc::new(FakeClock::at(NOW))),
            gateway: Signer::new(gateway).expect("a key"),
        }
    }

    /// The gateway's reply, signed.
    pub fn reply(&self) -> Came {
        let content = &self.order.content;
        let body = format!(
            "{{\"out_request_no\":\"{}\",\"mchid\":\"{}\",\"amount\":{},\"state\":\"SUCCESS\",\
             \"quota_change_no\":\"42\",\"success_time\":\"2026-01-31T08:00:00+08:00\"}}",
            self.order.no,
            content.merchant.as_str(),
            content.amount
        );
        let nonce = self.gateway.nonce();
        let timestamp = NOW.unix_seconds().to_string();
        let message = format!("{timestamp}\n{nonce}\n{body}\n");
        let signature = self.gateway.signature(message.as_bytes());
        let pairs = [
            ("Wechatpay-Timestamp", &timestamp),
            ("Wechatpay-Nonce", &nonce),
            ("Wechatpay-Signature", &signature),
            ("Wechatpay-Serial", &KEY_ID.to_owned()),
        ];
        Came {
            headers: ReplyHeaders::of(pairs.map(|(name, value)| (name, value.as_bytes()))),
            body: body.into_bytes(),
        }
    }

    /// Read and verified.
    pub fn verified(&self, sent: &Outgoing, came: &Came) -> Exchange {
        let exchange = self
            .protocol
            .came(&self.order, sent, 200, &came.headers, &came.body);
        assert!(matches!(exchange.checked, Checked::Verified(_)));
        exchange
    }

    /// What it means.
    pub fn classified(&self, exchange: &Exchange) -> Verdict {
        let asking = Asking {
            order: &self.order,
            asked: Asked::Submission,
            before: State::Pending,
            state: State::Unknown,
            earlier_sends: 0,
            weak: Weak::No,
            past_window: false,
        };
        classify(&asking, &exchange.checked)
    }
}

/// A permit, taken and given back; the lane's time goes on.
pub fn permit(lane: &mut Lane, now: &mut Mono) {
    *now += std::time::Duration::from_millis(20);
    assert!(lane.try_take(*now).is_ok());
    lane.replied(*now);
}

/// A ledger with a batch whose orders wait.
pub struct Books {
    pub ledger: SqliteLedger,
    run: RunId,
    after: OrderId,
}

pub fn staged(rows: u64) -> Vec<StagedRow> {
    let mut staged = Vec::new();
    read(&csv(rows), true, &mut |row| {
        let deduction = row.outcome.expect("a deduction");
        staged.push(StagedRow {
            ordinal: row.ordinal,
            line: row.line,
            cells: row.cells,
            amount: row.amount,
            came_back_as: None,
            asked: Ok(StagedOrder {
                no: deduction.no,
                content: deduction.content,
                returned: None,
                comeback: deduction.comeback,
                past: None,
            }),
        });
    });
    staged
}

impl Books {
    pub fn new() -> Self {
        let mut ledger = SqliteLedger::scratch().expect("a ledger");
        let run = ledger.begin_run(NOW).expect("a run");
        let after = OrderId(0);
        Self { ledger, run, after }
    }

    /// Stages rows and accepts them.
    pub fn take_in(&mut self, rows: &[StagedRow]) {
        let head = BatchHead {
            digest: [rows.len() as u8; 32],
            file: "batch.csv".into(),
            header: vec!["mchid".into()],
            delimiter: b',',
        };
        self.ledger.stage_clear().expect("a staging");
        for rows in rows.chunks(1_000) {
            self.ledger.stage(rows).expect("rows");
        }
        let accepted = self.ledger.accept(&head, NOW, 40).expect("a batch").1;
        assert_eq!(accepted.orders, rows.len() as u64);
    }

    /// Its rows as a result has them, and its sums.
    pub fn show(&mut self) -> u64 {
        let batch = levy::ledger::BatchId(1);
        let mut rows = 0;
        let mut count = |_| {
            rows += 1;
            Ok(())
        };
        self.ledger.rows(batch, &mut count).expect("rows");
        assert_eq!(self.ledger.totals(batch).expect("sums").rows, rows);
        rows
    }

    /// The next orders that were never sent.
    pub fn jobs(&mut self, count: u32) -> Vec<Job> {
        let merchant = Merchant::parse(MERCHANT).expect("a merchant");
        let scope = Scope::Batch(levy::ledger::BatchId(1));
        let jobs = self
            .ledger
            .deck(scope, Phase::Pending, &merchant, self.after, count)
            .expect("a deck");
        assert_eq!(jobs.len(), count as usize);
        self.after = jobs.last().expect("a job").id;
        jobs
    }

    /// Their intents, in one commit.
    pub fn claim(&mut self, jobs: Vec<Job>) -> Vec<(AttemptId, OrderId)> {
        let ask = |job| {
            Write::Claim(Ask {
                lease: None,
                handed: None,
                job,
                asked: Asked::Submission,
                at: NOW,
                run: self.run,
            })
        };
        let asks = jobs.into_iter().map(ask).collect();
        let written = self.ledger.write(asks).expect("a commit");
        let claimed = written.into_iter().map(|written| match written {
            Written::Claimed(claimed) => (claimed.attempt(), claimed.job().id),
            other => panic!("{other:?}"),
        });
        claimed.collect()
    }

    /// Verified replies that settle them, in one commit.
    pub fn settle(&mut self, claimed: Vec<(AttemptId, OrderId)>) {
        let answer = |(attempt, order)| {
            Write::Record(Box::new(Answer {
                attempt,
                order,
                asked: Asked::Submission,
                at: NOW,
                latency_ms: 20,
                facts: ReplyFacts {
                    http_status: Some(200),
                    request_id: Some("R1".into()),
                    signed_at: Some(NOW),
                    ..ReplyFacts::bare(Trust::Verified, None)
                },
                meaning: "SUCCESS",
                event: Event::Succeeded,
                weak: Weak::No,
                may_have_been_accepted: true,
                alert: None,
            }))
        };
        let answers = claimed.into_iter().map(answer).collect();
        for written in self.ledger.write(answers).expect("a commit") {
            assert!(matches!(written, Written::Recorded(_, _)));
        }
    }
}
