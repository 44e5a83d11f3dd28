//! The way to the server: encrypted, and to nobody but the server that is meant.

use levy::sandbox::Options;

use super::house::{House, rows};
use super::server::{HOST, Server, TLS_ONLY};

#[test]
fn l8_a_private_authority_is_trusted_where_it_is_named_and_nobody_else() {
    let server = Server::get();
    server
        .ask("postgres", &format!("CREATE DATABASE {TLS_ONLY}"))
        .unwrap();
    let url = server.tls_url(HOST, "ca.pem");
    let house = House::at(TLS_ONLY.into(), url.clone(), Options::default());
    house.file("night.csv", &rows("N", 5, 1));
    // No word of the way, or any that wants it encrypted: it is, and checked to the name.
    house.ends(0, &["init"]);
    for mode in ["require", "verify-ca", "verify-full"] {
        house.ends(0, &["status", "--ledger", &format!("{url}&sslmode={mode}")]);
    }
    let said = house.ends(0, &["doctor", "--offline"]);
    assert!(
        said.out.contains("its certificate and name are checked"),
        "{said:?}"
    );
    house.ends(0, &["run", "night.csv", "--yes"]);
    assert_eq!(house.debited(), 5);
    // The server itself lets nobody in otherwise.
    let said = house.ends(
        1,
        &["status", "--ledger", &format!("{url}&sslmode=disable")],
    );
    assert!(said.err.contains("pg_hba.conf"), "{said:?}");
    // A password never goes where the way is not known to be encrypted.
    let said = house.ends(2, &["status", "--ledger", &format!("{url}&sslmode=prefer")]);
    assert!(said.err.contains("sslmode leaves open"), "{said:?}");
    let of_the_system = url.split("&sslrootcert").next().unwrap().to_owned();
    let elsewhere = "other.bank.example";
    for (url, why) in [
        (server.tls_url(HOST, "other.pem"), "UnknownIssuer"),
        (of_the_system, "sslrootcert="),
        (server.tls_url(elsewhere, "ca.pem"), "not valid for name"),
        (
            format!("{}&sslmode=require", server.tls_url(elsewhere, "ca.pem")),
            "not valid for name",
        ),
        (
            server.plain_url_of_another_host(),
            "server does not support TLS",
        ),
    ] {
        for command in [&["status"][..], &["run", "night.csv", "--yes"]] {
            let said = house.levy(&[command, &["--ledger", &url]].concat());
            assert!(matches!(said.exit, 1 | 2), "{said:?}");
            assert!(said.err.contains(why), "{why}: {said:?}");
        }
    }
    assert_eq!(house.arrivals().len(), 5);
}

#[test]
fn who_names_what_is_not_there_is_told_what_to_do() {
    let house = House::new();
    let server = Server::get();
    let nowhere = server.url("nowhere");
    let said = house.ends(1, &["status", "--ledger", &nowhere]);
    assert!(
        said.err.contains("\"nowhere\" does not exist") && said.err.contains("createdb"),
        "{said:?}"
    );
    // What levy proposes needs no ledger that the settings name, and so no user.
    house.ends(0, &["init"]);
    house.file("night.csv", &rows("N", 2, 1));
    let said = house.ends(0, &["plan", "night.csv", "--by", "Li Wei"]);
    assert!(
        said.out.contains("levy run --plan 1") && !said.out.contains("levy@"),
        "{said:?}"
    );
}
