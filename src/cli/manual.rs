//! `levy completions` and `levy man`: what levy's grammar is, told to shells and to the manual. Both
//! are made from the very types that are parsed, so that neither can lag behind.

use std::fs;
use std::io::{self, Write, stdout};

use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::args::{Cli, CompletionsArgs, ManArgs};
use super::failure::{Exit, Failure};

/// Shown at the foot of each page; a build has no date, so that the same source is the same page.
const DATE: &str = " ";

/// Prints a shell's completions.
pub fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "levy", &mut script);
    print(&script)
}

/// Prints levy's page, or writes a page for each command.
pub fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let mut levy = Cli::command().disable_help_subcommand(true);
    levy.build();
    let Some(dir) = &args.dir else {
        return print(&page(&levy).context("the page cannot be made")?);
    };
    let nested = levy.get_subcommands().flat_map(Command::get_subcommands);
    for command in [&levy]
        .into_iter()
        .chain(levy.get_subcommands())
        .chain(nested)
    {
        let file = dir.join(format!("{}.1", name(command)));
        page(command)
            .and_then(|page| fs::write(&file, page))
            .with_context(|| file.display().to_string())?;
    }
    Ok(Exit::Done)
}

/// `levy-ledger-backup`
fn name(command: &Command) -> &str {
    command.get_display_name().unwrap_or(command.get_name())
}

/// The page of one command. Its examples are set as they stand, each on its line: `clap_mangen` fills
/// them like prose.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string);
    let bare = command.clone().after_help(None::<&str>);
    let mut page = Vec::new();
    Man::new(bare)
        .title(name(command).to_uppercase())
        .date(DATE)
        .source(concat!("levy ", env!("CARGO_PKG_VERSION")))
        .manual("levy")
        .render(&mut page)?;
    let Some(examples) = examples else {
        return Ok(page);
    };
    let text = examples.strip_prefix("Examples:\n").unwrap_or(&examples);
    page.extend(b".SH EXAMPLES\n.nf\n");
    for line in text.lines() {
        page.extend(roff(line.strip_prefix("  ").unwrap_or(line)).into_bytes());
    }
    page.extend(b".fi\n");
    Ok(page)
}

/// A line of text as roff takes it: nothing in it is a request or a typographer's dash.
fn roff(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    let escaped = escaped.replace('\'', "\\(aq").replace('`', "\\(ga");
    format!("\\&{escaped}\n")
}

fn print(bytes: &[u8]) -> Result<Exit, Failure> {
    stdout()
        .write_all(bytes)
        .context("it cannot be printed: standard output")?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_examples_as_they_are_typed_and_every_option() {
        let mut levy = Cli::command();
        levy.build();
        let run = levy.find_subcommand("run").unwrap();
        let page = String::from_utf8(page(run).unwrap()).unwrap();
        assert!(
            page.starts_with(".ie ") || page.starts_with(".TH LEVY\\-RUN 1"),
            "{page}"
        );
        assert!(
            page.contains("\n.SH EXAMPLES\n.nf\n\\&levy run night.csv "),
            "{page}"
        );
        assert!(
            page.contains("\\-\\-approved\\-by \\(aqWang Fang\\(aq"),
            "{page}"
        );
        for option in run.get_arguments().filter_map(|a| a.get_long()) {
            assert!(page.contains(&option.replace('-', "\\-")), "{option}");
        }
    }

    #[test]
    fn roff_reads_no_request_in_a_line() {
        assert_eq!(roff(".SH -x 'y' \\"), "\\&.SH \\-x \\(aqy\\(aq \\e\n");
    }
}
