//! A function's zip: `bootstrap`, and not one byte that depends on when or
//! where it was made.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use libdeflater::{CompressionLvl, Compressor};
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use xtask::files;

/// What the `provided` runtimes start.
const BOOTSTRAP: &str = "bootstrap";
/// A regular file that everybody may read and execute.
const MODE: u32 = 0o100_755;

/// Packs a binary as `bootstrap`.
pub(super) fn zip(binary: &[u8]) -> anyhow::Result<Vec<u8>> {
    archive(binary, &deflate(binary)?)
}

/// The zip of a binary that is deflated already, with the first moment that a zip can
/// name.
pub(super) fn archive(binary: &[u8], deflated: &[u8]) -> anyhow::Result<Vec<u8>> {
    let epoch = UtcDateTime::from_components(1980, 1, 1, 0, 0, 0, 0)
        .context("a zip's first moment is a moment")?;
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) = archive
        .new_file(BOOTSTRAP)
        .compression_method(CompressionMethod::DEFLATE)
        .last_modified(epoch)
        .unix_permissions(MODE)
        .start()?;
    // The checksum is of what is packed, and the bytes are those that it becomes.
    let mut checksum = config.wrap(io::sink());
    checksum.write_all(binary)?;
    let (_, descriptor) = checksum.finish()?;
    entry.write_all(deflated)?;
    entry.finish(descriptor)?;
    Ok(archive.finish()?)
}

/// The shortest deflate stream that libdeflate finds: 3 % less to load at every cold
/// start than zlib's best.
fn deflate(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut deflated = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut deflated)?;
    deflated.truncate(length);
    Ok(deflated)
}

/// Writes a zip in one step: a build that is killed leaves no half zip.
pub(super) fn write(path: &Path, zip: &[u8]) -> anyhow::Result<()> {
    let folder = path.parent().context("a zip is in a folder")?;
    fs::create_dir_all(folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    Ok(files::replace(path, zip, files::PUBLIC)?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn the_same_binary_gives_the_same_zip() {
        let first = zip(b"binary").expect("a zip");
        let second = zip(b"binary").expect("a zip");
        assert_eq!(first, second);
        assert_ne!(first, zip(b"other").expect("a zip"));
    }

    #[test]
    fn the_zip_holds_one_executable_bootstrap_with_the_binary() {
        let bytes = zip(b"binary").expect("a zip");
        let archive = rawzip::ZipArchive::from_slice(&bytes).expect("a readable zip");
        let entries: Vec<_> = archive
            .entries()
            .map(|entry| entry.expect("an entry"))
            .collect();
        let [file] = entries.as_slice() else {
            panic!("{} files", entries.len());
        };
        assert_eq!(file.file_path().as_ref(), BOOTSTRAP.as_bytes());
        assert_eq!(file.mode().value(), MODE);
        let data = archive
            .get_entry(file.wayfinder())
            .expect("its data")
            .data();
        let mut content = Vec::new();
        flate2::read::DeflateDecoder::new(data)
            .read_to_end(&mut content)
            .expect("deflated data");
        assert_eq!(content, b"binary");
    }
}
