//! The checkout that a command acts on.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Returns the root of the checkout that this binary was compiled in.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Checks that this binary was compiled in the checkout in which `cargo xtask` was called.
///
/// `.cargo/config.toml` makes cargo compile this workspace again if another checkout was built
/// in the same target directory. This check covers two checkouts that build at the same time:
/// the later build replaces the binary that cargo is about to start for the earlier one.
///
/// # Errors
///
/// If cargo started this process in another checkout.
pub fn check() -> Result<(), Failure> {
    check_caller(std::env::var_os("CARGO_MANIFEST_DIR"))
}

/// Checks `manifest`, the folder of the package that cargo started. `cargo xtask` starts the package
/// `xtask`. A binary that cargo did not start, such as the pipeline's, belongs to no checkout.
fn check_caller(manifest: Option<OsString>) -> Result<(), Failure> {
    let manifest = manifest.map(PathBuf::from);
    let called_in = manifest
        .as_deref()
        .filter(|folder| folder.file_name() == Some(OsStr::new("xtask")))
        .and_then(Path::parent);
    let Some(called_in) = called_in else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(called_in) == real(root()) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "could not run in the checkout {}: this binary was compiled in the checkout {}",
        called_in.display(),
        root().display()
    ))
    .hint("both checkouts build in one target directory: rerun the command, or set another CARGO_TARGET_DIR for each checkout"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_in_another_checkout_is_refused_with_both_paths() {
        let manifest = |folder: &Path| Some(folder.join("xtask").into_os_string());
        check_caller(manifest(root())).expect("this checkout");
        check_caller(None).expect("no cargo");
        let other = Path::new("/checkouts/two");
        // nextest sets `CARGO_MANIFEST_DIR` to this folder for the tests of another package.
        check_caller(Some(other.join("tests").into_os_string())).expect("not `cargo xtask`");
        let refused = check_caller(manifest(other)).expect_err("another checkout");
        let message = refused.to_string();
        assert!(message.contains("/checkouts/two"), "{message}");
        assert!(message.contains(&root().display().to_string()), "{message}");
        assert!(refused.hint_text().is_some());
    }

    #[test]
    fn a_link_to_this_checkout_is_this_checkout() {
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(root(), &link).expect("a link");
        check_caller(Some(link.join("xtask").into_os_string())).expect("this checkout");
    }
}
