//! What pieces of the work cost in instructions, as the tests are compiled: a change that
//! makes one clearly slower is seen before it is merged, whatever else the machine does.

use tests::xtask::run_as_typed;
use xtask::{child, output};

/// Without valgrind nothing is counted, in CI neither: there `cargo xtask bench
/// instructions` is a job of its own, which fails then. Code that measures its coverage
/// takes instructions of its own.
#[tokio::test]
async fn no_piece_takes_over_5_percent_more_instructions_than_committed() {
    let measures_coverage = std::env::var_os("CARGO_LLVM_COV").is_some();
    if measures_coverage || !child::is_installed("valgrind") {
        // Past the test runner's capture, which would hide it from a run that passes.
        output::progress(
            "skipped: counting instructions needs valgrind, and code that measures nothing itself",
        );
        return;
    }
    let counted = run_as_typed(&["bench", "instructions", "--unoptimised"], &[]).await;
    assert_eq!(counted.code, 0, "{}\n{}", counted.stdout, counted.stderr);
}
