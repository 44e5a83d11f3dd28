//! `levy keys fetch`, and the night on which the platform's keys rotate.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::live::Gateway;
use super::{Desk, row};

fn boxed(options: &[&str]) -> (Desk, Gateway) {
    let desk = Desk::new();
    let gateway = Gateway::start_with(&desk, options);
    (desk, gateway)
}

/// The settings that the gateway wrote, with another `[platform]`.
fn with_platform(desk: &Desk, platform: &str) {
    let old = desk.read("box/levy.toml");
    let (before, rest) = old.split_once("[platform]").unwrap();
    let (_, after) = rest.split_once("[gateway]").unwrap();
    desk.write(
        "box/mine.toml",
        &format!("{before}{platform}[gateway]{after}"),
    );
}

const FETCH: &[&str] = &["keys", "fetch", "--config", "box/mine.toml"];

fn stored(desk: &Desk) -> Vec<String> {
    let names = fs::read_dir(desk.path("box")).unwrap();
    let mut names: Vec<String> = names
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("wechatpay_") || name.contains(".tmp"))
        .collect();
    names.sort();
    names
}

fn serial(desk: &Desk, file: &str) -> String {
    let pem = fs::read(desk.path(file)).unwrap();
    let part = levy::gateway::KeyPart::PlatformCertificate;
    levy::gateway::certificate(part, &pem).unwrap().serial
}

#[test]
fn the_first_certificate_is_believed_because_it_opens_under_the_api_v3_key() {
    let (desk, _gateway) = boxed(&[]);
    with_platform(&desk, "");
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 0, "{}", said.err);
    let serial = serial(&desk, "box/keys/platform_cert.pem");
    let name = format!("wechatpay_{serial}.pem");
    assert_eq!(stored(&desk), [name.as_str()]);
    assert_eq!(said.out, format!("[platform]\ncertificate = \"{name}\"\n"));
    assert!(
        said.err
            .contains("a certificate of its own, opened under the APIv3 key"),
        "{}",
        said.err
    );
    let file = desk.path(&format!("box/{name}"));
    assert_eq!(
        fs::metadata(&file).unwrap().permissions().mode() & 0o777,
        0o644
    );
    assert_eq!(
        fs::read(&file).unwrap(),
        fs::read(desk.path("box/keys/platform_cert.pem")).unwrap()
    );
    // The printed lines are all that was missing: a whole night runs with them.
    with_platform(&desk, &said.out);
    desk.batch("night.csv", &[row("N1", "12345", "case 1")]);
    let run = [
        "run",
        "night.csv",
        "--config",
        "box/mine.toml",
        "--create-ledger",
        "--yes",
    ];
    let done = desk.levy(&run);
    assert_eq!(done.exit, 0, "{}", done.err);
    // Again: nothing new, and the answer is checked under the key that is held now.
    let again = desk.levy(FETCH);
    assert_eq!((again.exit, again.out.as_str()), (0, ""), "{}", again.err);
    assert!(
        again
            .err
            .contains("verifies under a key that is configured"),
        "{}",
        again.err
    );
    assert!(again.err.contains("was there already"), "{}", again.err);
}

#[test]
fn with_a_public_key_held_the_certificates_come_beside_it() {
    let (desk, _gateway) = boxed(&["--rotation", "announced"]);
    let public = desk.read("box/levy.toml");
    let (_, rest) = public.split_once("[platform]").unwrap();
    let (platform, _) = rest.split_once("[gateway]").unwrap();
    with_platform(&desk, &format!("[platform]{platform}"));
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 0, "{}", said.err);
    assert!(
        said.err.contains("verifies under a key that is configured"),
        "{}",
        said.err
    );
    assert_eq!(stored(&desk).len(), 2);
    assert_eq!(
        said.out.matches("[[platform.keys]]").count(),
        2,
        "{}",
        said.out
    );
    with_platform(&desk, &format!("[platform]{platform}{}", said.out));
    let well = desk.levy(&["doctor", "--offline", "--config", "box/mine.toml"]);
    assert_eq!(
        well.out.matches("ok    platform key: ").count(),
        3,
        "{}",
        well.out
    );
}

#[test]
fn on_the_night_of_a_rotation_replies_under_the_new_certificate_are_fetched_and_then_verify() {
    let (desk, _gateway) = boxed(&["--rotation", "signing"]);
    let old = serial(&desk, "box/keys/platform_cert.pem");
    let new = serial(&desk, "box/keys/platform_next_cert.pem");
    with_platform(
        &desk,
        "[platform]\ncertificate = \"keys/platform_cert.pem\"\n",
    );
    desk.batch("night.csv", &[row("N1", "12345", "case 1")]);
    let run = [
        "run",
        "night.csv",
        "--config",
        "box/mine.toml",
        "--yes",
        "--wait",
        "1",
    ];
    let well = desk.levy(&["doctor", "--config", "box/mine.toml"]);
    let names = format!("signed with the key {new}, and held is {old}: `levy keys fetch`");
    assert!(well.out.contains(&names), "{}", well.out);
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 0, "{}", said.err);
    let lines = format!("[[platform.keys]]\ncertificate = \"wechatpay_{new}.pem\"\n");
    assert_eq!(said.out, lines, "{}", said.err);
    // Requests still name and seal under the old one; replies come under the new one.
    with_platform(
        &desk,
        &format!("[platform]\ncertificate = \"keys/platform_cert.pem\"\n{lines}"),
    );
    let both = desk.levy(&[&run[..], &["--create-ledger"]].concat());
    assert_eq!(both.exit, 0, "{}", both.err);
    // Last, the new one seals and is named.
    with_platform(
        &desk,
        &format!("[platform]\ncertificate = \"wechatpay_{new}.pem\"\n"),
    );
    desk.batch("next.csv", &[row("N2", "12346", "case 2")]);
    let done = desk.levy(&["run", "next.csv", "--config", "box/mine.toml", "--yes"]);
    assert_eq!(done.exit, 0, "{}", done.err);
}

