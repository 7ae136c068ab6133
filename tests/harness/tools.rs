//! Programs of this machine. Tests that need a missing program are skipped.

use xtask::output;
use xtask::tools::Tool;

/// Returns true if a program is installed. If the program is missing, prints one line on stderr, which
/// says that `user` needs the program. The test must then be skipped.
///
/// # Panics
///
/// If `CI` is set and the program is missing, because a pipeline must not pass by skipping.
pub fn is_available(tool: &Tool, user: &str) -> bool {
    let is_installed = tool.is_installed();
    if !is_installed {
        let needs = format!("{user} needs {}", tool.name);
        assert!(std::env::var_os("CI").is_none(), "{needs}");
        // Not `eprintln!`: the test runner hides its output if the test passes.
        output::progress(format_args!(
            "skipped: {needs}; install: {}",
            tool.installation()
        ));
    }
    is_installed
}
