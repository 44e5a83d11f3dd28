use super::*;
use crate::order::Status;

const FEISHU_SIGN: &str = "NhEUcImkhzrPPAz/8BTpTROjbUbL6U5AmjY55fe0tgI=";
const DINGTALK_SIGN: &str = "hmPWwU%2B7lVdm3ZZz0r9tSfx0L4Q26jWOZr9%2BGs6EZQM%3D";

fn ending() -> Ending {
    let file = FileEnd {
        name: "night.csv".into(),
        batch: Some("12".into()),
        by_status: vec![(Status::Success, 1_200, 123_456), (Status::Held, 1, 5)],
        by_action: vec![(NextAction::None, 1_200), (NextAction::Review, 1)],
        alerts: vec!["NO1: look".into()],
        wrong: String::new(),
        exit_code: 3,
    };
    Ending {
        exit_code: 3,
        finished_at: WallMs(1_790_000_060_000),
        files: vec![file],
        ..Ending::begin("run", "bank-1".into(), WallMs(1_790_000_000_000))
    }
}

fn of(form: Form, ending: &Ending) -> Value {
    post(form, ending, Language::English, None, ending.finished_at).body
}

#[test]
fn each_robot_gets_the_form_that_it_documents() {
    let wecom = of(Form::WeCom, &ending());
    assert_eq!(wecom["msgtype"], "markdown");
    let text = wecom["markdown"]["content"].as_str().unwrap();
    let want = "**levy run @ bank-1: finished, a person is needed (exit 3)**\n\
        2026-09-21T22:13:20+08:00 – 2026-09-21T22:14:20+08:00\n\
        night.csv, batch 12:\n\
        - SUCCESS: 1,200 rows, 1,234.56 yuan\n\
        - HELD: 1 row, 0.05 yuan\n\
        - next: REVIEW, 1 row\n\
        - ! NO1: look";
    assert_eq!(text.lines().count(), want.lines().count());
    for (line, want) in text
        .lines()
        .zip(want.lines())
        .filter(|(_, w)| !w.contains('–'))
    {
        assert_eq!(line, want);
    }
    let feishu = of(Form::Feishu, &ending());
    assert_eq!(feishu["msg_type"], "text");
    assert!(
        feishu["content"]["text"]
            .as_str()
            .unwrap()
            .contains("batch 12")
    );
    assert!(feishu.get("sign").is_none());
    let ding = of(Form::DingTalk, &ending());
    assert_eq!(ding["msgtype"], "markdown");
    assert!(
        ding["markdown"]["title"]
            .as_str()
            .unwrap()
            .contains("exit 3")
    );
    assert!(
        ding["markdown"]["text"]
            .as_str()
            .unwrap()
            .contains("\n\n- HELD")
    );
    let json = of(Form::Json, &ending());
    assert_eq!(json["exit_code"], 3);
    assert_eq!(json["files"][0]["amount_fen"]["SUCCESS"], 123_456);
    assert_eq!(json["files"][0]["next"]["REVIEW"], 1);
    assert_eq!(json["files"][0]["error"], Value::Null);
}

#[test]
fn chinese_is_chinese() {
    let post = post(Form::WeCom, &ending(), Language::Chinese, None, WallMs(0));
    let text = post.body["markdown"]["content"].as_str().unwrap();
    for part in ["需要人工处理", "批次 12", "行，1,234.56 元", "下一步："] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

/// Computed with Python's hmac and base64 by the documents' recipes.
#[test]
fn signatures_are_those_of_the_documents() {
    let now = WallMs(1_577_262_236_757);
    let feishu = post(
        Form::Feishu,
        &ending(),
        Language::English,
        Some("demo"),
        now,
    );
    assert_eq!(feishu.body["timestamp"], "1577262236");
    assert_eq!(feishu.body["sign"], FEISHU_SIGN);
    let ding = post(
        Form::DingTalk,
        &ending(),
        Language::English,
        Some("this is secret"),
        now,
    );
    assert_eq!(
        ding.query,
        format!("timestamp=1577262236757&sign={DINGTALK_SIGN}")
    );
}

#[test]
fn what_comes_from_outside_is_one_line_and_no_markup() {
    let mut hostile = ending();
    hostile.files[0].name = "a](http://evil)\n# <@all> \u{202e}`**x".into();
    hostile.files[0].wrong = "y".repeat(5_000);
    let text = of(Form::WeCom, &hostile)["markdown"]["content"]
        .as_str()
        .unwrap()
        .to_owned();
    let line = text.lines().find(|line| line.contains("evil")).unwrap();
    assert_eq!(line, "a］（http://evil） ＃ ＜＠all＞ ｀＊＊x, batch 12:");
    assert!(text.len() < 1_500);
    let title = title(
        &Ending {
            host: "h*".into(),
            ..ending()
        },
        Language::English,
    );
    assert!(title.starts_with("levy run @ h＊: "));
}

#[test]
fn a_message_keeps_within_the_robots_limit_in_whole_lines() {
    let mut long = ending();
    let mut file = long.files[0].clone();
    file.name = "扣".repeat(300);
    file.alerts = vec!["警".repeat(300); 9];
    long.files = vec![file; 30];
    for form in [Form::WeCom, Form::DingTalk, Form::Feishu] {
        let body = of(form, &long).to_string();
        assert!(body.len() < 4_096, "{form}: {}", body.len());
        assert!(body.contains("\\n…"), "{form}");
    }
}

#[test]
fn a_200_may_be_a_refusal() {
    for (form, status, body, want) in [
        (Form::WeCom, 200, r#"{"errcode":0,"errmsg":"ok"}"#, None),
        (
            Form::WeCom,
            200,
            r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#,
            Some("93000 invalid webhook url"),
        ),
        (
            Form::Feishu,
            200,
            r#"{"code":0,"msg":"success","data":{}}"#,
            None,
        ),
        (
            Form::Feishu,
            200,
            r#"{"StatusCode":0,"StatusMessage":"success"}"#,
            None,
        ),
        (
            Form::Feishu,
            200,
            r#"{"code":19021,"msg":"sign match fail"}"#,
            Some("19021 sign match fail"),
        ),
        (
            Form::DingTalk,
            200,
            r#"{"errcode":310000,"errmsg":"keywords not in content"}"#,
            Some("310000"),
        ),
        (
            Form::DingTalk,
            200,
            "<html>",
            Some("something else than JSON"),
        ),
        (Form::DingTalk, 200, "{}", Some("no code")),
        (Form::WeCom, 502, "", Some("answered 502")),
        (Form::Json, 204, "", None),
        (Form::Json, 404, "", Some("answered 404")),
    ] {
        let said = refusal(form, status, body.as_bytes());
        match want {
            None => assert_eq!(said, None, "{form} {body}"),
            Some(want) => assert!(said.unwrap().contains(want), "{form} {body}"),
        }
    }
}

#[test]
fn every_exit_code_has_its_words_in_both_languages() {
    let mut seen = std::collections::BTreeSet::new();
    for language in [Language::English, Language::Chinese] {
        for exit_code in [0, 1, 2, 3, 4, 75] {
            let it = Ending {
                exit_code,
                ..ending()
            };
            assert!(seen.insert(title(&it, language)));
        }
    }
}
