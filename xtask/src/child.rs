//! Commands for child processes, without the credentials of this process.

use std::ffi::OsStr;
use std::process::Command;

/// The prefixes of variables that hold credentials or give access to them.
///
/// `ACTIONS_ID_TOKEN_*` lets a job of GitHub Actions request a token that AWS trusts, and
/// `ACTIONS_RUNTIME_*` lets it write artifacts and caches:
/// <https://docs.github.com/actions/reference/security/oidc#methods-for-requesting-the-oidc-token>.
const PREFIXES: [&str; 3] = ["ACTIONS_ID_TOKEN_", "ACTIONS_RUNTIME_", "AWS_"];

/// Further variables that hold credentials.
const NAMES: [&str; 3] = ["CRYPTO_WATCH_API_KEY", "GH_TOKEN", "GITHUB_TOKEN"];

/// Returns a command without the credentials of this process. A caller that needs placeholder
/// credentials sets them afterwards.
///
/// Build scripts, tests, and packages from `PyPI` and npm are third-party code and must not
/// act as the operator or as a job. Clippy refuses every other way to create a command
/// (`clippy.toml`).
pub fn command(program: impl AsRef<OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "the only place that calls it")]
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        if holds_credentials(&name) {
            command.env_remove(name);
        }
    }
    command
}

/// Returns true if a variable of this name may hold credentials.
fn holds_credentials(name: &OsStr) -> bool {
    let name = name.to_string_lossy();
    NAMES.contains(&&*name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_credentials_are_recognized_by_their_names() {
        for name in [
            "AWS_SECRET_ACCESS_KEY",
            "AWS_WEB_IDENTITY_TOKEN_FILE",
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "ACTIONS_RUNTIME_TOKEN",
            "CRYPTO_WATCH_API_KEY",
            "GITHUB_TOKEN",
        ] {
            assert!(holds_credentials(OsStr::new(name)), "{name}");
        }
        for name in ["PATH", "CI", "GITHUB_RUN_ID", "CARGO_HOME", "MY_AWS_"] {
            assert!(!holds_credentials(OsStr::new(name)), "{name}");
        }
    }
}
