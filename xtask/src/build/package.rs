//! A function's zip: `bootstrap`, and not one byte that depends on when or
//! where it was made.

use std::fs;
use std::io::{Cursor, Write as _};
use std::path::Path;

use anyhow::Context as _;
use infra::Sha256Digest;
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

/// Packs a binary as `bootstrap`, executable by everybody, which is how the
/// `provided` runtimes want it.
pub(super) fn zip(binary: &[u8]) -> zip::result::ZipResult<Vec<u8>> {
    let options = SimpleFileOptions::default()
        .compression_method(CompressionMethod::Deflated)
        .compression_level(Some(9))
        .last_modified_time(DateTime::default())
        .unix_permissions(0o755);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    writer.start_file("bootstrap", options)?;
    writer.write_all(binary)?;
    Ok(writer.finish()?.into_inner())
}

/// Writes a zip beside its place and then moves it there, so that a build which
/// is killed leaves no half zip.
pub(super) fn write(path: &Path, zip: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a zip is in a folder")?;
    fs::create_dir_all(folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    let unfinished = path.with_extension(format!("zip.{}", std::process::id()));
    fs::write(&unfinished, zip)
        .and_then(|()| fs::rename(&unfinished, path))
        .with_context(|| format!("writing {}", path.display()))
}

/// A zip's digest.
pub(super) fn sha256(zip: &[u8]) -> Sha256Digest {
    Sha256Digest::from(<[u8; 32]>::from(Sha256::digest(zip)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip() {
        let first = zip(b"binary").expect("a zip");
        let second = zip(b"binary").expect("a zip");
        assert_eq!(sha256(&first), sha256(&second));
        assert_ne!(sha256(&first), sha256(&zip(b"other").expect("a zip")));
    }

    #[test]
    fn the_zip_holds_one_executable_bootstrap_with_the_binary() {
        let bytes = zip(b"binary").expect("a zip");
        let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).expect("a readable zip");
        assert_eq!(archive.len(), 1);
        let mut file = archive.by_index(0).expect("one file");
        assert_eq!(file.name().expect("a name"), "bootstrap");
        assert_eq!(file.unix_mode().map(|mode| mode & 0o777), Some(0o755));
        let mut content = Vec::new();
        std::io::copy(&mut file, &mut content).expect("its content");
        assert_eq!(content, b"binary");
    }
}
