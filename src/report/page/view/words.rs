//! What a status means and what is to be done, in both languages. English next steps are those that the
//! summary and `levy status` print.

use crate::batch::Language;
use crate::order::{NextAction, Status};
use crate::report::{status, summary};

/// Colour has a meaning: done, going on, dead, may be issued again, to be looked at.
pub(super) fn tone(status: Status) -> &'static str {
    match status {
        Status::Success => "ok",
        Status::Processing | Status::Pending => "wait",
        Status::Unknown => "doubt",
        Status::Failed | Status::Closed => "again",
        Status::Cancelled => "dead",
        Status::Rejected | Status::Invalid | Status::Conflict => "look",
        Status::Held | Status::Expired => "look",
    }
}

/// What a status means (section 5 of the specification).
pub(super) fn meaning(status: Status, language: Language) -> &'static str {
    let (english, chinese) = match status {
        Status::Success => ("the amount was deducted", "金额已扣减"),
        Status::Processing => ("accepted, not final yet", "已受理，尚无最终结果"),
        Status::Unknown => ("sent, outcome not known", "已提交，结果未知"),
        Status::Pending => ("not sent yet", "尚未提交"),
        Status::Failed => ("the gateway says failed", "网关确认失败"),
        Status::Closed => (
            "closed by the gateway, nothing deducted",
            "已被网关关闭，未扣减",
        ),
        Status::Rejected => ("refused, nothing deducted", "被拒绝，未扣减"),
        Status::Invalid => (
            "the row is no valid deduction; never sent",
            "该行不是有效的减额，从未提交",
        ),
        Status::Conflict => (
            "one number, two contents; not sent",
            "同一单号两种内容，未提交",
        ),
        Status::Held => (
            "looks like another order for the same debt; not sent",
            "疑似同一债务的重复单，未提交",
        ),
        Status::Cancelled => (
            "withdrawn before it was sent, or replaced",
            "提交前已撤销，或已被替代",
        ),
        Status::Expired => ("still unknown past its window", "超过可重入期限仍无结果"),
    };
    pick(language, english, chinese)
}

/// What is to be done about a row.
pub(super) fn action_words(action: NextAction, status: Status, language: Language) -> &'static str {
    match language {
        Language::English => english(action, status),
        Language::Chinese => chinese(action, status),
    }
}

fn english(action: NextAction, status: Status) -> &'static str {
    match (action, status) {
        (NextAction::Review, Status::Held) => status::HELD_STEP,
        (NextAction::Review, Status::Expired | Status::Closed) => status::RESOLVE_STEP,
        _ => summary::step(action).unwrap_or(""),
    }
}

fn chinese(action: NextAction, status: Status) -> &'static str {
    match (action, status) {
        (NextAction::Review, Status::Held) => {
            "用 `levy show 单号` 查看与哪一单相似；确属另一笔则放行，否则 `levy cancel` 撤销"
        }
        (NextAction::Review, Status::Expired | Status::Closed) => {
            "查询已无法确认：请另行查实，再用 `levy resolve 单号` 登记"
        }
        (NextAction::Review, _) => "需人工核实：levy_note 说明了原因",
        (NextAction::RunAgain, _) => "再次运行同一命令；任何一单都不会重复提交",
        (NextAction::Reissue, _) => "已证实失败且未扣减：用 `levy rerun` 以新单号重新发起",
        (NextAction::FixRow, _) => "按 levy_note 或 levy_message 修改该行，再放入文件提交",
        (NextAction::None, _) => "",
    }
}

fn pick(language: Language, english: &'static str, chinese: &'static str) -> &'static str {
    match language {
        Language::English => english,
        Language::Chinese => chinese,
    }
}
