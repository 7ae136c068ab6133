//! Tests of the help: every command has its help in a snapshot, so that a reviewer sees every change.

#![cfg(test)]

use std::fmt::Write as _;

use clap::error::ErrorKind;
use clap::{Command, CommandFactory as _, Parser as _, Subcommand};
use xtask::Cli;
use xtask::bench::BenchCommand;
use xtask::build::PackageCommand;
use xtask::cloud::CloudCommand;
use xtask::local::LocalCommand;

/// Appends the help of a command and of its subcommands in the form of `--help`.
fn append_help(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let shown = command.render_long_help().to_string();
    writeln!(text, "$ {name} --help\n{}\n", shown.trim_end()).unwrap();
    // The subcommand `help` is added by clap, and repeats all commands.
    let own = |command: &&mut Command| command.get_name() != "help";
    for subcommand in command.get_subcommands_mut().filter(own) {
        append_help(subcommand, text);
    }
}

#[test]
fn the_help_of_every_command_equals_its_snapshot() {
    let mut command = Cli::<xtask::Command>::command();
    command.build();
    let mut text = String::new();
    append_help(&mut command, &mut text);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("help", text));
}

#[test]
fn a_command_of_another_binary_is_an_unknown_subcommand() {
    let refused = [
        parse::<CloudCommand>(&["render"]),
        parse::<CloudCommand>(&["build"]),
        parse::<LocalCommand>(&["deploy", "--env", "dev"]),
        parse::<PackageCommand>(&["bench"]),
        parse::<BenchCommand>(&["local"]),
    ];
    assert_eq!(refused, [Some(ErrorKind::InvalidSubcommand); 5]);
    assert_eq!(parse::<CloudCommand>(&["status", "--env", "dev"]), None);
    assert_eq!(parse::<xtask::Command>(&["status", "--env", "dev"]), None);
    let help = parse::<xtask::Command>(&["help", "keys", "create"]);
    assert_eq!(help, Some(ErrorKind::DisplayHelp));
}

/// Returns the kind of the error in a command line.
fn parse<C: Subcommand>(arguments: &[&str]) -> Option<ErrorKind> {
    let typed = [&["cargo xtask"], arguments].concat();
    Cli::<C>::try_parse_from(typed)
        .err()
        .map(|error| error.kind())
}
