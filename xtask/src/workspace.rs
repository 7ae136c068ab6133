//! The checkout that a command acts on.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// The root of the checkout that this binary was compiled in.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Refuses to act on another checkout than the one in which `cargo xtask` was typed.
///
/// `.cargo/config.toml` has cargo compile this workspace again where another checkout was
/// built in the same target directory. This check covers two checkouts that build at the
/// same time: the later build replaces the binary that the earlier one is about to start.
///
/// # Errors
///
/// If cargo started this binary, or the one that became it, for another checkout.
pub fn check() -> Result<(), Failure> {
    check_typed_in(std::env::var_os("CARGO_MANIFEST_DIR"))
}

/// Checks the folder of the package that `cargo run` has started. Only `xtask` itself is
/// started so; a binary without cargo, such as the pipeline's, has no checkout.
fn check_typed_in(manifest: Option<OsString>) -> Result<(), Failure> {
    let manifest = manifest.map(PathBuf::from);
    let typed_in = manifest
        .as_deref()
        .filter(|folder| folder.file_name() == Some(OsStr::new("xtask")))
        .and_then(Path::parent);
    let Some(typed_in) = typed_in else {
        return Ok(());
    };
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    if real(typed_in) == real(root()) {
        return Ok(());
    }
    Err(Failure::new(format!(
        "could not run in the checkout {}: this binary was compiled in the checkout {}",
        typed_in.display(),
        root().display()
    ))
    .hint("both build in one target directory; run the command again, or give each checkout its own CARGO_TARGET_DIR"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_checkout_than_the_one_compiled_in_is_refused_with_both_paths() {
        let manifest = |folder: &Path| Some(folder.join("xtask").into_os_string());
        check_typed_in(manifest(root())).expect("this checkout");
        check_typed_in(None).expect("no cargo started it");
        let other = Path::new("/checkouts/two");
        // As nextest sets it for the tests of another package.
        check_typed_in(Some(other.join("tests").into_os_string())).expect("no `cargo xtask`");
        let refused = check_typed_in(manifest(other)).expect_err("another checkout");
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
        check_typed_in(Some(link.join("xtask").into_os_string())).expect("this checkout");
    }
}
