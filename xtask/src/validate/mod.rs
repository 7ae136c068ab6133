//! `cargo xtask validate`: finds faults in the templates without AWS.

pub mod cfn_lint;
pub mod checkov;
mod rules;
mod template;

use std::fmt::Display;
use std::fs;
use std::path::Path;

use anyhow::Context as _;
use infra::{Artifacts, Environment};
use serde_json::Value;

use crate::failure::Failure;
use crate::options::environment;
use crate::render::{self, NamedTemplate};
use crate::tools::PYTHON;
use crate::{cargo, output, snapshots, workspace};

pub use rules::{TEMPLATE_BYTES, check};
pub use template::Finding;
pub(crate) use template::each;

#[derive(Debug, clap::Args)]
pub struct ValidateArgs {
    /// Environment whose service stack to validate [default: all stacks]
    #[arg(long = "env", value_parser = environment())]
    environment: Option<Environment>,
    /// Check the project's own rules only; does not require Python
    #[arg(long)]
    own_rules_only: bool,
    /// Print each finding once more, as an annotation of GitHub Actions at its line in
    /// tests/snapshots
    #[arg(long)]
    annotations: bool,
}

impl ValidateArgs {
    /// Prints a finding about a resource or a section of a template.
    fn print(&self, template: &str, at: &str, finding: &impl Display) -> anyhow::Result<()> {
        output::text(&format!("{finding}\n"))?;
        if self.annotations {
            annotate(
                template,
                snapshots::line_of(template, at)?,
                &finding.to_string(),
            )?;
        }
        Ok(())
    }
}

fn annotate(template: &str, line: usize, message: &str) -> anyhow::Result<()> {
    let path = snapshots::path(template);
    let path = path.strip_prefix(workspace::root()).unwrap_or(&path);
    output::annotation(&path.to_string_lossy(), line, message)
}

/// Prints findings on stdout and progress on stderr.
pub fn run(args: &ValidateArgs) -> anyhow::Result<()> {
    let artifacts = Artifacts::placeholder();
    let templates = render::selected(args.environment, &artifacts)?;
    let mut found = 0;
    for NamedTemplate { name, template } in &templates {
        for finding in check(template.as_value()) {
            found += 1;
            let text = format!("{name}: {finding}");
            args.print(name, &finding.at, &text)?;
        }
    }
    output::progress("checked by the project's own rules");
    if !args.own_rules_only {
        found += check_by_tools(&templates, args)?;
    }
    match found {
        0 => Ok(()),
        1 => Err(Failure::new("1 finding").into()),
        count => Err(Failure::new(format!("{count} findings")).into()),
    }
}

/// Refuses a template in which one of the project's own rules finds a fault.
pub fn refuse_faulty(name: &str, template: &Value) -> Result<(), Failure> {
    let findings: Vec<String> = check(template).iter().map(ToString::to_string).collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the template of {name} is not valid: {}",
        findings.join("; ")
    ))
    .hint("fix the template; `cargo xtask validate` checks all templates"))
}

/// Runs cfn-lint and checkov, and returns the number of findings.
fn check_by_tools(templates: &[NamedTemplate], args: &ValidateArgs) -> anyhow::Result<usize> {
    if !PYTHON.is_installed() {
        let failure = Failure::new(format!("cfn-lint and checkov require {}", PYTHON.name));
        let installation = PYTHON.installation();
        return Err(failure
            .hint(format!("run: {installation}; or pass --own-rules-only"))
            .into());
    }
    let folder = cargo::output_dir()?.join("validate");
    fs::create_dir_all(&folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    let mut files = Vec::new();
    for NamedTemplate { name, template } in templates {
        for (extension, text) in [("json", template.to_json()), ("yaml", template.to_yaml())] {
            let file = format!("{name}.{extension}");
            fs::write(folder.join(&file), text).with_context(|| format!("writing {file}"))?;
            files.push(file);
        }
    }
    Ok(check_by_cfn_lint(&folder, &files, args)? + check_by_checkov(&folder, templates, args)?)
}

fn check_by_checkov(
    folder: &Path,
    templates: &[NamedTemplate],
    args: &ValidateArgs,
) -> anyhow::Result<usize> {
    let files: Vec<String> = templates
        .iter()
        .map(|named| format!("{}.json", named.name))
        .collect();
    let (suppressed, open): (Vec<_>, Vec<_>) = checkov::failed(folder, &files)?
        .into_iter()
        .partition(checkov::FailedCheck::is_suppressed);
    for failed in &open {
        args.print(&failed.template, &failed.resource, failed)?;
    }
    let suppressed = suppressed.len();
    output::progress(format_args!(
        "checked by checkov; {suppressed} findings are suppressed in the files of their resources"
    ));
    Ok(open.len())
}

fn check_by_cfn_lint(
    folder: &Path,
    files: &[String],
    args: &ValidateArgs,
) -> anyhow::Result<usize> {
    let findings = cfn_lint::findings(folder, files)?;
    if !findings.is_empty() {
        output::text(&format!("{findings}\n"))?;
    }
    if args.annotations {
        for (name, line, message) in cfn_lint::in_yaml(&findings) {
            annotate(name, snapshots::header_lines(name)? + line, message)?;
        }
    }
    output::progress("checked by cfn-lint");
    // Each finding has one line that starts with its file.
    let found = findings.lines().filter(|line| {
        files
            .iter()
            .any(|file| line.starts_with(&format!("{file}:")))
    });
    Ok(found.count())
}
