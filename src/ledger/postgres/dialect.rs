//! The statements' texts as PostgreSQL wants them. What differs in every statement alike is changed
//! here, by rule; what differs in one has a file of its own in `sql/postgres/`.

/// The text of a statement for PostgreSQL.
///
/// - `?1` becomes `$1`.
/// - `CROSS JOIN`, which keeps SQLite's planner to an order, `INDEXED BY` and the `+` of `GROUP BY +` are
///   hints: PostgreSQL plans for itself.
/// - `substr(X, -8)`, the last eight characters, is `right(X, 8)`.
/// - `temp.NAME`, of which each connection to SQLite has its own, are the rows of this stager; `main.` is
///   said nowhere.
/// - `:stager` is this stager's number.
pub(super) fn of_postgres(text: &str, stager: i64) -> String {
    let mut made = String::with_capacity(text.len() + 64);
    for line in text.lines() {
        let code = line.split("--").next().unwrap_or_default();
        made.push_str(code.trim_end());
        made.push('\n');
    }
    let made = made
        .replace('?', "$")
        .replace("CROSS JOIN", "JOIN")
        .replace("GROUP BY +", "GROUP BY ")
        .replace("main.", "")
        .replace(":stager", &stager.to_string());
    own_rows(&with_ends(&without_hints(&made)), stager)
}

/// A text that inserts `VALUES ($1, …)`, for so many rows: their parameters follow each other. What comes after is of
/// all of them.
pub(super) fn for_rows(text: &str, rows: usize) -> String {
    let Some((front, rest)) = text.rsplit_once("VALUES ") else {
        return text.to_owned();
    };
    let (tuple, end) = match rest.find(')') {
        Some(at) => rest.split_at(at + 1),
        None => (rest, ""),
    };
    let columns = tuple.matches('$').count();
    let mut made = String::with_capacity(text.len() + (tuple.len() + 2 * columns) * rows);
    made.push_str(front);
    made.push_str("VALUES ");
    for row in 0..rows {
        if row > 0 {
            made.push_str(", ");
        }
        let mut parts = tuple.split('$');
        made.push_str(parts.next().unwrap_or_default());
        for part in parts {
            let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
            let number: usize = part[..part.len() - rest.len()].parse().unwrap_or_default();
            made.push_str(&format!("${}{rest}", number + row * columns));
        }
    }
    made.push_str(end.trim_end());
    made
}

/// How the rows of a text that inserts `VALUES (7, $1, …)`, and does nothing else, are copied in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub text: String,
    pub fields: Vec<Field>,
}

/// What a column gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// The parameter with this place, from 0.
    Given(usize),
    /// This in every row.
    Is(i64),
}

/// None where it does more than that.
pub(super) fn copied(text: &str) -> Option<Copied> {
    let (table, rest) = text.trim().strip_prefix("INSERT INTO ")?.split_once('(')?;
    let (columns, rest) = rest.split_once(')')?;
    let tuple = rest.trim().strip_prefix("VALUES (")?.strip_suffix(')')?;
    let field = |item: &str| match item.strip_prefix('$') {
        Some(number) => number
            .parse::<usize>()
            .ok()?
            .checked_sub(1)
            .map(Field::Given),
        None => item.parse().ok().map(Field::Is),
    };
    let fields = tuple.split(',').map(|item| field(item.trim()));
    Some(Copied {
        text: format!("COPY {table}({columns}) FROM STDIN (FORMAT binary)"),
        fields: fields.collect::<Option<_>>()?,
    })
}

fn without_hints(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut parts = text.split(" INDEXED BY ");
    made.push_str(parts.next().unwrap_or_default());
    for part in parts {
        made.push_str(part.trim_start_matches(is_name));
    }
    made
}

fn with_ends(text: &str) -> String {
    let mut made = String::with_capacity(text.len());
    let mut parts = text.split("substr(");
    made.push_str(parts.next().unwrap_or_default());
    for part in parts {
        match part.split_once(", -8)") {
            Some((of, rest)) if !of.contains('(') => {
                made.push_str(&format!("right({of}, 8){rest}"))
            }
            Some(_) | None => made.push_str(&format!("substr({part}")),
        }
    }
    made
}

fn own_rows(text: &str, stager: i64) -> String {
    let mut made = String::with_capacity(text.len() + 128);
    let mut parts = text.split("temp.");
    made.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let rest = part.trim_start_matches(is_name);
        let name = &part[..part.len() - rest.len()];
        made.push_str(&format!("(SELECT * FROM {name} WHERE stager = {stager})"));
        if !rest.starts_with(" AS ") {
            made.push_str(&format!(" AS {name}"));
        }
        made.push_str(rest);
    }
    made
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::{Copied, Field, copied, for_rows, of_postgres};

    #[test]
    fn what_only_inserts_is_copied_in() {
        let made = copied("INSERT INTO a (b, c,\n d) VALUES (7, $2,\n$1)\n");
        let want = Copied {
            text: "COPY a (b, c,\n d) FROM STDIN (FORMAT binary)".into(),
            fields: vec![Field::Is(7), Field::Given(1), Field::Given(0)],
        };
        assert_eq!(made, Some(want));
        for other in [
            "INSERT INTO a (b) VALUES ($1) ON CONFLICT (b) DO NOTHING",
            "INSERT INTO a (b) VALUES (upper($1))",
            "INSERT INTO a (b) SELECT $1",
            "UPDATE a SET b = $1",
        ] {
            assert_eq!(copied(other), None, "{other}");
        }
    }

    #[test]
    fn a_row_is_inserted_many_times_by_one_text() {
        let one = "INSERT INTO a (b, c, d) VALUES (7, $1,\n$2)\n";
        let three = "INSERT INTO a (b, c, d) VALUES (7, $1,\n$2), (7, $3,\n$4), (7, $5,\n$6)";
        assert_eq!(for_rows(one, 3), three);
        assert_eq!(for_rows(one, 1), one.trim_end());
        let or =
            "INSERT INTO a (b, c) VALUES ($1, $2)\nON CONFLICT (b) DO UPDATE SET c = excluded.c\n";
        let two = "INSERT INTO a (b, c) VALUES ($1, $2), ($3, $4)\nON CONFLICT (b) DO UPDATE SET c = excluded.c";
        assert_eq!(for_rows(or, 2), two);
    }

    #[test]
    fn a_text_is_changed_by_rule() {
        let cases = [
            ("SELECT ?1, ?12 -- why?", "SELECT $1, $12\n"),
            (
                "FROM a CROSS JOIN b ON b.x = a.x",
                "FROM a JOIN b ON b.x = a.x\n",
            ),
            (
                "FROM a AS r INDEXED BY one_of_a\nWHERE",
                "FROM a AS r\nWHERE\n",
            ),
            ("GROUP BY +a.x", "GROUP BY a.x\n"),
            (
                "substr(a.x, -8) = substr(y, 1, 8)",
                "right(a.x, 8) = substr(y, 1, 8)\n",
            ),
            (
                "FROM temp.staged WHERE x",
                "FROM (SELECT * FROM staged WHERE stager = 7) AS staged WHERE x\n",
            ),
            (
                "FROM temp.staged AS s",
                "FROM (SELECT * FROM staged WHERE stager = 7) AS s\n",
            ),
            ("SELECT 1 FROM main.orders", "SELECT 1 FROM orders\n"),
            ("stager = :stager", "stager = 7\n"),
        ];
        for (ours, theirs) in cases {
            assert_eq!(of_postgres(ours, 7), theirs);
        }
    }
}
