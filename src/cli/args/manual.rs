//! `completions` and `man`.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// `levy completions`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy completions bash > ~/.local/share/bash-completion/completions/levy
  levy completions zsh > ~/.zfunc/_levy     with fpath+=~/.zfunc before compinit
  levy completions fish > ~/.config/fish/completions/levy.fish

The Debian package has those of bash, zsh and fish in their places already.")]
pub struct CompletionsArgs {
    /// The shell.
    #[arg(value_name = "SHELL")]
    pub shell: Shell,
}

/// `levy man`.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  levy man | man -l -        look at levy(1)
  levy man /tmp/man1         levy.1, levy-run.1, levy-ledger-backup.1 and all others

The Debian package has installed them: man levy, man levy-run.")]
pub struct ManArgs {
    /// Where the pages of all commands go, a directory that is there; without it levy's own page is
    /// printed.
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}
