//! The binaries of the functions.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context as _;
use contract::Function;
use tempfile::TempDir;
use xtask::cargo::{self, Profile};

pub(crate) type Binaries = BTreeMap<Function, Binary>;

#[derive(Debug, Clone)]
pub(crate) struct Binary {
    pub(crate) path: PathBuf,
    /// The temporary folder that [`keep`] made. It is deleted when the last clone is dropped.
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

/// Builds the API and the update function; a release build has all functions, as `cargo xtask build`
/// has. With another set of packages, cargo would unify features differently and compile the
/// dependencies again.
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

/// Hard-links binaries into a new folder. A later build removes the old file of a binary and creates
/// another file (rust-lang/cargo#8348), so the links keep their content.
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
