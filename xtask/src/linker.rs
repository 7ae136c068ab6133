//! The linker of the functions for Lambda: the system's own on a suitable Linux, otherwise zig.

use std::ffi::OsString;
use std::path::PathBuf;
use std::{env, fmt, iter};

use anyhow::Context as _;
use cfn::resources::lambda::Architecture;
use clap::ValueEnum;
use infra::Environment;

use crate::cargo;
use crate::failure::Failure;
use crate::tools::{self, PYTHON};
use crate::{prebuilt, python};

/// The environment variable that overrides the choice of the linker, in every command.
pub const VARIABLE: &str = "XTASK_LINKER";

/// The C library of Amazon Linux 2023, the system of `provided.al2023`.
pub const AMAZON_LINUX_2023: Glibc = Glibc(2, 34);

/// The newest glibc that is known to be suitable: functions that are linked against it need no
/// symbol that Amazon Linux 2023 lacks. Debian 12 has this version. The headers of glibc 2.38 redirect
/// `strtol` to such a symbol (<https://sourceware.org/glibc/wiki/Release/2.38>).
const NEWEST_NATIVE: Glibc = Glibc(2, 36);

/// The name of cargo-zigbuild in `tests/requirements`. It links with zig, which needs no C library of
/// the target.
const ZIGBUILD: &str = "cargo-zigbuild";

/// A version of the GNU C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Glibc(pub u32, pub u32);

impl Glibc {
    /// Reads `2.36` or `2.2.5`.
    pub fn parse(version: &str) -> Option<Self> {
        let mut numbers = version.split('.').map(str::parse);
        Some(Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }
}

impl fmt::Display for Glibc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "glibc {}.{}", self.0, self.1)
    }
}

/// The value of [`VARIABLE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Wanted {
    Auto,
    Native,
    Zig,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linker {
    Native,
    Zig,
}

/// The system of the build. `os` and `arch` are values of [`env::consts`].
#[derive(Debug, Clone, Copy)]
pub struct Host {
    os: &'static str,
    arch: &'static str,
    /// `None` on a system with another C library.
    glibc: Option<Glibc>,
}

impl Host {
    pub fn current() -> Self {
        let glibc = tools::first_line("getconf", &["GNU_LIBC_VERSION"]);
        Host {
            os: env::consts::OS,
            arch: env::consts::ARCH,
            glibc: glibc.and_then(|line| Glibc::parse(line.strip_prefix("glibc ")?)),
        }
    }

    fn is_of(&self, architecture: Architecture) -> bool {
        self.os == "linux" && cargo::target(architecture).starts_with(self.arch)
    }

    /// Returns true if this system can run the functions' binaries for Lambda.
    pub fn runs(&self, architecture: Architecture) -> bool {
        self.is_of(architecture) && self.glibc >= Some(AMAZON_LINUX_2023)
    }

    /// Chooses the linker of the functions.
    ///
    /// # Errors
    ///
    /// If [`VARIABLE`] has a value other than `auto`, `native` and `zig`.
    pub fn linker(&self, architecture: Architecture) -> Result<Linker, Failure> {
        let value = env::var_os(VARIABLE).unwrap_or_else(|| OsString::from("auto"));
        let wanted = Wanted::from_str(&value.to_string_lossy(), false).map_err(|_| {
            Failure::usage(format!("{VARIABLE} must be auto, native or zig"))
                .hint(format!("unset {VARIABLE}"))
        })?;
        Ok(self.choose(wanted, architecture))
    }

    fn choose(&self, wanted: Wanted, architecture: Architecture) -> Linker {
        let is_suitable = self.glibc.is_some_and(|glibc| glibc <= NEWEST_NATIVE);
        match wanted {
            Wanted::Native => Linker::Native,
            Wanted::Auto if is_suitable && self.is_of(architecture) => Linker::Native,
            Wanted::Auto | Wanted::Zig => Linker::Zig,
        }
    }

    pub fn describe(&self, linker: Linker) -> String {
        match (linker, self.glibc) {
            (Linker::Native, Some(glibc)) => format!("linked natively, {glibc}"),
            (Linker::Native, None) => "linked natively".to_owned(),
            (Linker::Zig, _) => "linked by zig".to_owned(),
        }
    }
}

/// Returns true if this system can run the zips that the tests deploy.
pub fn runs_functions() -> bool {
    Host::current().runs(Environment::Prod.settings().architecture)
}

/// Builds optimised binaries for Lambda. They contain no path of this machine, so they do not depend
/// on the folder of the build. They depend on the linker and on the system of the build.
///
/// # Errors
///
/// If the build fails, or needs a program or a target that is not installed.
pub fn build_for_lambda(
    packages: &[&str],
    architecture: Architecture,
) -> anyhow::Result<Vec<PathBuf>> {
    if let Some(binaries) = prebuilt::find(prebuilt::for_lambda(architecture), packages) {
        return Ok(binaries);
    }
    let target = cargo::target(architecture);
    let mut command = cargo::command();
    match check_requirements(architecture)? {
        Linker::Native => {
            if !Host::current().is_of(architecture) {
                command.env("CARGO_BUILD_TARGET", target);
            }
            command.arg("build");
        }
        Linker::Zig => {
            let Glibc(major, minor) = AMAZON_LINUX_2023;
            command.env("PATH", path_with_zig()?);
            command.args(["zigbuild", "--target"]);
            command.arg(format!("{target}.{major}.{minor}"));
        }
    }
    cargo::build_optimised(command, packages)
}

