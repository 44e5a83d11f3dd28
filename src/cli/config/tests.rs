use super::raw::{KEYS, Slot};
use super::*;

const WHOLE: &str = r#"
[merchant]
mchid = "1900000001"
serial_no = "408B07E79B8269FEC3D5D3E6AB8ED163A6A380DB"
private_key = "apiclient_key.pem"
[platform]
public_key_id = "PUB_KEY_ID_0114232134912410000000000000"
public_key = "pub_key.pem"
[gateway]
base_url = "https://api.mch.weixin.qq.com"
standby_url = "https://api2.mch.weixin.qq.com"
timeout_seconds = 10
[pace]
per_merchant_qps = 100
max_in_flight = 256
[ledger]
url = "levy.db"
"#;

fn environment(pairs: &[(&str, &str)]) -> Vec<(OsString, OsString)> {
    pairs
        .iter()
        .map(|(name, value)| (name.into(), value.into()))
        .collect()
}

fn loaded(text: &str, pairs: &[(&str, &str)]) -> Result<Config> {
    let path = PathBuf::from("/etc/levy/levy.toml");
    from_text(&path, text, environment(pairs))
}

fn fault(text: &str, pairs: &[(&str, &str)]) -> String {
    let whole = |config: Config| Ok((config.connection()?, config.platform_keys()?));
    match loaded(text, pairs).and_then(whole) {
        Ok(_) => "no fault".into(),
        Err(fault) => fault.0,
    }
}

#[test]
fn the_specifications_example_is_whole_and_its_paths_begin_beside_the_file() {
    let config = loaded(WHOLE, &[]).unwrap();
    assert_eq!(config.ledger.file(), Some(Path::new("/etc/levy/levy.db")));
    assert_eq!(config.per_merchant_qps, 100);
    assert_eq!(config.hold_days, 40);
    let connection = config.connection().unwrap();
    assert_eq!(
        connection.private_key.path,
        Path::new("/etc/levy/apiclient_key.pem")
    );
    assert_eq!(
        config.platform_keys().unwrap(),
        [PlatformKey::PublicKey {
            id: "PUB_KEY_ID_0114232134912410000000000000".into(),
            file: "/etc/levy/pub_key.pem".into(),
        }]
    );
}

#[test]
fn the_example_file_is_read_and_equals_the_defaults() {
    let config = loaded(include_str!("../../../fixtures/levy.example.toml"), &[]).unwrap();
    let refused = config.platform_keys().unwrap_err().to_string();
    assert!(refused.contains("is the example's"), "{refused}");
    let empty = loaded("", &[]).unwrap();
    assert_eq!(config.per_merchant_qps, empty.per_merchant_qps);
    assert_eq!(config.max_in_flight, empty.max_in_flight);
    assert_eq!(config.timeout, empty.timeout);
    assert_eq!(config.ledger.file(), empty.ledger.file());
    assert_eq!(config.hold_days, empty.hold_days);
    assert_eq!(config.amount_fen_max, empty.amount_fen_max);
    assert_eq!(config.total_fen_max, empty.total_fen_max);
    assert_eq!(config.require_approval, empty.require_approval);
}

#[test]
fn the_environment_goes_before_the_file() {
    let config = loaded(
        WHOLE,
        &[
            ("LEVY_MERCHANT_MCHID", "1900000002"),
            ("LEVY_GATEWAY_TIMEOUT_SECONDS", "7"),
            ("LEVY_LEDGER_URL", "/var/lib/levy.db"),
            ("LEVY_PACE_PER_MERCHANT_QPS", "50"),
            ("HOME", "/root"),
        ],
    )
    .unwrap();
    assert_eq!(config.caller().unwrap().as_str(), "1900000002");
    assert_eq!(config.timeout, Duration::from_secs(7));
    assert_eq!(config.ledger.file(), Some(Path::new("/var/lib/levy.db")));
    assert_eq!(config.per_merchant_qps, 50);
    assert_eq!(config.max_in_flight, 256, "what is not given stays");
}

