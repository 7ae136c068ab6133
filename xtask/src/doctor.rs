//! `cargo xtask doctor`: reports installed and missing programs.

use std::fs;

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use infra::Environment;

use crate::failure::Failure;
use crate::linker::{Host, Linker};
use crate::tools::{self, Tool};
use crate::{cargo, output, workspace};

#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 ready; 1 build, test or deploy would fail; 2 usage error")]
pub struct DoctorArgs {}

/// One line of the report.
struct Check {
    name: String,
    /// The version, or `None` if the program is missing.
    version: Option<String>,
    used_by: &'static str,
    is_required: bool,
    installation: String,
}

impl From<Tool> for Check {
    fn from(tool: Tool) -> Self {
        Check {
            name: tool.name.to_owned(),
            version: tool.version(),
            used_by: tool.used_by,
            is_required: tool.is_required,
            installation: tool.installation().to_owned(),
        }
    }
}

pub fn run(_args: &DoctorArgs) -> anyhow::Result<()> {
    let pinned = pinned_toolchain()?;
    let host = Host::current();
    let (mut checks, mut is_zig_required) = (Vec::new(), false);
    for architecture in [Architecture::X86_64, Architecture::Arm64] {
        let (check, linker) = check_target(host, architecture)?;
        is_zig_required |= check.is_required && linker == Linker::Zig;
        checks.push(check);
    }
    for mut check in Tool::ALL.map(Check::from) {
        if check.name == tools::RUSTC.name {
            check.version = check.version.map(|version| mark_unpinned(version, &pinned));
        }
        // Python installs zig.
        check.is_required |= is_zig_required && check.name == tools::PYTHON.name;
        checks.push(check);
    }
    let mut missing = Vec::new();
    for check in checks {
        output::text(&line(&check))?;
        if check.is_required && check.version.is_none() {
            missing.push(check.name);
        }
    }
    if missing.is_empty() {
        return Ok(());
    }
    let missing = missing.join(", ");
    let failure = Failure::new(format!(
        "build, test or deploy would fail without {missing}"
    ));
    Err(failure
        .hint("run the command after `install:` in the line of each missing program")
        .into())
}

fn line(check: &Check) -> String {
    let Check { name, used_by, .. } = check;
    if let Some(version) = &check.version {
        let found = format!("{name} {version}");
        return format!("found    {found:<42}  {used_by}\n");
    }
    let installation = &check.installation;
    format!("missing  {name:<42}  {used_by}; install: {installation}\n")
}

/// Checks the standard library for functions of an architecture, and chooses the functions' linker.
fn check_target(host: Host, architecture: Architecture) -> Result<(Check, Linker), Failure> {
    let target = cargo::target(architecture);
    let linker = host.linker(architecture)?;
    let check = Check {
        name: format!("target {target}"),
        version: tools::has_target(target).then(|| host.describe(linker)),
        used_by: "build, test and deploy of functions for this architecture",
        is_required: architecture == Environment::Prod.settings().architecture,
        installation: tools::target_installation(target),
    };
    Ok((check, linker))
}

/// Reads the version that `rust-toolchain.toml` pins.
fn pinned_toolchain() -> anyhow::Result<String> {
    let text = fs::read_to_string(workspace::root().join("rust-toolchain.toml"))
        .context("reading rust-toolchain.toml")?;
    let mut lines = text.lines();
    let channel = lines.find_map(|line| line.strip_prefix("channel = "));
    let channel = channel.context("rust-toolchain.toml has no channel")?;
    Ok(channel.trim_matches('"').to_owned())
}

/// Marks a compiler version that is not the pinned one. Another compiler builds different zips.
fn mark_unpinned(version: String, pinned: &str) -> String {
    if version == pinned {
        return version;
    }
    format!("{version}, not {pinned} of rust-toolchain.toml")
}
