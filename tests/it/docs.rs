//! The documents agree with the code.

use std::collections::BTreeSet;

use levy::order::{Asked, Event, State};

fn page(name: &str) -> String {
    let path = format!("{}/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Every event, with the word that the page has for it.
fn events() -> Vec<(String, Event)> {
    let mut events = vec![
        (
            "claim of a submission".to_owned(),
            Event::Claimed(Asked::Submission),
        ),
        ("claim of a query".to_owned(), Event::Claimed(Asked::Query)),
        ("succeeded".to_owned(), Event::Succeeded),
        ("failed".to_owned(), Event::Failed { closed: false }),
        (
            "failed for want of balance".to_owned(),
            Event::Failed { closed: true },
        ),
        ("accepted".to_owned(), Event::Accepted),
        ("close claimed".to_owned(), Event::CloseClaimed),
        ("refused".to_owned(), Event::Refused),
        ("unsettled".to_owned(), Event::Unsettled),
        ("window passed".to_owned(), Event::WindowPassed),
        ("frozen".to_owned(), Event::Frozen),
        ("released".to_owned(), Event::Released),
        ("withdrawn".to_owned(), Event::Withdrawn),
        ("may have been sent".to_owned(), Event::MaybeSent),
    ];
    for &before in State::ALL {
        events.push((format!("not sent, was {before}"), Event::NotSent { before }));
    }
    events
}

/// Every move from one state to another, as `FROM --> TO: event`.
fn moves() -> BTreeSet<String> {
    let mut moves = BTreeSet::new();
    for &from in State::ALL {
        for (word, event) in events() {
            if let Some(to) = from.next(event)
                && to != from
            {
                moves.insert(format!("{from} --> {to}: {word}"));
            }
        }
    }
    moves
}

#[test]
fn the_drawing_of_the_states_is_the_table_of_the_code() {
    let page = page("docs/STATES.md");
    let drawn: BTreeSet<String> = page
        .lines()
        .map(str::trim)
        .filter(|line| line.contains(" --> ") && !line.contains("[*]"))
        .map(str::to_owned)
        .collect();
    let moves = moves();
    let missing: Vec<&String> = moves.difference(&drawn).collect();
    let wrong: Vec<&String> = drawn.difference(&moves).collect();
    assert!(
        missing.is_empty() && wrong.is_empty(),
        "not drawn: {missing:#?}\ndrawn, but not so: {wrong:#?}"
    );
    for state in State::ALL {
        assert!(
            page.contains(&format!("| {state} |")),
            "{state} is not explained"
        );
    }
}

#[test]
fn the_readme_names_every_status_exit_code_and_command() {
    use clap::CommandFactory;
    let readme = page("README.md");
    for status in levy::order::Status::ALL {
        assert!(readme.contains(&format!("| {status} |")), "{status}");
    }
    for exit in levy::cli::failure::Exit::WORST_FIRST {
        assert!(
            readme.contains(&format!("\n| {} | ", exit.code())),
            "{exit:?}"
        );
    }
    assert!(readme.contains("cargo run --release -- run sample_batch.csv --sandbox\n"));
    let commands = page("docs/COMMANDS.md");
    for command in levy::cli::args::Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(commands.contains(&format!("## `levy {name}")), "{name}");
    }
}

#[test]
fn every_option_and_setting_is_documented() {
    use clap::CommandFactory;
    let page = page("docs/COMMANDS.md");
    let cli = levy::cli::args::Cli::command();
    let nested = cli.get_subcommands().flat_map(|c| c.get_subcommands());
    for command in cli.get_subcommands().chain(nested) {
        for argument in command.get_arguments() {
            let Some(long) = argument.get_long() else {
                continue;
            };
            assert!(
                page.contains(&format!("--{long}")),
                "{} --{long}",
                command.get_name()
            );
        }
    }
    let example = self::page("fixtures/levy.example.toml");
    for line in example.lines() {
        let line = line.trim_start_matches("# ");
        let Some((key, _)) = line.split_once(" = ") else {
            continue;
        };
        if key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            assert!(page.contains(&format!("`{key}`")), "{key}");
        }
    }
}

/// The commands of a page's `sh` blocks, block by block, without what is said about them.
fn command_blocks(page: &str) -> Vec<Vec<String>> {
    let fences = page.split("\n```").collect::<Vec<_>>();
    let blocks = fences.iter().filter_map(|part| part.strip_prefix("sh\n"));
    blocks
        .map(|block| {
            let bare = block
                .lines()
                .map(|line| line.split(" #").next().unwrap_or(line));
            bare.map(|line| line.trim_end().to_owned()).collect()
        })
        .collect()
}

/// What stands in backquotes on a page and begins with `levy` or another word of a shell, in order.
fn commands_in_text(page: &str) -> Vec<String> {
    let prose = page
        .split("\n```")
        .step_by(2)
        .collect::<Vec<_>>()
        .join("\n");
    let quoted = prose.split('`').skip(1).step_by(2);
    let commands = quoted.filter(|text| {
        ["levy ", "mkdir ", "sudo ", "*/10 "]
            .iter()
            .any(|word| text.starts_with(word))
    });
    commands.map(str::to_owned).collect()
}

#[test]
fn both_readmes_show_the_same_commands() {
    let (english, chinese) = (page("README.md"), page("README.zh-CN.md"));
    assert!(command_blocks(&english).len() >= 4);
    assert_eq!(command_blocks(&english), command_blocks(&chinese));
    assert_eq!(commands_in_text(&english), commands_in_text(&chinese));
    for status in levy::order::Status::ALL {
        assert!(chinese.contains(&format!("| {status} |")), "{status}");
    }
    for exit in levy::cli::failure::Exit::WORST_FIRST {
        assert!(
            chinese.contains(&format!("\n| {} | ", exit.code())),
            "{exit:?}"
        );
    }
    let headings = |page: &str| page.lines().filter(|line| line.starts_with("## ")).count();
    assert_eq!(headings(&english), headings(&chinese));
}

#[test]
fn operations_say_what_to_do_for_every_status_and_exit_code() {
    let page = page("docs/OPERATIONS.md");
    for status in levy::order::Status::ALL {
        let named = page
            .lines()
            .filter(|line| line.starts_with("| ") && line.contains(&status.to_string()));
        assert!(named.count() > 0, "{status}");
    }
    for exit in levy::cli::failure::Exit::WORST_FIRST {
        assert!(
            page.contains(&format!("\n| {} | ", exit.code())),
            "{exit:?}"
        );
    }
}
