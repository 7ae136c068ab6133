//! Where things are in the checkout.

use std::path::{Path, PathBuf};

/// The root of the checkout that this binary was built from.
///
/// It would be wrong for a binary that was copied to another machine, which
/// nobody does: `cargo xtask` builds and runs in place.
pub fn root() -> &'static Path {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().unwrap_or(manifest)
}

/// Cargo's target directory.
pub fn target_dir() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || root().join("target"),
        |dir| root().join(PathBuf::from(dir)),
    )
}