/// Chooses the linker of the functions, and checks what a build with it needs.
///
/// # Errors
///
/// If the Rust target is not installed, or Python for zig.
pub fn check_requirements(architecture: Architecture) -> anyhow::Result<Linker> {
    require_target(cargo::target(architecture))?;
    let linker = Host::current().linker(architecture)?;
    if linker == Linker::Zig && !python::is_installed(ZIGBUILD)? && !PYTHON.is_installed() {
        let failure = Failure::new(format!(
            "could not link for Lambda: zig requires {}",
            PYTHON.name
        ));
        let installation = PYTHON.installation();
        let hint = format!("run: {installation}; or, on Linux, set {VARIABLE}=native");
        return Err(failure.hint(hint).into());
    }
    Ok(linker)
}

fn require_target(target: &str) -> Result<(), Failure> {
    if tools::has_target(target) {
        return Ok(());
    }
    let failure = Failure::new(format!(
        "could not build for {target}: the Rust target is not installed"
    ));
    Err(failure.hint(format!("run: {}", tools::target_installation(target))))
}

/// Installs zig and cargo-zigbuild if necessary. Returns the `PATH` by which cargo finds its
/// subcommand `zigbuild`, and cargo-zigbuild finds the Python package of zig.
fn path_with_zig() -> anyhow::Result<OsString> {
    let zigbuild = python::tool(ZIGBUILD)?;
    let folder = zigbuild.parent().context("a program is in a folder")?;
    let path = env::var_os("PATH").unwrap_or_default();
    let folders = iter::once(folder.to_owned()).chain(env::split_paths(&path));
    env::join_paths(folders).context("adding zig to PATH")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN_12: Host = Host {
        os: "linux",
        arch: "x86_64",
        glibc: Some(Glibc(2, 36)),
    };

    #[test]
    fn a_linux_with_a_known_glibc_links_its_own_architecture_natively() {
        let old = Some(Glibc(2, 26));
        for host in [
            DEBIAN_12,
            Host {
                glibc: old,
                ..DEBIAN_12
            },
        ] {
            let chosen = |architecture| host.choose(Wanted::Auto, architecture);
            assert_eq!(chosen(Architecture::X86_64), Linker::Native, "{host:?}");
            assert_eq!(chosen(Architecture::Arm64), Linker::Zig, "{host:?}");
        }
        let graviton = Host {
            arch: "aarch64",
            ..DEBIAN_12
        };
        let chosen = |architecture| graviton.choose(Wanted::Auto, architecture);
        assert_eq!(chosen(Architecture::Arm64), Linker::Native);
        assert_eq!(chosen(Architecture::X86_64), Linker::Zig);
    }

    #[test]
    fn macos_and_an_unsuitable_linux_link_by_zig() {
        for (os, arch, glibc) in [
            ("macos", "x86_64", None),
            ("macos", "aarch64", None),
            // Alpine Linux.
            ("linux", "x86_64", None),
            // Ubuntu 24.04.
            ("linux", "x86_64", Some(Glibc(2, 39))),
            ("linux", "riscv64", Some(Glibc(2, 36))),
        ] {
            let host = Host { os, arch, glibc };
            for architecture in [Architecture::X86_64, Architecture::Arm64] {
                let chosen = host.choose(Wanted::Auto, architecture);
                assert_eq!(chosen, Linker::Zig, "{host:?}");
            }
        }
    }

    #[test]
    fn an_explicitly_chosen_linker_is_used_on_every_system() {
        let mac = Host {
            os: "macos",
            arch: "aarch64",
            glibc: None,
        };
        for host in [DEBIAN_12, mac] {
            for architecture in [Architecture::X86_64, Architecture::Arm64] {
                let native = host.choose(Wanted::Native, architecture);
                let zig = host.choose(Wanted::Zig, architecture);
                assert_eq!((native, zig), (Linker::Native, Linker::Zig), "{host:?}");
            }
        }
    }

    #[test]
    fn only_a_linux_with_lambdas_glibc_runs_the_functions() {
        assert!(DEBIAN_12.runs(Architecture::X86_64));
        assert!(!DEBIAN_12.runs(Architecture::Arm64));
        let old = Some(Glibc(2, 33));
        let macos = "macos";
        for host in [
            Host {
                glibc: old,
                ..DEBIAN_12
            },
            Host {
                glibc: None,
                ..DEBIAN_12
            },
            Host {
                os: macos,
                ..DEBIAN_12
            },
        ] {
            assert!(!host.runs(Architecture::X86_64), "{host:?}");
        }
    }

    #[test]
    fn a_missing_rust_target_is_named_with_the_command_that_adds_it() {
        let failure = require_target("riscv64gc-unknown-none").expect_err("no such target");
        assert!(failure.to_string().contains("riscv64gc-unknown-none"));
        let hint = "run: rustup target add riscv64gc-unknown-none";
        assert_eq!(failure.hint_text(), Some(hint));
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Glibc::parse("2.4") < Glibc::parse("2.34"));
        assert_eq!(Glibc::parse("2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(Glibc::parse("musl"), None);
    }
}