#[test]
fn a_result_looks_as_it_was_typed_else_as_it_is_set() {
    use crate::cli::args::{ResultArgs, TemplateLanguage};
    let set = format!("{WHOLE}\n[result]\nlanguage = \"zh\"\nplain = true");
    let set = loaded(&set, &[]).unwrap().result;
    let (language, ends) = (Language::Chinese, Ends::Plain);
    assert_eq!(ResultArgs::default().style(set), Style { language, ends });
    let typed = ResultArgs {
        plain: Some(false),
        lang: Some(TemplateLanguage::En),
    };
    assert_eq!(typed.style(set), Style::default());
    assert_eq!(loaded(WHOLE, &[]).unwrap().result, Style::default());
    let variables = [("LEVY_RESULT_PLAIN", "true")];
    assert_eq!(loaded(WHOLE, &variables).unwrap().result.ends, Ends::Plain);
}

#[test]
fn every_key_of_the_file_has_its_variable() {
    for key in KEYS {
        let value = match (key.slot)(&mut Raw::default()) {
            Slot::Text(_) => "x",
            Slot::Whole(_) => "3",
            Slot::Flag(_) => "true",
        };
        let mut raw = Raw::default();
        let given = overlay(&mut raw, environment(&[(&key.variable(), value)])).unwrap();
        assert_eq!(given.len(), 1, "{}", key.variable());
        let set = match (key.slot)(&mut raw) {
            Slot::Text(slot) => slot.is_some(),
            Slot::Whole(slot) => slot.is_some(),
            Slot::Flag(slot) => slot.is_some(),
        };
        assert!(set, "{}", key.variable());
    }
}

/// A fault without the line that its key stands in, which differs from case to case.
fn without_line(fault: &str) -> String {
    match fault.split_once(".toml:") {
        Some((file, rest)) => {
            let rest = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            format!("{file}.toml:{}", rest.trim_start_matches(':'))
        }
        None => fault.into(),
    }
}

#[test]
fn every_setting_tells_its_value_and_the_line_the_variable_or_the_default_that_gave_it() {
    let text = "\u{feff}[merchant]\nmchid = \"1900000001\"\n\n[gateway]\n\
                proxy = \"http://user:hunter2@proxy:3128\"\n\
                [[platform.keys]]\ncertificate = \"a.pem\"\n\
                [[platform.keys]]\npublic_key_id = \"PUB_KEY_ID_1\"\npublic_key = \"b.pem\"\n\
                [pace]\nmax_in_flight = 0x40\n";
    let config = loaded(text, &[("LEVY_HOLDS_DAYS", "7")]).unwrap();
    let told = |key: &str| {
        let found = config.settings.iter().find(|s| s.key == key).unwrap();
        format!("{} ({})", found.value, found.origin)
    };
    for (key, want) in [
        ("merchant.mchid", "1900000001 (/etc/levy/levy.toml:2)"),
        ("gateway.proxy", "set, secret (/etc/levy/levy.toml:5)"),
        (
            "platform.keys[1].certificate",
            "a.pem (/etc/levy/levy.toml:7)",
        ),
        (
            "platform.keys[2].public_key_id",
            "PUB_KEY_ID_1 (/etc/levy/levy.toml:9)",
        ),
        (
            "platform.keys[2].public_key",
            "b.pem (/etc/levy/levy.toml:10)",
        ),
        ("pace.max_in_flight", "64 (/etc/levy/levy.toml:12)"),
        ("holds.days", "7 (LEVY_HOLDS_DAYS)"),
        ("pace.per_merchant_qps", "100 (default)"),
        ("merchant.api_v3_key_file", "not set (default)"),
    ] {
        assert_eq!(told(key), want, "{key}");
    }
    for key in KEYS {
        told(&format!("{}.{}", key.section, key.name));
    }
}

#[test]
fn the_defaults_that_are_told_are_those_that_hold() {
    let config = loaded("", &[]).unwrap();
    for (key, holds) in [
        ("pace.per_merchant_qps", config.per_merchant_qps.to_string()),
        ("pace.max_in_flight", config.max_in_flight.to_string()),
        (
            "gateway.timeout_seconds",
            config.timeout.as_secs().to_string(),
        ),
        ("limits.amount_fen_max", config.amount_fen_max.to_string()),
        ("holds.days", config.hold_days.to_string()),
        (
            "batch.require_approval",
            config.require_approval.to_string(),
        ),
    ] {
        let told = config.settings.iter().find(|s| s.key == key).unwrap();
        assert_eq!(told.value, Shown::Value(holds), "{key}");
    }
}

