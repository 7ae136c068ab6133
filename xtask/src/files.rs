//! Writes files. Each file is written completely or not at all, and only a regular file is replaced.

use std::fs::{self, File, FileType, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::Path;

use crate::failure::Failure;

/// The mode of a new file that every user may read, before the umask.
pub const PUBLIC: u32 = 0o666;
/// The mode of a new file for its owner only.
pub const PRIVATE: u32 = 0o600;

/// Writes a file in one step: a reader sees the old content or the new one.
///
/// # Errors
///
/// As [`check_replaceable`], and if the file cannot be written.
pub fn replace(path: &Path, bytes: impl AsRef<[u8]>, mode: u32) -> Result<(), Failure> {
    check_replaceable(path)?;
    write_beside(path, bytes.as_ref(), mode)
        .map_err(|error| Failure::new(format!("could not write {}: {error}", path.display())))
}

/// Refuses a path at which something other than a regular file exists. [`replace`] would delete a
/// device or a symbolic link instead of writing to it.
///
/// # Errors
///
/// If something other than a regular file exists, or the path cannot be examined.
pub fn check_replaceable(path: &Path) -> Result<(), Failure> {
    let found = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_file() => return Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Ok(metadata) => kind(metadata.file_type()).to_owned(),
        Err(error) => error.to_string(),
    };
    Err(
        Failure::usage(format!("could not write {}: {found}", path.display()))
            .hint("pass the path of a regular file or of a new file"),
    )
}

fn kind(file: FileType) -> &'static str {
    if file.is_symlink() {
        "it is a symbolic link"
    } else if file.is_dir() {
        "it is a directory"
    } else if file.is_char_device() || file.is_block_device() {
        "it is a device"
    } else {
        "it is a pipe or a socket"
    }
}

/// Returns the folder of a file; `.` for a name without a folder.
pub fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let unfinished = folder(path).join(format!(".{name}.{}", std::process::id()));
    // A killed process with the same id may have left its file.
    let _ = fs::remove_file(&unfinished);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&unfinished)
        .and_then(|file| fill(file, bytes))
        .and_then(|()| fs::rename(&unfinished, path));
    if written.is_err() {
        let _ = fs::remove_file(&unfinished);
    }
    written
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).expect("a folder");
        let mut names: Vec<String> = entries
            .map(|entry| {
                entry
                    .expect("an entry")
                    .file_name()
                    .to_string_lossy()
                    .into_owned()
            })
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_regular_file_is_replaced_without_leftover_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("plan.json");
        for bytes in ["first", "second"] {
            replace(&path, bytes, PRIVATE).expect("a file");
            assert_eq!(fs::read_to_string(&path).expect("a file"), bytes);
            let mode = fs::metadata(&path).expect("a file").permissions().mode();
            assert_eq!(mode & 0o777, PRIVATE);
        }
        assert_eq!(names(folder.path()), ["plan.json"]);
    }

    #[test]
    fn anything_but_a_regular_file_is_kept_and_the_error_names_its_kind() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("folder")).expect("a folder");
        fs::write(at("target"), "kept").expect("a file");
        symlink(at("target"), at("link")).expect("a link");
        symlink(at("nowhere"), at("dangling")).expect("a link");
        let _socket = UnixListener::bind(at("socket")).expect("a socket");
        let before = names(folder.path());
        for (path, found) in [
            (at("folder"), "it is a directory"),
            (at("link"), "it is a symbolic link"),
            (at("dangling"), "it is a symbolic link"),
            (at("socket"), "it is a pipe or a socket"),
            (Path::new("/dev/null").to_owned(), "it is a device"),
            (Path::new("/").to_owned(), "it is a directory"),
        ] {
            let refused = replace(&path, "new", PUBLIC).expect_err("no regular file");
            let expected = format!("could not write {}: {found}", path.display());
            assert_eq!(refused.to_string(), expected);
            assert!(refused.hint_text().is_some());
        }
        assert_eq!(names(folder.path()), before);
        assert_eq!(fs::read_to_string(at("target")).expect("a file"), "kept");
        assert!(at("link").is_symlink());
    }

    #[test]
    fn a_file_that_cannot_be_written_leaves_nothing_behind() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("missing/plan.json");
        let failed = replace(&path, "new", PUBLIC).expect_err("no folder");
        assert!(failed.to_string().contains("missing/plan.json"), "{failed}");
        assert!(names(folder.path()).is_empty());
    }
}
