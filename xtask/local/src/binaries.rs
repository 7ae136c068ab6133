//! The binaries of the functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use contract::Function;
use tempfile::TempDir;
use xtask::cargo::{self, Profile};

/// The binary of each function.
pub(crate) type Binaries = BTreeMap<Function, Binary>;

/// A binary of one build.
#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    /// The folder of the binary, if this is a link that no later build replaces. It is deleted
    /// with its last user.
    _folder: Option<Arc<TempDir>>,
}

impl From<PathBuf> for Binary {
    fn from(path: PathBuf) -> Self {
        Self {
            path,
            _folder: None,
        }
    }
}

/// Builds the functions of dev. They are built together, because cargo would resolve the
/// features of one alone differently and build twice. For the same reason a release build
/// has all functions, as that of `cargo xtask build` and `bench`.
pub(crate) fn build(release: bool) -> anyhow::Result<Binaries> {
    let functions = if release {
        &Function::ALL[..]
    } else {
        &Function::SERVING[..]
    };
    let names: Vec<_> = functions.iter().map(|function| function.name()).collect();
    let paths = cargo::build_binaries(&names, Profile::from_flag(release))?;
    let binaries = paths.into_iter().map(Binary::from);
    Ok(functions.iter().copied().zip(binaries).collect())
}

/// Links binaries into a new folder, so that a later build changes neither them nor their path.
/// Cargo removes an old binary before it links the new one (rust-lang/cargo#8348).
pub(crate) fn keep(built: Binaries) -> anyhow::Result<Binaries> {
    let parent = cargo::output_dir()?;
    let folder = tempfile::Builder::new()
        .prefix("local-")
        .tempdir_in(&parent);
    let folder = folder.with_context(|| format!("creating a folder in {}", parent.display()))?;
    let folder = Arc::new(folder);
    let link = |(function, built): (Function, Binary)| {
        let path = folder.path().join(function.name());
        fs::hard_link(&built.path, &path)
            .with_context(|| format!("linking {}", built.path.display()))?;
        let binary = Binary {
            path,
            _folder: Some(Arc::clone(&folder)),
        };
        Ok((function, binary))
    };
    built.into_iter().map(link).collect()
}
