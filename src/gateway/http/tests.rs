use super::*;
use crate::clock::SystemClock;
use crate::gateway::fixtures::{ACCOUNT, file, order, platform, signer};

fn settings(base_url: &str) -> Settings {
    Settings {
        base_url: base_url.into(),
        standby_url: None,
        timeout: Duration::from_secs(10),
        proxy: None,
        ca_pem: Some(file("keys/platform_cert.pem")),
        idle_connections_max_per_host: 8,
    }
}

fn client(settings: Settings) -> Result<Client, SettingsFault> {
    Client::new(
        settings,
        signer(),
        platform(),
        Arc::new(SystemClock::default()),
    )
}

#[test]
fn an_address_is_a_scheme_and_a_host_and_plain_http_stays_on_the_machine() {
    for (url, expected) in [
        (
            "https://api.mch.weixin.qq.com",
            Some("https://api.mch.weixin.qq.com"),
        ),
        (
            " https://API.mch.weixin.qq.com/ ",
            Some("https://api.mch.weixin.qq.com"),
        ),
        (
            "https://api.mch.weixin.qq.com:443",
            Some("https://api.mch.weixin.qq.com"),
        ),
        ("https://10.0.0.1:8443", Some("https://10.0.0.1:8443")),
        ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080")),
        ("http://127.9.9.9", Some("http://127.9.9.9")),
        ("http://[::1]:8080/", Some("http://[::1]:8080")),
        ("http://LOCALHOST:1", Some("http://localhost:1")),
        ("http://10.0.0.1", None),
        ("http://0.0.0.0", None),
        ("http://[::2]", None),
        ("http://api.mch.weixin.qq.com", None),
        ("http://localhost.example.com", None),
        ("http://127.0.0.1.example.com", None),
        ("https://host/prefix", None),
        ("https://host//", None),
        ("https://host/?a=b", None),
        ("https://host/#a", None),
        ("https://user:hunter2@host", None),
        ("http://127.0.0.1@evil.example.com", None),
        ("ftp://host", None),
        ("unix:/run/x", None),
        ("api.mch.weixin.qq.com", None),
        ("", None),
    ] {
        match origin("gateway.base_url", url) {
            Ok(found) => assert_eq!(Some(&*found), expected, "{url}"),
            Err(fault) => {
                assert_eq!(expected, None, "{url}: {fault}");
                assert!(!fault.to_string().contains("hunter2"), "{fault}");
            }
        }
    }
}

#[test]
fn a_setting_that_cannot_be_used_is_named() {
    type Change = fn(&mut Settings);
    let cases: [(&str, Change); 8] = [
        ("gateway.base_url", |s| {
            s.base_url = "http://example.com".into()
        }),
        ("gateway.standby_url", |s| {
            s.standby_url = Some("http://example.com".into())
        }),
        ("gateway.timeout_seconds", |s| s.timeout = Duration::ZERO),
        ("gateway.timeout_seconds", |s| {
            s.timeout = Duration::from_secs(61)
        }),
        ("gateway.proxy", |s| {
            s.proxy = Some("http://u:hunter2@ex ample".into())
        }),
        ("gateway.proxy", |s| {
            s.base_url = "http://127.0.0.1:1".into();
            s.proxy = Some("http://u:hunter2@127.0.0.1:2".into());
        }),
        ("gateway.ca_file", |s| s.ca_pem = Some(b"no PEM".to_vec())),
        ("gateway.ca_file", |s| {
            s.ca_pem = Some(file("keys/platform_key.pem"))
        }),
    ];
    for (setting, change) in cases {
        let mut settings = settings("https://api.mch.weixin.qq.com");
        change(&mut settings);
        let fault = client(settings).unwrap_err();
        assert_eq!(fault.setting, setting, "{fault}");
        assert!(!fault.to_string().contains("hunter2"), "{fault}");
    }
    let mut good = settings("https://api.mch.weixin.qq.com");
    good.proxy = Some("http://u:hunter2@127.0.0.1:2".into());
    assert!(!client(good).unwrap().has_standby());
}

#[test]
fn a_client_on_loopback_needs_no_certificates() {
    let mut plain = settings("http://127.0.0.1:1");
    plain.ca_pem = None;
    plain.standby_url = Some("http://[::1]:1".into());
    assert!(client(plain).unwrap().has_standby());
}

#[test]
fn l8_settings_and_client_print_no_secret() {
    let mut settings = settings("https://u:hunter2@api.mch.weixin.qq.com");
    settings.standby_url = Some("https://u:hunter2@api2.mch.weixin.qq.com".into());
    settings.proxy = Some("http://u:hunter2@127.0.0.1:2".into());
    let shown = format!("{settings:?} {settings:#?}");
    assert!(
        shown.contains("api2.mch") && !shown.contains("hunter2"),
        "{shown}"
    );
    settings.base_url = "https://api.mch.weixin.qq.com".into();
    settings.standby_url = None;
    let client = client(settings).unwrap();
    client.protocol.submission(&order());
    let shown = format!("{client:?} {client:#?}");
    assert!(shown.contains("1900007291"), "{shown}");
    assert!(
        !shown.contains("hunter2") && !shown.contains(ACCOUNT),
        "{shown}"
    );
}
