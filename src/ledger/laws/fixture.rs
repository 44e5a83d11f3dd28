//! Rows, replies and a small desk to try a ledger with.

use sha2::{Digest, Sha256};

use crate::clock::WallMs;
use crate::ledger::{
    Accepted, Answer, Ask, AttemptId, Batch, BatchHead, BatchId, HOLD_DAYS_DEFAULT, Job, Ledger,
    OrderId, Phase, ReplyFacts, ResultRow, RunId, Scope, StagedOrder, StagedRow, Standing, Trust,
    Write, Written,
};
use crate::order::{
    Account, Asked, Comeback, Content, Event, Fen, Merchant, OrderNo, Reason, ReductionType, State,
    Status, Weak,
};

/// A database under test: every `open` opens the same books.
pub(in crate::ledger) trait Engine {
    fn open(&self) -> Box<dyn Ledger>;
    fn verify(&self) -> Vec<String>;
}

pub(in crate::ledger) const MERCHANT: &str = "1900016681";
pub(in crate::ledger) const DAY_MS: i64 = 86_400_000;
/// The first moment of every story: 2026-01-01 in UTC.
pub(in crate::ledger) const START: WallMs = WallMs(1_767_225_600_000);

pub(in crate::ledger) fn no(text: &str) -> OrderNo {
    OrderNo::parse(text).unwrap()
}

/// A deduction without number from an account that is told by one letter.
pub(in crate::ledger) fn blank(account: &str, fen: u64) -> StagedOrder {
    StagedOrder {
        no: None,
        content: Content {
            merchant: Merchant::parse(MERCHANT).unwrap(),
            account: Account::parse(&format!("8609cb22e1774a50a930e414cc71{account}")).unwrap(),
            reduction_type: ReductionType::JudicialDeduction,
            amount: Fen::new(fen).unwrap(),
            reason: None,
            card_no: None,
            sgn_no: None,
            req_scene: None,
        },
        returned: None,
        comeback: Comeback::First,
        past: None,
    }
}

/// The same with a number of its own.
pub(in crate::ledger) fn numbered(number: &str, account: &str, fen: u64) -> StagedOrder {
    StagedOrder {
        no: Some(no(number)),
        ..blank(account, fen)
    }
}

impl StagedOrder {
    pub(in crate::ledger) fn back(mut self, number: &str) -> Self {
        self.returned = Some(no(number));
        if self.comeback == Comeback::First {
            self.comeback = Comeback::Result;
        }
        self
    }

    /// The same in a failed file.
    pub(in crate::ledger) fn failed(mut self, number: &str, comeback: Comeback) -> Self {
        self.comeback = comeback;
        self.back(number)
    }

    pub(in crate::ledger) fn reason(mut self, reason: &str) -> Self {
        self.content.reason = Some(Reason::parse(reason).unwrap());
        self
    }

    pub(in crate::ledger) fn merchant(mut self, merchant: &str) -> Self {
        self.content.merchant = Merchant::parse(merchant).unwrap();
        self
    }

    pub(in crate::ledger) fn derived(&self, ordinal: u32) -> String {
        let number = self.content.digest().derived_no(ordinal);
        number.as_str().to_owned()
    }
}

/// What came back, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::ledger) enum Came {
    Success,
    Failed,
    ClosedProven,
    Processing,
    CloseClaimed,
    Refused,
    /// The same without a signature.
    RefusedUnsigned,
    Throttled,
    Expired,
    Lost,
    NotSent,
}

impl Came {
    /// What it means, in the journal's word.
    fn word(self) -> &'static str {
        match self {
            Self::Success => "SUCCESS",
            Self::Failed | Self::ClosedProven => "FAILED",
            Self::Processing => "PROCESSING",
            Self::CloseClaimed => "CLOSE_CLAIMED",
            Self::Refused | Self::RefusedUnsigned | Self::Expired => "REFUSED",
            Self::Throttled => "THROTTLED",
            Self::Lost => "RESET",
            Self::NotSent => "NOT_SENT",
        }
    }
}

/// A ledger with a clock and a run.
pub(in crate::ledger) struct Desk {
    pub ledger: Box<dyn Ledger>,
    pub now: WallMs,
    pub run: RunId,
}

