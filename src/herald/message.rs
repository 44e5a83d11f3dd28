//! What is said, and in which form a group's robot takes it. No account stands in it, and no reason.
//!
//! Sources: WeCom group robots <https://developer.work.weixin.qq.com/document/path/91770>; Feishu
//! custom bots <https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot>; DingTalk custom
//! robots <https://open.dingtalk.com/document/orgapp/custom-robot-access>.

use aws_lc_rs::hmac;
use data_encoding::BASE64;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Map, Value, json};

use super::{Ending, FileEnd};
use crate::batch::Language;
use crate::clock::WallMs;
use crate::order::{NextAction, is_invisible, words, yuan};
use crate::report::summary::{self, grouped};

words! {
    /// Who reads the message.
    Form {
        /// One JSON object, levy's own.
        Json = "json",
        /// A WeCom (企业微信) group robot.
        WeCom = "wecom",
        /// A Feishu (飞书) custom bot.
        Feishu = "feishu",
        /// A DingTalk (钉钉) custom robot.
        DingTalk = "dingtalk",
    }
}

/// Bytes of a message's text. WeCom takes 4,096, the others more.
pub const TEXT_BYTES_MAX: usize = 3_800;
/// Files that are told of one by one.
const FILES_SHOWN_MAX: usize = 10;
/// Alerts of a file that are told; the rest is counted.
const ALERTS_SHOWN_MAX: usize = 3;
/// Characters of a name or of words that came from outside.
const WORDS_CHARS_MAX: usize = 200;

/// What is posted.
#[derive(Clone, Debug, PartialEq)]
pub struct Post {
    /// What is put behind the address, signed; empty for most.
    pub query: String,
    /// JSON.
    pub body: Value,
}

/// The message of a command in a robot's form. `secret` signs it where the robot wants that; `now` is
/// signed with it.
pub fn post(
    form: Form,
    ending: &Ending,
    language: Language,
    secret: Option<&str>,
    now: WallMs,
) -> Post {
    let title = title(ending, language);
    let text = || text(ending, language);
    let plain = |body: Value| Post {
        query: String::new(),
        body,
    };
    match form {
        Form::Json => plain(object(ending)),
        Form::WeCom => plain(json!({
            "msgtype": "markdown",
            "markdown": {"content": cut(format!("**{title}**\n{}", text()))},
        })),
        Form::Feishu => {
            let mut body = json!({
                "msg_type": "text",
                "content": {"text": cut(format!("{title}\n{}", text()))},
            });
            if let Some(secret) = secret {
                let timestamp = now.unix_seconds();
                let key = format!("{timestamp}\n{secret}");
                body["timestamp"] = Value::from(timestamp.to_string());
                body["sign"] = Value::from(signed(&key, ""));
            }
            plain(body)
        }
        Form::DingTalk => Post {
            query: secret.map_or_else(String::new, |secret| {
                let timestamp = now.0;
                let sign = signed(secret, &format!("{timestamp}\n{secret}"));
                let sign = utf8_percent_encode(&sign, NON_ALPHANUMERIC);
                format!("timestamp={timestamp}&sign={sign}")
            }),
            body: json!({
                "msgtype": "markdown",
                "markdown": {
                    "title": title,
                    // A single line feed is no line's end there.
                    "text": cut(format!("**{title}**\n\n{}", text().replace('\n', "\n\n"))),
                },
            }),
        },
    }
}

/// What a robot answered: an error's words, if it refused. WeCom, DingTalk and Feishu say so in a 200.
pub fn refusal(form: Form, status: u16, body: &[u8]) -> Option<String> {
    if !(200..300).contains(&status) {
        return Some(format!("it answered {status}"));
    }
    if form == Form::Json {
        return None;
    }
    let Ok(Value::Object(answer)) = serde_json::from_slice(body) else {
        return Some("it answered with something else than JSON: is the address a robot's?".into());
    };
    let code = ["errcode", "code", "StatusCode"]
        .iter()
        .find_map(|name| answer.get(*name));
    match code.and_then(Value::as_i64) {
        Some(0) => None,
        code => {
            let words = ["errmsg", "msg"].iter().find_map(|name| answer.get(*name));
            let words = words.and_then(Value::as_str).unwrap_or("");
            let code = code.map_or_else(|| "no code".into(), |code| code.to_string());
            Some(format!("it refused: {code} {}", outside(words)))
        }
    }
}

/// HMAC-SHA256 in base64.
fn signed(key: &str, text: &str) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes());
    BASE64.encode(hmac::sign(&key, text.as_bytes()).as_ref())
}

/// A title of one line: what ran where, and what that means.
pub fn title(ending: &Ending, language: Language) -> String {
    let at = match ending.host.as_str() {
        "" => String::new(),
        host => format!(" @ {}", outside(host)),
    };
    let meaning = match (language, ending.exit_code) {
        (Language::English, 0) => "all done",
        (Language::English, 2) => "refused, nothing was sent",
        (Language::English, 3) => "finished, a person is needed",
        (Language::English, 4) => "not finished, run it again",
        (Language::English, 75) => "another run holds the ledger",
        (Language::English, _) => "levy failed",
        (Language::Chinese, 0) => "全部完成",
        (Language::Chinese, 2) => "已拒绝，未发送任何请求",
        (Language::Chinese, 3) => "已结束，需要人工处理",
        (Language::Chinese, 4) => "未完成，请再次运行",
        (Language::Chinese, 75) => "台账正被另一次运行占用",
        (Language::Chinese, _) => "levy 自身出错",
    };
    let exit = match language {
        Language::English => "exit",
        Language::Chinese => "退出码",
    };
    format!(
        "levy {}{at}: {meaning} ({exit} {})",
        ending.command, ending.exit_code
    )
}

