//! Programs of this machine. Tests that need a missing one are skipped.

use xtask::output;
use xtask::tools::Tool;

/// Returns true if a program is installed. If not, the test must be skipped, after one line on
/// stderr about what needs the program.
///
/// # Panics
///
/// If `CI` is set and the program is missing, because a pipeline must not pass by skipping.
pub fn is_available(tool: &Tool, user: &str) -> bool {
    let is_installed = tool.is_installed();
    if !is_installed {
        let needs = format!("{user} needs {}", tool.name);
        assert!(std::env::var_os("CI").is_none(), "{needs}");
        // The test runner's capture would hide this line of a passing test.
        output::progress(format_args!(
            "skipped: {needs}; install: {}",
            tool.installation()
        ));
    }
    is_installed
}