impl Desk {
    pub(in crate::ledger) fn new(engine: &dyn Engine) -> Self {
        let mut ledger = engine.open();
        let run = ledger.begin_run(START).unwrap();
        Self {
            ledger,
            now: START,
            run,
        }
    }

    pub(in crate::ledger) fn head(file: &str) -> BatchHead {
        BatchHead {
            digest: Sha256::digest(file).into(),
            file: file.to_owned(),
            header: vec!["mchid".into(), "note".into()],
            delimiter: b',',
        }
    }

    /// Accepts a file of valid rows; their lines are 2, 3, 4 …
    pub(in crate::ledger) fn file(
        &mut self,
        file: &str,
        rows: Vec<StagedOrder>,
    ) -> (BatchId, Accepted) {
        self.mixed(file, rows.into_iter().map(Ok).collect())
    }

    /// The same with invalid rows.
    pub(in crate::ledger) fn mixed(
        &mut self,
        file: &str,
        rows: Vec<Result<StagedOrder, String>>,
    ) -> (BatchId, Accepted) {
        self.ledger.stage_clear().unwrap();
        self.ledger.stage(&staged(rows)).unwrap();
        let head = Self::head(file);
        let (batch, accepted): (Batch, _) = self
            .ledger
            .accept(&head, self.now, HOLD_DAYS_DEFAULT)
            .unwrap();
        assert_eq!(batch.head, head);
        (batch.id, accepted)
    }

    pub(in crate::ledger) fn rows(&mut self, batch: BatchId) -> Vec<ResultRow> {
        let mut rows = Vec::new();
        self.ledger
            .rows(batch, &mut |row| {
                rows.push(row);
                Ok(())
            })
            .unwrap();
        rows
    }

    pub(in crate::ledger) fn statuses(&mut self, batch: BatchId) -> Vec<Status> {
        self.rows(batch).iter().map(|row| row.status).collect()
    }

    /// An order that is PENDING or open, by its number.
    pub(in crate::ledger) fn find(&mut self, batch: BatchId, number: &str) -> Option<Job> {
        for phase in [Phase::Pending, Phase::Open] {
            let merchants = self.ledger.lanes(Scope::Batch(batch)).unwrap();
            for lane in merchants {
                let jobs = self
                    .ledger
                    .deck(Scope::Batch(batch), phase, &lane.merchant, OrderId(0), 1000)
                    .unwrap();
                if let Some(job) = jobs.into_iter().find(|job| job.order.no.as_str() == number) {
                    return Some(job);
                }
            }
        }
        None
    }

    pub(in crate::ledger) fn ask(&self, job: &Job, asked: Asked) -> Write {
        Write::Claim(Ask {
            job: job.clone(),
            asked,
            at: self.now,
            run: self.run,
            lease: None,
            handed: None,
        })
    }

    pub(in crate::ledger) fn write(&mut self, write: Write) -> Written {
        let mut written = self.ledger.write(vec![write]).unwrap();
        assert_eq!(written.len(), 1);
        written.remove(0)
    }

    /// Claims; the attempt and the order as it stands since.
    pub(in crate::ledger) fn claim(&mut self, job: &Job, asked: Asked) -> (AttemptId, Job) {
        match self.write(self.ask(job, asked)) {
            Written::Claimed(claimed) => (claimed.attempt(), claimed.job().clone()),
            other => panic!("{other:?}"),
        }
    }

