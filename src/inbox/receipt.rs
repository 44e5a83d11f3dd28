//! The receipt: a short text beside a file that says what became of it and what to do next. UTF-8 with
//! BOM and CRLF, since it is read in Notepad; in English and Chinese. It has sums and no accounts.

use std::fmt::Write;

use data_encoding::HEXLOWER;

use super::Shelf;
use crate::clock::WallMs;
use crate::ledger::{Batch, JournalHead, Totals};
use crate::order::{NextAction, yuan};
use crate::report::summary::{grouped, table};

/// Reasons and alerts that a receipt shows of each kind.
const WORDS_SHOWN_MAX: usize = 20;

/// Where a file stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is through, one way or the other.
    Through(Shelf),
    /// It stays in `processing/`, and the next sweep goes on with it.
    Unfinished,
    /// It stays there too, until somebody has approved it.
    Unapproved,
}

/// What a receipt tells. Parts that never came to be are `None`.
#[derive(Clone, Copy, Debug)]
pub struct Receipt<'a> {
    /// The file as it was dropped.
    pub file: &'a str,
    /// SHA-256 of its bytes.
    pub digest: Option<[u8; 32]>,
    /// Where it stands.
    pub outcome: Outcome,
    /// The ledger knew these bytes before they were dropped.
    pub again: bool,
    /// Its batch.
    pub batch: Option<&'a Batch>,
    /// The batch's sums.
    pub totals: Option<&'a Totals>,
    /// Why it was refused, or what went wrong; accounts are masked in it.
    pub reasons: &'a [String],
    /// What a person must see; the same holds.
    pub alerts: &'a [String],
    /// The result, as it is called beside the receipt.
    pub result: Option<&'a str>,
    /// The rows of it that need somebody, likewise.
    pub failed: Option<&'a str>,
    /// How `levy run` would have ended.
    pub exit_code: u8,
    /// Where the journal stands.
    pub journal_head: Option<JournalHead>,
    /// When levy was done with it.
    pub at: WallMs,
}

/// The receipt's bytes.
pub fn text(receipt: &Receipt<'_>) -> Vec<u8> {
    let mut text = String::from("\u{feff}");
    let line = |text: &mut String, name: &str, value: &str| {
        let _ = writeln!(text, "{name}: {value}");
    };
    line(&mut text, "File 文件", receipt.file);
    line(&mut text, "Outcome 结果", headline(receipt));
    let rejected = receipt.outcome == Outcome::Through(Shelf::Rejected);
    if receipt.again && !rejected {
        let words = "this very file was taken in before, and its result is given again. Rows that \
                     are final were not sent again 此文件以前已处理过, 不会重复扣款";
        line(&mut text, "Again 重复文件", words);
    }
    for words in shown(receipt.reasons) {
        line(&mut text, "Reason 原因", &words);
    }
    for words in shown(receipt.alerts) {
        line(&mut text, "Alert 警报", &words);
    }
    if let Some(totals) = receipt.totals {
        sums(&mut text, totals);
    }
    text.push_str("Next 下一步:\n");
    for words in next(receipt) {
        let _ = writeln!(text, "  {words}");
    }
    if let Some(result) = receipt.result {
        line(&mut text, "Result 结果文件", result);
    }
    if let Some(failed) = receipt.failed {
        let words = format!(
            "{failed}: mend its rows, save it under another name, drop that \
             修改后另存为新文件名, 再放入文件夹"
        );
        line(&mut text, "To mend 需处理的行", &words);
    }
    if let Some(batch) = receipt.batch {
        let accepted = format!("{}, accepted {}", batch.id, batch.accepted_at.rfc3339());
        line(&mut text, "Batch 批次", &accepted);
    }
    if let Some(digest) = receipt.digest {
        line(&mut text, "SHA-256", &HEXLOWER.encode(&digest));
    }
    if let Some(head) = receipt.journal_head {
        line(&mut text, "Journal 日志", &head.to_string());
    }
    line(&mut text, "Exit 退出码", &receipt.exit_code.to_string());
    line(&mut text, "Time 时间", &receipt.at.rfc3339());
    text.replace('\n', "\r\n").into_bytes()
}