#[test]
fn l8_an_address_is_shown_only_where_it_can_hold_no_secret() {
    for (key, value, is_shown) in [
        ("gateway.base_url", "https://api.mch.weixin.qq.com", true),
        (
            "gateway.base_url",
            "https://user:hunter2@api.mch.weixin.qq.com",
            false,
        ),
        ("gateway.proxy", "proxy:3128", false),
        (
            "pace.something_new",
            "https://qyapi.weixin.qq.com/cgi-bin/webhook?key=hunter2",
            false,
        ),
        ("merchant.certificate", "apiclient_cert.pem", true),
        ("notify.secret", "SEC1", false),
        ("notify.webhook", "x", false),
        ("notify.ping", "x", false),
        ("notify.proxy", "x", false),
        ("notify.webhook_file", "hook", true),
        ("metrics.file", "levy.prom", true),
        ("log.level", "debug", true),
        // The key itself, where the name of its file belongs.
        ("merchant.private_key", "-----BEGIN PRIVATE KEY-----", false),
        (
            "merchant.api_v3_key_file",
            "0123456789abcdef0123456789ABCDEF",
            false,
        ),
    ] {
        let shown = listing::shown(key, value.into());
        assert_eq!(shown != Shown::Secret, is_shown, "{key} {value}");
    }
}

#[test]
fn a_key_is_looked_for_among_the_services_credentials_first() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("apiclient_key.pem"), "x").unwrap();
    let credentials = [("CREDENTIALS_DIRECTORY", dir.path().to_str().unwrap())];
    let config = loaded(WHOLE, &credentials).unwrap();
    let key = config.private_key().unwrap();
    assert_eq!(key.path, dir.path().join("apiclient_key.pem"));
    assert_eq!(key.keeper, Keeper::ServiceManager);
    // What is not there lies beside the settings, and an absolute path is what it says.
    let PlatformKey::PublicKey { file, .. } = &config.platform_keys().unwrap()[0] else {
        panic!("a public key");
    };
    assert_eq!(file, Path::new("/etc/levy/pub_key.pem"));
    let absolute = WHOLE.replace("\"apiclient_key.pem\"", "\"/keys/apiclient_key.pem\"");
    let key = loaded(&absolute, &credentials)
        .unwrap()
        .private_key()
        .unwrap();
    assert_eq!(key.keeper, Keeper::Owner);
    let none = loaded(WHOLE, &[("CREDENTIALS_DIRECTORY", "")]).unwrap();
    assert_eq!(none.private_key().unwrap().keeper, Keeper::Owner);
}

