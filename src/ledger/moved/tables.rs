//! The tables of a ledger as a move copies them: every column, in an order in which each row finds what it
//! refers to.

use std::sync::LazyLock;

use crate::ledger::database::Statement;

/// Values that a statement takes at once.
const VALUES_AT_ONCE: usize = 2_000;

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Int,
    Text,
    Blob,
}

use Kind::{Blob, Int, Text};

/// A table.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    /// The first ones are its key.
    pub columns: &'static [(&'static str, Kind)],
    /// Columns that refer to rows which come later: they are filled in at the end. The table's key is one
    /// number then.
    pub late: &'static [&'static str],
}

/// All that are copied. `meta` is settled apart; stagings, tokens and leases belong to a place, not to the
/// books.
pub(super) const TABLES: &[Table] = &[
    Table {
        name: "run",
        columns: &[("run_id", Int), ("started_at_ms", Int)],
        late: &[],
    },
    Table {
        name: "batch",
        columns: &[
            ("batch_id", Int),
            ("digest", Blob),
            ("file", Text),
            ("header", Text),
            ("delimiter", Int),
            ("row_count", Int),
            ("accepted_at_ms", Int),
        ],
        late: &[],
    },
    Table {
        name: "deduction",
        columns: &[("deduction_id", Int), ("superseded_by", Int)],
        late: &["superseded_by"],
    },
    Table {
        name: "batch_row",
        columns: &[
            ("batch_id", Int),
            ("ordinal", Int),
            ("line", Int),
            ("cells", Text),
            ("amount_fen", Int),
            ("kind", Text),
            ("deduction_id", Int),
            ("repeat_of_batch", Int),
            ("repeat_of_line", Int),
            ("note", Text),
            ("came_back_as", Text),
            ("reissues", Text),
            ("undecided", Blob),
        ],
        late: &[],
    },
    Table {
        name: "orders",
        columns: &[
            ("order_id", Int),
            ("out_request_no", Text),
            ("deduction_id", Int),
            ("generation", Int),
            ("batch_id", Int),
            ("ordinal", Int),
            ("merchant", Text),
            ("account", Text),
            ("reduction_type", Text),
            ("amount_fen", Int),
            ("reason", Text),
            ("card_no", Text),
            ("sgn_no", Text),
            ("req_scene", Text),
            ("content_digest", Blob),
            ("hold_key", Blob),
            ("state", Text),
            ("weak", Text),
            ("attempts", Int),
            ("maybe_accepted", Int),
            ("proof_runs", Int),
            ("alerts", Int),
            ("first_sent_at_ms", Int),
            ("settled_at_ms", Int),
            ("created_at_ms", Int),
            ("held_by", Int),
            ("frozen_by_batch", Int),
            ("frozen_by_ordinal", Int),
            ("shown_attempt", Int),
            ("resolved_as", Text),
            ("past", Text),
        ],
        late: &["held_by", "shown_attempt"],
    },
    Table {
        name: "attempt",
        columns: &[
            ("attempt_id", Int),
            ("order_id", Int),
            ("run_id", Int),
            ("asked", Text),
            ("claimed_at_ms", Int),
            ("state_before", Text),
            ("link", Blob),
        ],
        late: &[],
    },
    Table {
        name: "reply",
        columns: &[
            ("attempt_id", Int),
            ("at_ms", Int),
            ("latency_ms", Int),
            ("trust", Text),
            ("maybe_accepted", Int),
            ("meaning", Text),
            ("http_status", Int),
            ("code", Text),
            ("message", Text),
            ("request_id", Text),
            ("signed_at_ms", Int),
            ("state", Text),
            ("fail_reason", Text),
            ("quota_change_no", Text),
            ("success_time", Text),
            ("fail_time", Text),
            ("alert", Text),
            ("entry_no", Int),
            ("link", Blob),
        ],
        late: &[],
    },
    Table {
        name: "decision",
        columns: &[
            ("decision_id", Int),
            ("kind", Text),
            ("order_id", Int),
            ("by_first", Text),
            ("by_second", Text),
            ("at_ms", Int),
            ("words", Text),
            ("since_ms", Int),
        ],
        late: &[],
    },
    Table {
        name: "decision_link",
        columns: &[("decision_id", Int), ("entry_no", Int), ("link", Blob)],
        late: &[],
    },
    Table {
        name: "lane_head",
        columns: &[("lane", Text), ("entries", Int), ("link", Blob)],
        late: &[],
    },
    Table {
        name: "failed_file",
        columns: &[("digest", Blob)],
        late: &[],
    },
    Table {
        name: "plan",
        columns: &[
            ("plan_id", Int),
            ("digest", Blob),
            ("file", Text),
            ("path", Text),
            ("row_count", Int),
            ("orders", Int),
            ("held", Int),
            ("repeats", Int),
            ("conflicts", Int),
            ("invalid", Int),
            ("penalty_orders", Int),
            ("penalty_fen", Int),
            ("judicial_orders", Int),
            ("judicial_fen", Int),
            ("held_fen", Int),
            ("orders_digest", Blob),
            ("made_by", Text),
            ("made_at_ms", Int),
            ("hold_days", Int),
            ("encoding", Text),
            ("accept_digits", Int),
            ("reissues", Int),
            ("reissue_fen", Int),
        ],
        late: &[],
    },
    Table {
        name: "plan_run",
        columns: &[("plan_id", Int), ("batch_id", Int)],
        late: &[],
    },
    Table {
        name: "approval",
        columns: &[
            ("plan_id", Int),
            ("made_by", Text),
            ("approved_by", Text),
            ("at_ms", Int),
            ("words", Text),
            ("entry_no", Int),
            ("link", Blob),
        ],
        late: &[],
    },
    Table {
        name: "handed",
        columns: &[("batch_id", Int), ("until_order_id", Int), ("at_ms", Int)],
        late: &[],
    },
];

