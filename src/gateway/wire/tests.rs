use super::*;
use crate::gateway::fixtures::{ACCOUNT, order, text};
use crate::order::OrderNo;

const SEALED: &str = "Zm9vK2Jhci8=";

fn full_order() -> Order {
    let mut order = order();
    order.no = OrderNo::parse("N1").unwrap();
    order.content.card_no = Some(CardNo::parse("6222021234567890").unwrap());
    order.content.sgn_no = Some(SgnNo::parse("协议 7+8/9&a=b%41").unwrap());
    order.content.req_scene = Some(ReqScene::MicroMerchant);
    order
}

#[test]
fn a_submission_and_a_query_equal_what_the_vectors_signed() {
    for (request, vector) in [
        (submission(&order(), SEALED, None), "vectors/c1.msg"),
        (query(&order(), SEALED, None), "vectors/c2.msg"),
    ] {
        let message = text(vector);
        let lines: Vec<&str> = message.split('\n').collect();
        assert_eq!(request.method, lines[0]);
        assert_eq!(request.target, lines[1]);
        assert_eq!(String::from_utf8(request.body).unwrap(), lines[4]);
    }
}

#[test]
fn optional_fields_are_there_where_the_order_has_them_and_left_out_where_not() {
    let body =
        |order: &Order, card| String::from_utf8(submission(order, "A+/=", card).body).unwrap();
    assert_eq!(
        body(&full_order(), Some("B+/=")),
        "{\"mchid\":\"1900016681\",\"bal_account_no\":\"A+/=\",\"out_request_no\":\"N1\",\
         \"reduction_type\":\"JUDICIAL_DEDUCTION\",\"amount\":1,\
         \"reason\":\"司法案件号：202508080009\",\"card_no\":\"B+/=\",\
         \"sgn_no\":\"协议 7+8/9&a=b%41\",\"req_scene\":\"SJT_MICRO_MERCHANT\"}"
    );
    let mut bare = order();
    bare.content.reason = None;
    assert_eq!(
        body(&bare, None),
        "{\"mchid\":\"1900016681\",\"bal_account_no\":\"A+/=\",\
         \"out_request_no\":\"htozr8denqegbt6tk6u10iymo7yww5pn\",\
         \"reduction_type\":\"JUDICIAL_DEDUCTION\",\"amount\":1}"
    );
    assert_eq!(
        query(&full_order(), "A+/=", Some("B+/=")).target,
        "/v3/aggracct-bc/wb-channel/special-reduction/N1?mchid=1900016681\
         &bal_account_no=A%2B%2F%3D&card_no=B%2B%2F%3D\
         &sgn_no=%E5%8D%8F%E8%AE%AE%207%2B8%2F9%26a%3Db%2541&req_scene=SJT_MICRO_MERCHANT"
    );
}

fn parsed(status: u16, body: &str) -> Body {
    let order = full_order();
    parse(
        status,
        &ReplyHeaders::default(),
        body.as_bytes(),
        Hidden::of(&order),
    )
    .body
}

#[test]
fn a_2xx_object_is_read_field_by_field() {
    let body = r#" {"mchid":"1900016681","bal_account_no":"c2VhbGVk","out_request_no":"N1",
        "reduction_type":"JUDICIAL_DEDUCTION","amount":10000000000000,"reason":"案\u0041",
        "card_no":"x","sgn_no":"s","req_scene":"SJT_MICRO_MERCHANT","state":"FAILED",
        "quota_change_no":"4200","success_time":"2025-08-08T10:00:00+08:00",
        "fail_time":"t","fail_reason":"BALANCE_NOT_ENOUGH","new":{"key":[1,2]}} "#;
    let some = |text: &str| Some(text.to_owned());
    let expected = OrderReply {
        mchid: some("1900016681"),
        out_request_no: some("N1"),
        reduction_type: some("JUDICIAL_DEDUCTION"),
        amount: Some(10_000_000_000_000),
        reason: some("案A"),
        sgn_no: some("s"),
        req_scene: some("SJT_MICRO_MERCHANT"),
        state: some("FAILED"),
        quota_change_no: some("4200"),
        success_time: some("2025-08-08T10:00:00+08:00"),
        fail_time: some("t"),
        fail_reason: some("BALANCE_NOT_ENOUGH"),
    };
    for status in [200, 202, 299] {
        assert_eq!(
            parsed(status, body),
            Body::Order(Box::new(expected.clone()))
        );
    }
    let deep = format!(r#"{{"x":{}1{}}}"#, "[".repeat(9999), "]".repeat(9999));
    for nothing in [
        &*deep,
        "{}",
        r#"{"state":null,"amount":null}"#,
        r#"{"code":"X","x":1,"x":2}"#,
    ] {
        assert_eq!(
            parsed(200, nothing),
            Body::Order(Box::default()),
            "{nothing}"
        );
    }
}