    pub(in crate::ledger) fn answer(
        &self,
        (attempt, job): (AttemptId, &Job),
        asked: Asked,
        before: State,
        came: Came,
    ) -> Answer {
        let verified = ReplyFacts {
            http_status: Some(200),
            request_id: Some(format!("R{attempt}")),
            signed_at: Some(self.now),
            ..ReplyFacts::bare(Trust::Verified, None)
        };
        let error = |code: &str| ReplyFacts {
            http_status: Some(400),
            code: Some(code.into()),
            ..ReplyFacts::bare(Trust::Unsigned, None)
        };
        let closed = ReplyFacts {
            fail_reason: Some("BALANCE_NOT_ENOUGH".into()),
            ..verified.clone()
        };
        // To a query only what settles moves an order.
        let to_submission = |event| match asked {
            Asked::Submission => event,
            Asked::Query => Event::Unsettled,
        };
        let (event, facts, may) = match came {
            Came::Success => (Event::Succeeded, verified, true),
            Came::Failed => (Event::Failed { closed: false }, verified, true),
            Came::ClosedProven => (Event::Failed { closed: true }, closed, true),
            Came::Processing => (to_submission(Event::Accepted), verified, true),
            Came::CloseClaimed => (
                to_submission(Event::CloseClaimed),
                error("NOT_ENOUGH"),
                true,
            ),
            Came::Refused => {
                let signed = ReplyFacts {
                    signed_at: Some(self.now),
                    trust: Trust::Verified,
                    ..error("PARAM_ERROR")
                };
                (to_submission(Event::Refused), signed, false)
            }
            Came::RefusedUnsigned => (to_submission(Event::Refused), error("PARAM_ERROR"), false),
            Came::Throttled => (Event::Unsettled, error("RATELIMIT_EXCEEDED"), false),
            Came::Expired => (Event::WindowPassed, error("NOT_FOUND"), true),
            Came::Lost => (Event::Unsettled, ReplyFacts::bare(Trust::Lost, None), true),
            Came::NotSent => (
                Event::NotSent { before },
                ReplyFacts::bare(Trust::NotSent, Some("refused".into())),
                false,
            ),
        };
        Answer {
            attempt,
            order: job.id,
            asked,
            at: self.now,
            latency_ms: 20,
            facts,
            meaning: came.word(),
            event,
            weak: Weak::No,
            may_have_been_accepted: may,
            alert: None,
        }
    }

    /// Claims, lets something come back and records it; where the order stands since.
    pub(in crate::ledger) fn exchange(&mut self, job: &Job, asked: Asked, came: Came) -> Standing {
        let claimed = match self.write(self.ask(job, asked)) {
            Written::Claimed(claimed) => claimed,
            other => panic!("{other:?}"),
        };
        let flying = (claimed.attempt(), claimed.job());
        let answer = self.answer(flying, asked, claimed.before(), came);
        self.record(answer)
    }

    pub(in crate::ledger) fn record(&mut self, answer: Answer) -> Standing {
        let order = answer.order;
        match self.write(Write::Record(Box::new(answer))) {
            Written::Recorded(id, standing) if id == order => standing,
            other => panic!("{other:?}"),
        }
    }

    /// Submits the order with this number until it stands where a table wants it.
    pub(in crate::ledger) fn bring(&mut self, batch: BatchId, number: &str, state: State) {
        let job = self.find(batch, number).expect("a pending order");
        let submit = |desk: &mut Self, came| desk.exchange(&job, Asked::Submission, came);
        let standing = match state {
            State::Pending => return,
            State::Unknown => submit(self, Came::Lost),
            State::Processing => submit(self, Came::Processing),
            State::Closed => submit(self, Came::CloseClaimed),
            State::Rejected => submit(self, Came::Refused),
            State::Success => submit(self, Came::Success),
            State::Failed => submit(self, Came::Failed),
            State::ClosedProven => submit(self, Came::ClosedProven),
            State::Expired => {
                submit(self, Came::Lost);
                let job = self.find(batch, number).unwrap();
                self.exchange(&job, Asked::Query, Came::Expired)
            }
            State::Cancelled => {
                let target = crate::ledger::CancelTarget::Number(no(number));
                assert_eq!(
                    self.ledger
                        .cancel(&target, self.now)
                        .unwrap()
                        .withdrawn
                        .len(),
                    1
                );
                return;
            }
            State::Held | State::Conflict => panic!("not by sending"),
        };
        assert_eq!(standing.state, state);
    }
}

pub(in crate::ledger) fn staged(rows: Vec<Result<StagedOrder, String>>) -> Vec<StagedRow> {
    (1..)
        .zip(rows)
        .map(|(ordinal, asked)| StagedRow {
            ordinal,
            line: ordinal + 1,
            cells: vec![MERCHANT.into(), format!("note \"{ordinal}\"")],
            amount: asked.as_ref().ok().map(|order| order.content.amount),
            came_back_as: None,
            asked,
        })
        .collect()
}