/// A table's statements, made once.
pub(super) struct Statements {
    pub table: &'static Table,
    /// All rows by key, every column.
    pub read: &'static Statement,
    /// Whether it has a row.
    pub any: &'static Statement,
    /// Takes all its rows away.
    pub clear: &'static Statement,
    /// Rows that are inserted at once.
    pub rows_at_once: usize,
    pub insert_many: &'static Statement,
    pub insert_one: &'static Statement,
    pub late: Vec<Late>,
}

/// A column that is filled in at the end.
pub(super) struct Late {
    /// Key and value, where there is one.
    pub read: &'static Statement,
    pub rows_at_once: usize,
    pub fill_many: &'static Statement,
    pub fill_one: &'static Statement,
}

/// The statements of each table of [`TABLES`].
pub(super) static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| TABLES.iter().map(statements).collect());

fn statements(table: &'static Table) -> Statements {
    let name = table.name;
    let columns: Vec<&str> = table.columns.iter().map(|(column, _)| *column).collect();
    let listed = columns.join(", ");
    let width = columns.len();
    let rows_at_once = VALUES_AT_ONCE / width;
    let insert = |rows: usize| {
        let text = format!(
            "INSERT INTO {name} ({listed}) VALUES {}",
            rows_of(rows, width)
        );
        made(format!("move_{name}_{rows}"), text)
    };
    let key = columns[0];
    let late = |column: &&'static str| {
        let rows_at_once = VALUES_AT_ONCE / 2;
        let fill = |rows: usize| {
            let text = format!(
                "UPDATE {name} SET {column} = late.column2 FROM (VALUES {}) AS late \
                 WHERE {key} = late.column1",
                rows_of(rows, 2)
            );
            made(format!("move_{name}_{column}_{rows}"), text)
        };
        Late {
            read: made(
                format!("move_{name}_{column}"),
                format!("SELECT {key}, {column} FROM {name} WHERE {column} IS NOT NULL"),
            ),
            rows_at_once,
            fill_many: fill(rows_at_once),
            fill_one: fill(1),
        }
    };
    let order: Vec<String> = (1..=width.min(2)).map(|place| place.to_string()).collect();
    Statements {
        table,
        read: made(
            format!("move_{name}"),
            format!("SELECT {listed} FROM {name} ORDER BY {}", order.join(", ")),
        ),
        any: made(
            format!("move_{name}_any"),
            format!("SELECT 1 FROM {name} LIMIT 1"),
        ),
        clear: made(format!("move_{name}_clear"), format!("DELETE FROM {name}")),
        rows_at_once,
        insert_many: insert(rows_at_once),
        insert_one: insert(1),
        late: table.late.iter().map(late).collect(),
    }
}

/// `(?1, ?2), (?3, ?4)`.
fn rows_of(rows: usize, width: usize) -> String {
    let row = |row: usize| {
        let values: Vec<String> = (1..=width)
            .map(|value| format!("?{}", row * width + value))
            .collect();
        format!("({})", values.join(", "))
    };
    (0..rows).map(row).collect::<Vec<String>>().join(", ")
}

/// One text for both engines, kept for good: there are a few dozen.
fn made(name: String, text: String) -> &'static Statement {
    let text: &'static str = text.leak();
    Box::leak(Box::new(Statement {
        name: name.leak(),
        sqlite: text,
        postgres: text,
    }))
}
