//! Packs a binary into a function's zip. The bytes of the zip do not depend on the time or the folder
//! of the build. A file of digests beside the zip shows a later build whether the zip is up to date.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context as _;
use infra::Sha256Digest;
use libdeflater::{CompressionLvl, Compressor};
use rawzip::time::UtcDateTime;
use rawzip::{CompressionMethod, ZipArchiveWriter};
use xtask::files;

/// The file that the `provided` runtimes start.
const BOOTSTRAP: &str = "bootstrap";
/// A regular file that every user may read and execute.
const MODE: u32 = 0o100_755;

#[derive(Debug, PartialEq, Eq)]
pub(super) struct Zip {
    pub(super) bytes: u64,
    pub(super) sha256: Sha256Digest,
}

impl Zip {
    fn of(zip: &[u8]) -> Self {
        Zip {
            bytes: zip.len() as u64,
            sha256: Sha256Digest::of(zip),
        }
    }
}

/// Packs a binary into the zip at `path`, unless an earlier build has packed the same binary. Without
/// this check, compression would take most of the time of a deploy's build without changes.
pub(super) fn pack(path: &Path, binary: &[u8]) -> anyhow::Result<Zip> {
    let binary_sha256 = Sha256Digest::of(binary);
    if let Some(zip) = up_to_date(path, &binary_sha256) {
        return Ok(zip);
    }
    let folder = path.parent().context("finding the folder of a zip")?;
    fs::create_dir_all(folder)
        .with_context(|| format!("creating the folder {}", folder.display()))?;
    let bytes = zip(binary)?;
    let zip = Zip::of(&bytes);
    files::replace(path, bytes, files::PUBLIC)?;
    let digests = digests(&binary_sha256, &zip);
    files::replace(&digests_path(path), digests, files::PUBLIC)?;
    Ok(zip)
}

/// Returns the zip at `path` if the digests beside it match the binary and the zip, and are newer
/// than this program. An older program may have packed differently.
fn up_to_date(path: &Path, binary_sha256: &Sha256Digest) -> Option<Zip> {
    let zip = Zip::of(&fs::read(path).ok()?);
    let beside = digests_path(path);
    let program = modified(&env::current_exe().ok()?).ok()?;
    let is_newer = modified(&beside).ok()? > program;
    let is_same = fs::read_to_string(beside).ok()? == digests(binary_sha256, &zip);
    (is_newer && is_same).then_some(zip)
}

fn digests(binary_sha256: &Sha256Digest, zip: &Zip) -> String {
    format!("{binary_sha256}  {BOOTSTRAP}\n{}  zip\n", zip.sha256)
}

/// Returns `api.zip.sha256` for `api.zip`.
fn digests_path(path: &Path) -> PathBuf {
    path.with_added_extension("sha256")
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// Zips a binary as `bootstrap`, with the earliest time that the zip format allows.
fn zip(binary: &[u8]) -> anyhow::Result<Vec<u8>> {
    let epoch = UtcDateTime::from_components(1980, 1, 1, 0, 0, 0, 0)
        .context("setting the time 1980-01-01 in a zip")?;
    let mut archive = ZipArchiveWriter::new(Vec::new());
    let (mut entry, config) = archive
        .new_file(BOOTSTRAP)
        .compression_method(CompressionMethod::DEFLATE)
        .last_modified(epoch)
        .unix_permissions(MODE)
        .start()?;
    // The checksum of a zip entry is computed from the uncompressed bytes.
    let mut checksum = config.wrap(io::sink());
    checksum.write_all(binary)?;
    let (_, descriptor) = checksum.finish()?;
    entry.write_all(&deflate(binary)?)?;
    entry.finish(descriptor)?;
    Ok(archive.finish()?)
}

/// Compresses bytes with libdeflate's best level. The result is 3 % smaller than with zlib's best
/// level, and every cold start loads it.
fn deflate(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut compressor = Compressor::new(CompressionLvl::best());
    let mut deflated = vec![0; compressor.deflate_compress_bound(bytes.len())];
    let length = compressor.deflate_compress(bytes, &mut deflated)?;
    deflated.truncate(length);
    Ok(deflated)
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::time::Duration;

    use tempfile::TempDir;

    use super::*;

    /// A zip in a temporary folder.
    struct Packed {
        _folder: TempDir,
        path: PathBuf,
        zip: Zip,
    }

    impl Packed {
        fn new() -> Self {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("new/api.zip");
            let zip = pack(&path, b"binary").expect("a zip");
            Packed {
                _folder: folder,
                path,
                zip,
            }
        }

        /// Returns true if packing `binary` does not write the file.
        fn is_kept(&self, binary: &[u8]) -> bool {
            let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1);
            if let Ok(file) = File::options().write(true).open(&self.path) {
                file.set_modified(long_ago).expect("another time");
            }
            let packed = pack(&self.path, binary).expect("a zip");
            let expected = zip(binary).expect("a zip");
            assert_eq!(fs::read(&self.path).expect("the zip"), expected);
            assert_eq!(packed, Zip::of(&expected));
            modified(&self.path).expect("a time") == long_ago
        }
    }

    #[test]
    fn the_zip_of_the_same_binary_is_kept() {
        let packed = Packed::new();
        assert_eq!(packed.zip, Zip::of(&fs::read(&packed.path).expect("a zip")));
        assert!(packed.is_kept(b"binary"));
        assert!(packed.is_kept(b"binary"));
    }

    #[test]
    fn the_zip_of_another_binary_is_replaced() {
        let packed = Packed::new();
        assert!(!packed.is_kept(b"binarz"));
        assert!(packed.is_kept(b"binarz"));
        assert!(!packed.is_kept(b""));
    }

    #[test]
    fn a_changed_zip_is_replaced() {
        let packed = Packed::new();
        let whole = fs::read(&packed.path).expect("a zip");
        let longer = [&whole[..], &[0]].concat();
        let mut other = whole.clone();
        other[0] ^= 1;
        for bytes in [&whole[1..], &longer, &other, b""] {
            fs::write(&packed.path, bytes).expect("another zip");
            assert!(!packed.is_kept(b"binary"), "{bytes:?}");
        }
        fs::remove_file(&packed.path).expect("a zip");
        assert!(!packed.is_kept(b"binary"));
    }

    #[test]
    fn missing_and_truncated_digests_are_ignored() {
        let packed = Packed::new();
        let beside = digests_path(&packed.path);
        fs::remove_file(&beside).expect("digests");
        assert!(!packed.is_kept(b"binary"));
        let text = fs::read(&beside).expect("digests");
        fs::write(&beside, &text[..text.len() - 1]).expect("a file");
        assert!(!packed.is_kept(b"binary"));
    }

    #[test]
    fn digests_that_are_not_newer_than_this_program_are_ignored() {
        let program = modified(&env::current_exe().expect("a path")).expect("a time");
        for (seconds, is_kept) in [(0, false), (1, true)] {
            let packed = Packed::new();
            let beside = File::options()
                .write(true)
                .open(digests_path(&packed.path))
                .expect("digests");
            let time = program + Duration::from_secs(seconds);
            beside.set_modified(time).expect("another time");
            assert_eq!(packed.is_kept(b"binary"), is_kept, "{seconds}");
        }
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
