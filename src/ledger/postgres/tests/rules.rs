//! The ledger's rules in the database: what is found when somebody has taken one away, or put one there.

use super::{Books, Route, Server};
use crate::ledger::postgres::{Isolation, PostgresLedger};

fn books() -> Books {
    Books::new(Route::Direct, Isolation::ReadCommitted)
}

#[test]
fn a_rule_that_was_taken_away_is_found() {
    let books = books();
    for (done, name) in [
        (
            "ALTER TABLE levy.orders DISABLE TRIGGER orders_stay",
            "orders_stay",
        ),
        (
            "ALTER TABLE levy.attempt DROP CONSTRAINT attempt_asked",
            "attempt_asked",
        ),
        ("DROP INDEX levy.orders_one_alive", "orders_one_alive"),
        (
            "CREATE OR REPLACE FUNCTION levy.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
            "refuse",
        ),
        (
            "ALTER TABLE levy.reply DROP CONSTRAINT reply_trust; ALTER TABLE levy.reply ADD CONSTRAINT \
             reply_trust CHECK (true)",
            "reply_trust",
        ),
        (
            "DROP INDEX levy.orders_called_dead; CREATE INDEX orders_called_dead ON levy.orders (order_id)",
            "orders_called_dead",
        ),
        (
            "DROP TRIGGER orders_final_never_changes ON levy.orders; CREATE TRIGGER orders_final_never_changes \
             BEFORE UPDATE OF ordinal ON levy.orders FOR EACH ROW EXECUTE FUNCTION levy.refuse('no')",
            "orders_final_never_changes",
        ),
        ("ALTER TABLE levy.failed_file SET UNLOGGED", "failed_file"),
        ("ALTER TABLE levy.orders ALTER weak DROP NOT NULL", "orders"),
        (
            "CREATE OR REPLACE VIEW levy.came_in AS SELECT order_id, created_at_ms AS by_ms FROM levy.orders",
            "came_in",
        ),
    ] {
        Server::get().execute(&books.database, done);
        let wrong = books.postgres().verify().unwrap();
        let words = format!("the rule {name} of the ledger's tables is missing or was changed");
        assert!(wrong.contains(&words), "{wrong:?}");
    }
}

#[test]
fn a_rule_that_is_not_levys_is_found() {
    let books = books();
    let done = "CREATE RULE nothing AS ON UPDATE TO levy.orders DO INSTEAD NOTHING";
    Server::get().execute(&books.database, done);
    let wrong = books.postgres().verify().unwrap();
    let words = "the ledger's tables have a rule nothing that is not levy's";
    assert_eq!(wrong, [words]);
}

/// A role that may make no schema compares by name.
#[test]
fn a_role_that_may_not_make_tables_verifies_all_the_same() {
    let books = books();
    let name = &books.database;
    let server = Server::get();
    let made = format!(
        "DROP ROLE IF EXISTS reads_{name}; CREATE ROLE reads_{name} LOGIN; GRANT USAGE ON SCHEMA levy TO \
         reads_{name}; GRANT SELECT ON ALL TABLES IN SCHEMA levy TO reads_{name}"
    );
    server.execute(name, &made);
    let mut options = books.options();
    options.url = options
        .url
        .replace("postgres://levy@", &format!("postgres://reads_{name}@"));
    let mut reader = PostgresLedger::open(&options).unwrap();
    assert_eq!(reader.verify().unwrap(), Vec::<String>::new());
    server.execute(
        name,
        "ALTER TABLE levy.orders DROP CONSTRAINT orders_amount",
    );
    let wrong = reader.verify().unwrap();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].contains("orders_amount"), "{wrong:?}");
    drop(reader);
    server.execute(
        name,
        &format!("DROP OWNED BY reads_{name}; DROP ROLE reads_{name}"),
    );
}

#[test]
fn what_cannot_be_read_is_one_finding() {
    let books = books();
    let done = "ALTER TABLE levy.reply RENAME COLUMN meaning TO meant";
    Server::get().execute(&books.database, done);
    let wrong = books.postgres().verify().unwrap();
    assert!(wrong[0].contains("meaning"), "{wrong:?}");
    assert!(
        !wrong.iter().any(|wrong| wrong.contains("25P02")),
        "{wrong:?}"
    );
    assert!(wrong.last().unwrap().contains("not looked at"), "{wrong:?}");
}

#[test]
fn no_table_of_the_journal_can_be_emptied() {
    let books = books();
    let server = Server::get();
    for table in [
        "orders",
        "batch_row",
        "attempt",
        "reply",
        "decision",
        "decision_link",
        "lane_head",
    ] {
        let failed = server.try_execute(&books.database, &format!("TRUNCATE levy.{table} CASCADE"));
        assert!(failed.is_err(), "{table}");
    }
}