#[test]
fn a_2xx_of_any_other_form_is_unreadable() {
    let long = format!(r#"{{"state":"{}"}}"#, "S".repeat(FIELD_CHARS_MAX + 1));
    for body in [
        "",
        " ",
        "null",
        "\"SUCCESS\"",
        "[]",
        r#"["1900016681","N1","JUDICIAL_DEDUCTION",1,null,null,null,"SUCCESS",null,null,null,null]"#,
        "<html>502</html>",
        r#"{"state":"SUCCESS""#,
        r#"{"state":"SUCCESS"}{}"#,
        r#"{"state":"SUCCESS"} x"#,
        r#"{"state":"FAILED","state":"SUCCESS"}"#,
        r#"{"amount":1,"amount":1}"#,
        r#"{"state":1}"#,
        r#"{"state":["SUCCESS"]}"#,
        r#"{"amount":"1"}"#,
        r#"{"amount":1.0}"#,
        r#"{"amount":1e0}"#,
        r#"{"amount":-1}"#,
        r#"{"amount":18446744073709551616}"#,
        "\u{feff}{}",
        &long,
    ] {
        assert_eq!(parsed(200, body), Body::Unreadable, "{body}");
    }
    let order = order();
    let not_utf8 = b"{\"state\":\"SUCC\xffESS\"}";
    let reply = parse(200, &ReplyHeaders::default(), not_utf8, Hidden::of(&order));
    assert_eq!(reply.body, Body::Unreadable);
}

fn error(status: u16, body: &str) -> Option<ErrorReply> {
    match parsed(status, body) {
        Body::Error(error) => Some(error),
        Body::Unreadable => None,
        Body::Order(order) => panic!("{order:?}"),
    }
}

#[test]
fn an_error_is_its_code_and_message_whatever_its_status() {
    for status in [199, 300, 307, 400, 403, 429, 500, 599] {
        let body = r#"{"code":"NOT_ENOUGH","message":"余额\u0000不足\n","detail":{"x":[1]}}"#;
        let error = error(status, body).unwrap();
        assert_eq!((&*error.code, &*error.message), ("NOT_ENOUGH", "余额不足"));
        assert_eq!(error.sign_information, None);
    }
    for (body, message) in [
        (r#"{"code":"X"}"#, ""),
        (r#"{"code":"X","message":null,"detail":"odd"}"#, ""),
        (
            r#"{"code":"X","message":"a\u202eb\u200bc\u001b[31m"}"#,
            "abc[31m",
        ),
    ] {
        assert_eq!(error(400, body).unwrap().message, message);
    }
    for body in [
        "",
        "<html>",
        "[]",
        r#"["X","m"]"#,
        r#"{"message":"m"}"#,
        r#"{"code":null}"#,
        r#"{"code":429}"#,
        r#"{"code":"X","message":1}"#,
        r#"{"code":"X","code":"NOT_ENOUGH"}"#,
    ] {
        assert_eq!(error(403, body), None, "{body}");
    }
}

#[test]
fn texts_for_people_are_cut() {
    let body = format!(
        r#"{{"code":"{}","message":"{}"}}"#,
        "C-".repeat(99),
        "额".repeat(600)
    );
    let error = error(400, &body).unwrap();
    assert_eq!(error.code.chars().count(), CODE_CHARS_MAX);
    assert_eq!(error.message, "额".repeat(MESSAGE_CHARS_MAX));
}

#[test]
fn what_the_gateway_signed_is_kept_of_a_401_alone() {
    let information = r#"{"method":"POST","sign_message_length":348,"truncated_sign_message":"POST\n/v3/","url":"/v3/x"}"#;
    let nested = format!(
        r#"{{"code":"SIGN_ERROR","detail":{{"detail":{{"issue":"sign not match",
            "sign_information":{information}}}}}}}"#
    );
    let flat = format!(
        r#"{{"code":"SIGN_ERROR","detail":{{"detail":{{"issue":"sign not match"}},
            "field":"signature","location":"authorization","sign_information":{information}}}}}"#
    );
    for body in [&nested, &flat] {
        let kept = error(401, body).unwrap().sign_information.unwrap();
        assert_eq!(kept, information);
        assert_eq!(error(403, body).unwrap().sign_information, None);
    }
    let words = |value: &str| {
        let body = format!(r#"{{"code":"X","detail":{{"sign_information":{value}}}}}"#);
        error(401, &body).unwrap().sign_information
    };
    assert_eq!(words("\"a\\nb\""), Some("ab".into()));
    assert_eq!(words("null"), None);
    let long = words(&format!("\"{}\"", "a-".repeat(2000))).unwrap();
    assert_eq!(long.chars().count(), SIGN_INFORMATION_CHARS_MAX);
}