fn headline(receipt: &Receipt<'_>) -> &'static str {
    match (receipt.outcome, receipt.exit_code) {
        (Outcome::Through(Shelf::Rejected), _) if receipt.again => {
            "REJECTED 退回: not taken again; what these bytes asked for was taken in before, and stays as it \
             is 此文件以前已受理, 原处理结果不变"
        }
        (Outcome::Through(Shelf::Rejected), _) => {
            "REJECTED 退回: the file as a whole was refused, and nothing was sent for it 整个文件未处理"
        }
        (Outcome::Through(Shelf::Done), 0) => "DONE 已完成: every row is done",
        (Outcome::Through(Shelf::Done), _) => {
            "DONE, NEEDS A PERSON 已处理, 需人工跟进: levy has nothing left to do, some rows need somebody"
        }
        (Outcome::Unfinished, _) => {
            "NOT FINISHED 处理中: levy goes on with it at its next sweep, there is no need to drop it again"
        }
        (Outcome::Unapproved, _) if receipt.batch.is_some() => {
            "WAITS FOR A PERSON 待人工处理: what was sent goes on; what was never sent of it has no approved \
             plan, and is not sent"
        }
        (Outcome::Unapproved, _) => {
            "WAITS FOR APPROVAL 待审批: nothing was sent; levy runs it at the sweep after that, there is no \
             need to drop it again"
        }
    }
}

fn sums(text: &mut String, totals: &Totals) {
    let _ = writeln!(text, "Rows 行数: {}", grouped(totals.rows));
    text.push_str(&table(totals));
    let _ = writeln!(
        text,
        "Money 金额: {} yuan deducted 已扣, {} yuan open 未定, {} yuan dead 未扣 (each order once)",
        yuan(totals.deducted_fen),
        yuan(totals.open_fen),
        yuan(totals.dead_fen)
    );
    if totals.repeats > 0 {
        let _ = writeln!(
            text,
            "Repeated 重复行: {} (their orders were there already; nothing is added by them)",
            grouped(totals.repeats)
        );
    }
    if totals.unreadable_amounts > 0 {
        let _ = writeln!(
            text,
            "Unreadable amounts 金额无法识别: {}, counted as 0.00",
            grouped(totals.unreadable_amounts)
        );
    }
}

fn next(receipt: &Receipt<'_>) -> Vec<String> {
    let mut lines: Vec<String> = match receipt.totals {
        Some(totals) => totals
            .by_action
            .iter()
            .filter_map(|(action, rows)| {
                Some(format!("{} {action}: {}", grouped(*rows), todo(*action)?))
            })
            .collect(),
        None => Vec::new(),
    };
    match receipt.outcome {
        Outcome::Through(Shelf::Rejected) if receipt.again => lines.push(
            "do not change rows and drop them anew, that deducts twice; see the result of the first time, \
             or drop the file without .ok 请勿修改后重新放入, 请查看第一次的结果"
                .into(),
        ),
        Outcome::Through(Shelf::Rejected) => lines.push(
            "mend the file as the reason says, and drop it again 按原因修改后重新放入文件夹".into(),
        ),
        Outcome::Unfinished if receipt.totals.is_none() => lines.push(
            "nothing: levy tries again at its next sweep; if the reason stays, tell who runs levy \
             无需操作, 系统将自动重试"
                .into(),
        ),
        Outcome::Unapproved if receipt.batch.is_some() => lines.push(
            "tell who runs levy: what was never sent is withdrawn, as the reason says 请联系系统管理员, \
             按原因撤销未发送的行"
                .into(),
        ),
        Outcome::Unapproved => lines.push(
            "plan it, and have somebody else approve the plan, as the reason says 按原因制定计划并由他人审批"
                .into(),
        ),
        Outcome::Unfinished | Outcome::Through(Shelf::Done) => {}
    }
    if lines.is_empty() {
        lines.push("nothing 无".into());
    }
    lines
}

/// What whoever dropped the file does about rows with this action.
fn todo(action: NextAction) -> Option<&'static str> {
    match action {
        NextAction::None => None,
        NextAction::RunAgain => {
            Some("nothing; levy goes on by itself, under the same numbers 系统自动继续, 无需操作")
        }
        NextAction::Reissue => Some(
            "not deducted, proven; write yes under levy_reissue in the rows to mend and drop them, or ask \
             who runs levy for `levy rerun` 未扣款; 在 levy重新发起 列填 是 后放入, 或请操作员重新发起",
        ),
        NextAction::FixRow => Some(
            "not deducted; mend these rows as levy_note or levy_message says, and drop them in a new \
             file 未扣款, 请修改后放入新文件",
        ),
        NextAction::Review => {
            Some("a person must look; levy_note says why 需人工核查, 见 levy_note 列")
        }
    }
}

fn shown(words: &[String]) -> impl Iterator<Item = String> {
    let more = words.len().saturating_sub(WORDS_SHOWN_MAX);
    let more = (more > 0).then(|| format!("and {more} more"));
    words.iter().take(WORDS_SHOWN_MAX).cloned().chain(more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_says_what_became_of_it_and_what_to_do() {
        let receipt = Receipt {
            file: "扣划.csv",
            digest: Some([15; 32]),
            outcome: Outcome::Through(Shelf::Rejected),
            again: false,
            batch: None,
            totals: None,
            reasons: &["扣划.csv:1: missing column mchid".into()],
            alerts: &[],
            result: None,
            failed: None,
            exit_code: 2,
            journal_head: None,
            at: WallMs(0),
        };
        let rejected = String::from_utf8(text(&receipt)).unwrap();
        for words in [
            "\u{feff}File 文件: 扣划.csv\r\n",
            "Outcome 结果: REJECTED 退回",
            "Reason 原因: 扣划.csv:1: missing column mchid\r\n",
            "mend the file",
            "Exit 退出码: 2\r\n",
        ] {
            assert!(rejected.contains(words), "{words}: {rejected}");
        }
        assert!(!rejected.replace("\r\n", "").contains('\n'));
        let totals = Totals {
            rows: 3,
            by_action: vec![(NextAction::None, 1), (NextAction::Review, 2)],
            ..Totals::default()
        };
        let done = Receipt {
            outcome: Outcome::Through(Shelf::Done),
            totals: Some(&totals),
            again: true,
            reasons: &[],
            exit_code: 3,
            result: Some("扣划.result.csv"),
            failed: Some("扣划.failed.csv"),
            ..receipt
        };
        let done = String::from_utf8(text(&done)).unwrap();
        for words in [
            "NEEDS A PERSON",
            "Again 重复文件",
            "  2 REVIEW: a person must look",
            "Result 结果文件: 扣划.result.csv",
        ] {
            assert!(done.contains(words), "{words}: {done}");
        }
    }
}