#[test]
fn nothing_is_stored_that_is_not_believed() {
    let (desk, _gateway) = boxed(&[]);
    with_platform(&desk, "");
    let key = desk.read("box/keys/apiv3_key.txt");
    // Another APIv3 key: nothing opens.
    desk.write("box/keys/apiv3_key.txt", &"x".repeat(32));
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err.contains("does not open under the APIv3 key"),
        "{}",
        said.err
    );
    desk.write("box/keys/apiv3_key.txt", &key);
    // None at all.
    let without = desk.read("box/mine.toml");
    let without: Vec<&str> = without
        .lines()
        .filter(|l| !l.starts_with("api_v3"))
        .collect();
    desk.write("box/none.toml", &without.join("\n"));
    let said = desk.levy(&["keys", "fetch", "--config", "box/none.toml"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err
            .contains("[merchant] api_v3_key_file: must name a file"),
        "{}",
        said.err
    );
    // A public key that is not the gateway's: the answer does not verify under what is held.
    let id = desk.read("box/levy.toml");
    let id = id.lines().find(|l| l.starts_with("public_key_id")).unwrap();
    let other = format!(
        "{}/fixtures/keys/platform_pub.spki.pem",
        env!("CARGO_MANIFEST_DIR")
    );
    with_platform(
        &desk,
        &format!("[platform]\n{id}\npublic_key = {other:?}\n"),
    );
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert!(
        said.err.contains("not believed, and nothing stored"),
        "{}",
        said.err
    );
    assert_eq!(stored(&desk), Vec::<String>::new());
    // The example's [platform], before there is any key.
    with_platform(
        &desk,
        &format!("[platform]\n{id}\npublic_key = \"nowhere.pem\"\n"),
    );
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(
        said.err
            .contains("for a first download leave [platform] empty"),
        "{}",
        said.err
    );
    // A file of that name that is another thing is left alone.
    with_platform(&desk, "");
    let serial = serial(&desk, "box/keys/platform_cert.pem");
    let name = format!("box/wechatpay_{serial}.pem");
    desk.write(&name, "mine");
    let said = desk.levy(FETCH);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(said.err.contains("left alone"), "{}", said.err);
    assert_eq!(desk.read(&name), "mine");
}

#[test]
fn a_gateway_that_is_not_there_is_exit_4_and_a_wrong_caller_exit_2() {
    let (desk, _gateway) = boxed(&[]);
    with_platform(&desk, "");
    let settings = desk.read("box/mine.toml");
    let gone: Vec<String> = settings
        .lines()
        .map(|l| match l.starts_with("base_url") {
            true => "base_url = \"http://127.0.0.1:1\"".into(),
            false => l.to_owned(),
        })
        .collect();
    desk.write("box/gone.toml", &gone.join("\n"));
    let said = desk.levy(&["keys", "fetch", "--config", "box/gone.toml"]);
    assert_eq!(said.exit, 4, "{}", said.err);
    assert!(
        said.err.contains("GET /v3/certificates: no connection: "),
        "{}",
        said.err
    );
    let other = settings.replace("1900000001", "1900000002");
    desk.write("box/other.toml", &other);
    let said = desk.levy(&["keys", "fetch", "--config", "box/other.toml"]);
    assert_eq!(said.exit, 2, "{}", said.err);
    assert!(said.err.contains("401 SIGN_ERROR"), "{}", said.err);
}

#[test]
fn l8_secrets_come_from_the_services_credentials_and_stand_in_no_word() {
    let (desk, _gateway) = boxed(&[]);
    let old = desk.read("box/levy.toml");
    let api = desk.read("box/keys/apiv3_key.txt");
    let credentials = desk.path("credentials");
    fs::create_dir(&credentials).unwrap();
    for name in ["apiclient_key.pem", "apiv3_key.txt"] {
        let to = credentials.join(name);
        fs::copy(desk.path(&format!("box/keys/{name}")), &to).unwrap();
        // As systemd shows the mask of its access control list.
        fs::set_permissions(&to, fs::Permissions::from_mode(0o440)).unwrap();
    }
    let bare: Vec<String> = old
        .lines()
        .map(|line| match line.split_once(" = ") {
            Some(("private_key", _)) => "private_key = \"apiclient_key.pem\"".into(),
            Some(("api_v3_key_file", _)) => "api_v3_key_file = \"apiv3_key.txt\"".into(),
            _ => line.to_owned(),
        })
        .collect();
    desk.write("box/mine.toml", &bare.join("\n"));
    let variables = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let mut said = String::new();
    for args in [
        FETCH,
        &["doctor", "--config", "box/mine.toml"],
        &["doctor", "--json", "--config", "box/mine.toml"],
    ] {
        let one = desk.levy_with(args, &variables);
        said.push_str(&format!("{}{}", one.out, one.err));
        if args == FETCH {
            assert_eq!(one.exit, 0, "{}", one.err);
        }
    }
    assert!(
        said.contains("mode 0440, from $CREDENTIALS_DIRECTORY"),
        "{said}"
    );
    assert!(!said.contains(&api), "the APIv3 key");
    for line in desk
        .read("box/keys/apiclient_key.pem")
        .lines()
        .filter(|l| l.len() == 64)
    {
        assert!(!said.contains(line), "a line of a key");
    }
    // Without the variable there is no such file.
    let none = desk.levy(FETCH);
    assert_eq!(none.exit, 2);
    assert!(none.err.contains("no such file"), "{}", none.err);
}