#[test]
fn l8_neither_account_nor_card_nor_anything_sealed_gets_through_a_message() {
    let upper = ACCOUNT.to_ascii_uppercase();
    let split = format!("{}\u{200b}{}", &ACCOUNT[..9], &ACCOUNT[9..]);
    for (told, shown) in [
        (
            format!("账户{ACCOUNT}不存在,{ACCOUNT}"),
            "账户8609…21bc不存在,8609…21bc",
        ),
        (format!("no {upper}!"), "no 8609…21bc!"),
        (split, "8609…21bc"),
        (format!("x{ACCOUNT}y"), "x8609…21bcy"),
        ("card 6222021234567890.".into(), "card 6222…7890."),
        (
            format!("sealed {}=, and {}", "aB3+/".repeat(68), "a".repeat(64)),
            &*format!("sealed [redacted], and {}", "a".repeat(64)),
        ),
        (format!("%2B{}", "A".repeat(70)), "[redacted]"),
    ] {
        let body = serde_json::json!({
            "code": "X", "message": told, "detail": {"sign_information": told}
        });
        let error = error(401, &body.to_string()).unwrap();
        assert_eq!(error.message, shown);
        assert_eq!(error.sign_information.as_deref(), Some(shown));
    }
}

#[test]
fn a_short_account_leaves_other_words_alone() {
    let mut order = order();
    order.content.account = Account::parse("1").unwrap();
    let clean = |text: &str| Hidden::of(&order).clean(text, 99);
    assert_eq!(clean("error 101"), "error 101");
    assert_eq!(Hidden::of(&full_order()).clean("", 99), "");
}

#[test]
fn headers_are_found_in_any_case_and_a_double_one_is_unusable() {
    let headers = ReplyHeaders::of([
        ("REQUEST-id", b"08F7-0".as_slice()),
        ("retry-after", b"1".as_slice()),
        ("Retry-After", b"2".as_slice()),
        ("Wechatpay-Nonce", b"\xff".as_slice()),
        ("Set-Cookie", b"x".as_slice()),
    ]);
    assert_eq!(headers.get("Request-ID"), Header::Once("08F7-0"));
    assert_eq!(headers.get("Retry-After"), Header::Unusable);
    assert_eq!(headers.get("wechatpay-nonce"), Header::Unusable);
    assert_eq!(headers.get("Set-Cookie"), Header::Absent, "of no use here");
}

#[test]
fn retry_after_is_a_number_of_seconds_or_nothing() {
    for (value, seconds) in [
        ("0", Some(0)),
        ("1", Some(1)),
        (" 120 ", Some(120)),
        ("18446744073709551616", None),
        ("-1", None),
        ("+1", None),
        ("1.5", None),
        ("", None),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None),
    ] {
        let headers = ReplyHeaders::of([("Retry-After", value.as_bytes())]);
        let order = order();
        let reply = parse(429, &headers, b"", Hidden::of(&order));
        assert_eq!(reply.retry_after_seconds, seconds, "{value:?}");
    }
}

#[test]
fn a_request_id_is_cut_and_masked() {
    let long = format!("{ACCOUNT}-{}", "7-".repeat(200));
    let headers = ReplyHeaders::of([("Request-ID", long.as_bytes())]);
    let order = order();
    let id = parse(200, &headers, b"", Hidden::of(&order))
        .request_id
        .unwrap();
    assert!(id.starts_with("8609…21bc-7-7"), "{id}");
    assert_eq!(id.chars().count(), REQUEST_ID_CHARS_MAX);
}

#[test]
fn a_date_is_read_as_http_writes_it() {
    for (value, date) in [
        (
            "Sat, 31 Jan 2026 00:00:00 GMT",
            Some(WallMs(1_769_817_600_000)),
        ),
        ("yesterday", None),
        ("", None),
    ] {
        assert_eq!(
            ReplyHeaders::of([("Date", value.as_bytes())]).date(),
            date,
            "{value}"
        );
    }
}

#[test]
fn a_balance_asks_for_the_account_with_what_selects_a_part_of_it_and_names_no_order() {
    let request = balance(&full_order(), "A+/=", Some("B+/="));
    assert_eq!((request.method, request.body.len()), ("GET", 0));
    assert_eq!(
        request.target,
        "/v3/aggracct-bc/wb-channel/account/balance?mchid=1900016681&bal_account_no=A%2B%2F%3D\
         &card_no=B%2B%2F%3D&sgn_no=%E5%8D%8F%E8%AE%AE%207%2B8%2F9%26a%3Db%2541\
         &req_scene=SJT_MICRO_MERCHANT"
    );
}

#[test]
fn a_balance_is_read_as_it_is_told_or_not_at_all() {
    for (body, want) in [
        ("{\"balance\":0}", Some((0, false))),
        (
            "{\"balance\":-7,\"in_transit_reduction_exist\":true,\"new\":1}",
            Some((-7, true)),
        ),
        ("{}", None),
        ("{\"balance\":\"7\"}", None),
        ("{\"balance\":1.5}", None),
        ("{\"balance\":1,\"balance\":2}", None),
        ("[7]", None),
        ("", None),
    ] {
        let read = balance_of(body.as_bytes());
        assert_eq!(read.map(|b| (b.fen, b.in_transit)), want, "{body}");
    }
}
