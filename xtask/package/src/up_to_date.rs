//! The zip of an earlier build, if packing the same binary would give the same bytes.
//!
//! Searching for the shortest stream is most of what a build without changes takes,
//! and every deploy builds.

use std::fs;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use libdeflater::{Decompressor, adler32};
use rawzip::ZipArchive;

use crate::package;

/// Deflate with a window of 32 KiB, and no preset dictionary.
const ZLIB_HEADER: [u8; 2] = [0x78, 0x01];

/// The zip at `path`, if it is younger than this program and is what packing `binary`
/// gives, as far as that can be told without packing: its stream unpacks to the binary,
/// and around the stream there is what there always is, and no more.
///
/// An older zip may be another packer's, whose streams are other ones.
pub(super) fn zip(path: &Path, binary: &[u8]) -> Option<Vec<u8>> {
    let zip = fs::read(path).ok()?;
    let program = modified(&std::env::current_exe().ok()?).ok()?;
    let is_younger = modified(path).ok()? > program;
    (is_younger && holds(&zip, binary)).then_some(zip)
}

fn modified(path: &Path) -> io::Result<SystemTime> {
    fs::metadata(path)?.modified()
}

/// Whether a zip is the one around its own stream, and that stream the binary's.
fn holds(zip: &[u8], binary: &[u8]) -> bool {
    let Some(deflated) = stream(zip) else {
        return false;
    };
    unpacks_to(deflated, binary) && package::archive(binary, deflated).is_ok_and(|anew| anew == zip)
}

/// The data of a zip's first file.
fn stream(zip: &[u8]) -> Option<&[u8]> {
    let archive = ZipArchive::from_slice(zip).ok()?;
    let file = archive.entries().next()?.ok()?.wayfinder();
    let (start, end) = archive.get_entry(file).ok()?.compressed_data_range();
    zip.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
}

/// Whether a deflate stream is that of a binary, to its last byte.
fn unpacks_to(deflated: &[u8], binary: &[u8]) -> bool {
    // Bytes behind a stream's end are ignored where only the stream is unpacked. As a
    // zlib stream (RFC 1950) it has its checksum right behind its end, where it is not
    // found if anything else follows; unless that begins with the very checksum.
    let checksum = adler32(binary).to_be_bytes();
    let stream = [&ZLIB_HEADER, deflated, &checksum].concat();
    let mut unpacked = vec![0; binary.len()];
    Decompressor::new()
        .zlib_decompress(&stream, &mut unpacked)
        .is_ok_and(|length| length == binary.len())
        && unpacked == binary
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;
    use std::path::PathBuf;
    use std::time::Duration;

    use flate2::read::DeflateDecoder;
    use tempfile::TempDir;

    use super::*;

    const BINARY: &[u8] = b"a binary, a binary, a binary";

    /// A folder with a file in it.
    fn file(bytes: &[u8]) -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("api.zip");
        fs::write(&path, bytes).expect("a file");
        (folder, path)
    }

    fn packed() -> Vec<u8> {
        package::zip(BINARY).expect("a zip")
    }

    #[test]
    fn what_was_packed_of_the_same_binary_is_taken() {
        let (_folder, path) = file(&packed());
        assert_eq!(zip(&path, BINARY), Some(packed()));
    }

    #[test]
    fn the_zip_of_another_binary_is_not() {
        let (_folder, path) = file(&packed());
        for other in [&b"a binary, a binary, a binarz"[..], b"a binary", b""] {
            assert_eq!(zip(&path, other), None);
        }
        assert_eq!(zip(&path.with_extension("gone"), BINARY), None);
    }

    #[test]
    fn a_zip_older_than_this_program_is_not() {
        let (_folder, path) = file(&packed());
        let program = modified(&std::env::current_exe().expect("a path")).expect("a time");
        for (seconds, taken) in [(0, false), (1, true)] {
            let time = program + Duration::from_secs(seconds);
            let opened = File::options().write(true).open(&path).expect("the file");
            opened.set_modified(time).expect("another time");
            assert_eq!(zip(&path, BINARY).is_some(), taken, "{seconds}");
        }
    }

    #[test]
    fn a_zip_with_any_byte_changed_lost_or_added_is_not() {
        let whole = packed();
        // A stream can say the same in other words; what it says is what counts there.
        let stream = stream(&whole).expect("a stream");
        let start = stream.as_ptr().addr() - whole.as_ptr().addr();
        let says_the_same = |zip: &[u8]| {
            let mut unpacked = Vec::new();
            DeflateDecoder::new(&zip[start..][..stream.len()])
                .read_to_end(&mut unpacked)
                .is_ok_and(|_| unpacked == BINARY)
        };
        for at in 0..whole.len() {
            assert!(!holds(&whole[..at], BINARY), "cut at {at}");
            for bit in 0..8 {
                let mut other = whole.clone();
                other[at] ^= 1 << bit;
                let in_other_words = (start..start + stream.len()).contains(&at);
                let taken = in_other_words && says_the_same(&other);
                assert_eq!(holds(&other, BINARY), taken, "bit {bit} of byte {at}");
            }
            let mut longer = whole.clone();
            longer.insert(at, 0);
            assert!(!holds(&longer, BINARY), "one more byte at {at}");
        }
        assert!(!holds(&[&whole[..], &[0]].concat(), BINARY));
    }

    #[test]
    fn a_zip_with_more_than_the_binary_in_it_is_not() {
        let stream = stream(&packed()).expect("a stream").to_vec();
        let with_a_tail = [&stream[..], b"and a passenger"].concat();
        let zip = package::archive(BINARY, &with_a_tail).expect("a zip");
        assert!(!holds(&zip, BINARY));
        assert!(holds(
            &package::archive(BINARY, &stream).expect("a zip"),
            BINARY
        ));
        let twice = [packed(), packed()].concat();
        assert!(!holds(&twice, BINARY));
    }
}
