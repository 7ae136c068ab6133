//! Instruction counts of single operations, in the build of the tests, so that a change that makes
//! one of them slower is noticed before it is merged, on a busy machine too.

use tests::xtask::run_with_cargo;
use xtask::output;
use xtask::tools::VALGRIND;

/// Skipped without valgrind, in CI too: there `cargo xtask bench instructions` is a separate job
/// that fails without it. Code that measures its coverage executes additional instructions.
#[tokio::test]
async fn no_operation_takes_over_5_percent_more_instructions_than_committed() {
    let measures_coverage = std::env::var_os("CARGO_LLVM_COV").is_some();
    if measures_coverage || !VALGRIND.is_installed() {
        // Past the test runner's capture, which would hide it from a run that passes.
        output::progress(
            "skipped: counting instructions requires valgrind, and a build without coverage",
        );
        return;
    }
    let counted = run_with_cargo(&["bench", "instructions", "--unoptimised"], &[]).await;
    assert_eq!(counted.code, 0, "{}\n{}", counted.stdout, counted.stderr);
}