fn text(ending: &Ending, language: Language) -> String {
    let mut lines = vec![format!(
        "{} – {}",
        ending.started_at.rfc3339(),
        ending.finished_at.rfc3339()
    )];
    for file in ending.files.iter().take(FILES_SHOWN_MAX) {
        of_file(file, language, &mut lines);
    }
    if ending.files.len() > FILES_SHOWN_MAX {
        let more = ending.files.len() - FILES_SHOWN_MAX;
        lines.push(match language {
            Language::English => format!("and {more} more files"),
            Language::Chinese => format!("另有 {more} 个文件"),
        });
    }
    lines.join("\n")
}

fn of_file(file: &FileEnd, language: Language, lines: &mut Vec<String>) {
    let chinese = language == Language::Chinese;
    lines.push(match (&file.batch, chinese) {
        (Some(batch), false) => format!("{}, batch {batch}:", outside(&file.name)),
        (Some(batch), true) => format!("{}，批次 {batch}：", outside(&file.name)),
        (None, _) => format!("{}:", outside(&file.name)),
    });
    for (status, rows, fen) in &file.by_status {
        let fen = yuan(*fen);
        lines.push(match chinese {
            false => format!("- {status}: {}, {fen} yuan", summary::rows(*rows)),
            true => format!("- {}：{} 行，{fen} 元", status.chinese(), grouped(*rows)),
        });
    }
    let next = file
        .by_action
        .iter()
        .filter(|(action, _)| *action != NextAction::None);
    for (action, rows) in next {
        lines.push(match chinese {
            false => format!("- next: {action}, {}", summary::rows(*rows)),
            true => format!("- 下一步：{}，{} 行", action.chinese(), grouped(*rows)),
        });
    }
    for alert in file.alerts.iter().take(ALERTS_SHOWN_MAX) {
        lines.push(format!("- ! {}", outside(alert)));
    }
    if file.alerts.len() > ALERTS_SHOWN_MAX {
        lines.push(format!("- ! +{}", file.alerts.len() - ALERTS_SHOWN_MAX));
    }
    if !file.wrong.is_empty() {
        lines.push(format!("- ! {}", outside(&file.wrong)));
    }
}

/// A command as one JSON object: `command`, `host`, `version`, `started_at`, `finished_at`,
/// `exit_code`, and `files`, of which each has `file`, `batch`, `exit_code`, `rows` and `amount_fen`
/// by status, `next` (rows by what is to be done), `alerts` and `error`.
fn object(ending: &Ending) -> Value {
    let files: Vec<Value> = ending.files.iter().map(file_object).collect();
    json!({
        "command": ending.command,
        "host": ending.host,
        "version": env!("CARGO_PKG_VERSION"),
        "started_at": ending.started_at.rfc3339(),
        "finished_at": ending.finished_at.rfc3339(),
        "exit_code": ending.exit_code,
        "files": files,
    })
}

fn file_object(file: &FileEnd) -> Value {
    let mut rows = Map::new();
    let mut amounts = Map::new();
    for (status, count, fen) in &file.by_status {
        rows.insert(status.to_string(), Value::from(*count));
        let fen = u64::try_from(*fen).unwrap_or(u64::MAX);
        amounts.insert(status.to_string(), Value::from(fen));
    }
    let next: Map<String, Value> = file
        .by_action
        .iter()
        .map(|(action, rows)| (action.to_string(), Value::from(*rows)))
        .collect();
    json!({
        "file": file.name,
        "batch": file.batch,
        "exit_code": file.exit_code,
        "rows": rows,
        "amount_fen": amounts,
        "next": next,
        "alerts": file.alerts,
        "error": (!file.wrong.is_empty()).then_some(&file.wrong),
    })
}

/// Words that came from outside, a file's name for example: one line, not long, and nothing in them
/// that a robot would take for a link, a colour or a person to be called.
fn outside(words: &str) -> String {
    let plain = |c: char| match c {
        '<' => '＜',
        '>' => '＞',
        '[' => '［',
        ']' => '］',
        '(' => '（',
        ')' => '）',
        '*' => '＊',
        '`' => '｀',
        '@' => '＠',
        '#' => '＃',
        '!' => '！',
        c => c,
    };
    let line = words.chars().map(|c| if c == '\n' { ' ' } else { c });
    let seen = line.filter(|c| !is_invisible(*c)).map(plain);
    let mut text: String = seen.clone().take(WORDS_CHARS_MAX).collect();
    if seen.count() > WORDS_CHARS_MAX {
        text.push('…');
    }
    text
}

/// At most so many bytes, in whole lines.
fn cut(text: String) -> String {
    if text.len() <= TEXT_BYTES_MAX {
        return text;
    }
    let mut end = TEXT_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let whole = text[..end].rfind('\n').unwrap_or(end);
    format!("{}\n…", &text[..whole])
}

#[cfg(test)]
mod tests;
