//! The help of every command, whole: a reviewer sees each word that changes.

#![cfg(test)]

use std::fmt::Write as _;

use clap::{Command, CommandFactory as _};
use xtask::Cli;

/// Appends the help of a command and of its subcommands, as `--help` prints it.
fn help(command: &mut Command, text: &mut String) {
    let name = command.get_bin_name().unwrap_or_default().to_owned();
    let shown = command.render_long_help().to_string();
    writeln!(text, "$ {name} --help\n{}\n", shown.trim_end()).unwrap();
    for subcommand in command.get_subcommands_mut() {
        help(subcommand, text);
    }
}

#[test]
fn the_help_of_every_command_is_as_it_was_reviewed() {
    let mut command = Cli::command();
    command.build();
    let mut text = String::new();
    help(&mut command, &mut text);
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("help", text));
}