#[test]
fn each_fault_names_its_place_and_what_is_allowed() {
    let with = |extra: &str| format!("{WHOLE}\n{extra}");
    let less = |gone: &str| {
        let kept: Vec<&str> = WHOLE.lines().filter(|l| !l.starts_with(gone)).collect();
        kept.join("\n")
    };
    let swap = |old: &str, new: &str| WHOLE.replace(old, new);
    /// The file, the variables over it, and the fault.
    type Case<'a> = (String, &'a [(&'a str, &'a str)], &'a str);
    let table: &[Case<'_>] = &[
        (
            swap("per_merchant_qps = 100", "per_merchant_qps = 0"),
            &[],
            "/etc/levy/levy.toml: [pace] per_merchant_qps: 0 is too small, at least 1",
        ),
        (
            swap("per_merchant_qps = 100", "per_merchant_qps = 101"),
            &[],
            "/etc/levy/levy.toml: [pace] per_merchant_qps: 101 is too large, at most 100",
        ),
        (
            swap("max_in_flight = 256", "max_in_flight = 4097"),
            &[],
            "/etc/levy/levy.toml: [pace] max_in_flight: 4097 is too large, at most 4096",
        ),
        (
            swap("timeout_seconds = 10", "timeout_seconds = 61"),
            &[],
            "/etc/levy/levy.toml: [gateway] timeout_seconds: 61 is too large, at most 60",
        ),
        (
            WHOLE.into(),
            &[("LEVY_PACE_MAX_IN_FLIGHT", "0")],
            "LEVY_PACE_MAX_IN_FLIGHT: [pace] max_in_flight: 0 is too small, at least 1",
        ),
        (
            WHOLE.into(),
            &[("LEVY_PACE_MAX_IN_FLIGHT", "many")],
            "LEVY_PACE_MAX_IN_FLIGHT: must be a whole number in plain digits",
        ),
        (
            WHOLE.into(),
            &[("LEVY_BATCH_REQUIRE_APPROVAL", "yes")],
            "LEVY_BATCH_REQUIRE_APPROVAL: must be true or false",
        ),
        (
            with("[limits]\ntotal_fen_max = 0"),
            &[],
            "/etc/levy/levy.toml: [limits] total_fen_max: 0 is too small, at least 1",
        ),
        (
            WHOLE.into(),
            &[("LEVY_LEDGER_URL", "")],
            "LEVY_LEDGER_URL: is set but empty: give it a value, or unset it",
        ),
        (
            less("mchid"),
            &[],
            "/etc/levy/levy.toml: [merchant] mchid: must be given",
        ),
        (
            swap("\"1900000001\"", "\"1.9E+09\""),
            &[],
            "/etc/levy/levy.toml: [merchant] mchid: is a number that a spreadsheet has rounded; \
             take it from its source, as text",
        ),
        (
            less("serial_no"),
            &[],
            "/etc/levy/levy.toml: [merchant] serial_no: must be given, or certificate, which \
             tells it",
        ),
        (
            less("private_key"),
            &[],
            "/etc/levy/levy.toml: [merchant] private_key: must name the file of the API private \
             key (apiclient_key.pem)",
        ),
        (
            less("public_key_id"),
            &[],
            "/etc/levy/levy.toml: [platform] public_key_id: must be given with public_key: it \
             names the key (PUB_KEY_ID_…)",
        ),
        (
            WHOLE.into(),
            &[("LEVY_PLATFORM_CERTIFICATE", "wechatpay.pem")],
            "LEVY_PLATFORM_CERTIFICATE: [platform] certificate: give either certificate, or \
             public_key_id and public_key; a second key goes under [[platform.keys]]",
        ),
        (
            swap("url = \"levy.db\"", "url = \"mysql://levy:geheim@db/levy\""),
            &[],
            "/etc/levy/levy.toml: [ledger] url: mysql://…: is no ledger that levy knows; name a file, \
             or postgres://USER@HOST/DATABASE",
        ),
        (
            swap("url = \"levy.db\"", "url = \"levy.db\"\nlease = 29"),
            &[],
            "/etc/levy/levy.toml: [ledger] lease: 29 is too small: at least 3 times [gateway] \
             timeout_seconds, 30",
        ),
        (
            swap(
                "url = \"levy.db\"",
                "url = \"levy.db\"\nisolation = \"chaos\"",
            ),
            &[],
            "/etc/levy/levy.toml: [ledger] isolation: must be \"read committed\" or \"serializable\"",
        ),
        (
            with("[result]\nlanguage = \"de\""),
            &[],
            "/etc/levy/levy.toml: [result] language: must be en or zh",
        ),
        (
            with("[result]\nplain = true"),
            &[("LEVY_RESULT_PLAIN", "yes")],
            "LEVY_RESULT_PLAIN: must be true or false",
        ),
        (
            with("[holds]\ndays = -1"),
            &[],
            "/etc/levy/levy.toml: [holds] days: -1 is too small, at least 0",
        ),
        (
            with("[limits]\namount_fen_max = 10000000000001"),
            &[],
            "/etc/levy/levy.toml: [limits] amount_fen_max: 10000000000001 is too large, at most \
             10000000000000",
        ),
    ];
    for (text, pairs, want) in table {
        assert_eq!(without_line(&fault(text, pairs)), *want);
    }
}

#[test]
fn a_key_that_levy_does_not_know_is_an_error_wherever_it_stands() {
    let in_file = fault("[pace]\nper_merchant_qsp = 10\n", &[]);
    assert!(
        in_file.starts_with("/etc/levy/levy.toml:2: unknown field `per_merchant_qsp`"),
        "{in_file}"
    );
    let section = fault("[pacing]\n", &[]);
    assert!(section.contains("unknown field `pacing`"), "{section}");
    let variable = fault(WHOLE, &[("LEVY_PACE_QPS", "10")]);
    assert!(
        variable.starts_with("LEVY_PACE_QPS: is no setting of levy; known are LEVY_MERCHANT_MCHID"),
        "{variable}"
    );
}

