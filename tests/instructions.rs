//! A test of instruction counts, which do not depend on the load of the machine: a change that makes an
//! operation slower fails.

use tests::xtask::run_with_cargo;
use xtask::output;
use xtask::tools::VALGRIND;

/// Skipped without valgrind, and in a build that measures coverage, which executes additional
/// instructions. In CI, a separate job runs `cargo xtask bench instructions`, which fails without
/// valgrind.
#[tokio::test]
async fn no_operation_takes_over_5_percent_more_instructions_than_committed() {
    let measures_coverage = std::env::var_os("CARGO_LLVM_COV").is_some();
    if measures_coverage || !VALGRIND.is_installed() {
        // Not `eprintln!`: the test runner hides its output if the test passes.
        output::progress(
            "skipped: counting instructions requires valgrind, and a build without coverage",
        );
        return;
    }
    let counted = run_with_cargo(&["bench", "instructions", "--unoptimised"], &[]).await;
    assert_eq!(counted.code, 0, "{}\n{}", counted.stdout, counted.stderr);
}
