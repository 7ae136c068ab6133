//! Instruction counts of single operations, which do not depend on the load of the machine. They
//! show that a change makes an operation slower before the change is merged.

use tests::xtask::run_with_cargo;
use xtask::output;
use xtask::tools::VALGRIND;

/// The test is skipped without valgrind, also in CI, where `cargo xtask bench instructions` is a
/// separate job that fails without valgrind. A build that measures coverage executes additional
/// instructions, so the test is skipped for such a build, too.
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