#[test]
fn a_fault_never_shows_the_line_it_found() {
    let text = "[gateway]\nproxy = \"http://levy:hunter2@proxy:3128\" oops\n";
    let words = fault(text, &[]);
    assert!(words.starts_with("/etc/levy/levy.toml:2: "), "{words}");
    assert!(!words.contains("hunter2"), "{words}");
    let text = format!("{WHOLE}\n[[platform.keys]]\npublic_key = \"x\"\n");
    let words = fault(&text, &[("LEVY_GATEWAY_PROXY", "levy:hunter2@proxy")]);
    assert!(!words.contains("hunter2"), "{words}");
}

#[test]
fn the_standby_host_stands_in_for_wechat_pay_alone() {
    let text = WHOLE
        .replace(
            "base_url = \"https://api.mch.weixin.qq.com\"",
            "base_url = \"http://127.0.0.1:1\"",
        )
        .replace("standby_url = \"https://api2.mch.weixin.qq.com\"", "");
    let connection = loaded(&text, &[]).unwrap().connection().unwrap();
    assert_eq!(connection.standby_url, None);
    let text = WHOLE.replace("standby_url = \"https://api2.mch.weixin.qq.com\"", "");
    let connection = loaded(&text, &[]).unwrap().connection().unwrap();
    assert_eq!(connection.standby_url.as_deref(), Some(STANDBY_URL_DEFAULT));
}

#[test]
fn a_variable_for_a_real_ledger_does_not_lead_a_rehearsal_there() {
    let config = load_for_sandbox(environment(&[
        ("LEVY_LEDGER_URL", "/var/lib/levy.db"),
        ("LEVY_MERCHANT_MCHID", "1900000002"),
        ("LEVY_GATEWAY_PROXY", "http://proxy"),
        ("LEVY_PACE_MAX_IN_FLIGHT", "9"),
        ("LEVY_GATEWAY_TIMEOUT_SECONDS", "3"),
    ]))
    .unwrap();
    assert_eq!(config.ledger.file(), Some(Path::new(LEDGER_DEFAULT)));
    assert_eq!(config.max_in_flight, 9);
    assert_eq!(config.timeout, Duration::from_secs(3));
    assert!(config.caller().is_err());
}

#[test]
fn a_variable_does_not_switch_off_what_the_file_requires() {
    let required = "[batch]\nrequire_approval = true\n";
    let variable = |value| [("LEVY_BATCH_REQUIRE_APPROVAL", value)];
    let refused = fault(required, &variable("false"));
    let words =
        "LEVY_BATCH_REQUIRE_APPROVAL: [batch] require_approval: the settings file says true";
    assert!(refused.starts_with(words), "{refused}");
    assert!(
        loaded(required, &variable("true"))
            .unwrap()
            .require_approval
    );
    for (file, value) in [
        ("", "true"),
        ("[batch]\nrequire_approval = false\n", "true"),
    ] {
        assert!(loaded(file, &variable(value)).unwrap().require_approval);
    }
    assert!(!loaded("", &variable("false")).unwrap().require_approval);
}

#[test]
fn a_ledger_on_a_server_is_shown_without_its_password_and_its_lease_outlasts_what_is_sent() {
    let text = WHOLE.replace("levy.db", "postgres://levy:geheim@db:5433/levy");
    let config = loaded(&text, &[("LEVY_GATEWAY_TIMEOUT_SECONDS", "15")]).unwrap();
    assert_eq!(config.ledger.to_string(), "postgres://db:5433/levy");
    assert_eq!(config.lease, Duration::from_secs(45));
    let shown = format!("{:?}", config.settings);
    assert!(shown.contains("postgres://db:5433/levy"), "{shown}");
    assert!(!shown.contains("geheim"), "{shown}");
    let text = WHOLE.replace("[ledger]", "[ledger]\npassword_file = \"db.password\"");
    let config = loaded(&text, &[]).unwrap();
    let file = config.ledger_password.unwrap();
    assert_eq!(file.path, Path::new("/etc/levy/db.password"));
}
