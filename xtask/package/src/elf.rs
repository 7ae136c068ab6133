//! A check that Amazon Linux 2023 can load a binary.

use std::fmt;

use cfn::resources::lambda::Architecture;
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, elf};
use xtask::linker::{AMAZON_LINUX_2023, Glibc};

/// The reason why a binary cannot be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ElfError {
    /// The file is not 64-bit ELF, or it is damaged.
    NotElf(String),
    WrongMachine(Architecture),
    GlibcTooNew(Glibc),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ElfError::NotElf(reason) => write!(f, "the binary is not a 64-bit ELF file: {reason}"),
            ElfError::WrongMachine(Architecture::Arm64) => {
                f.write_str("the binary is not for arm64")
            }
            ElfError::WrongMachine(Architecture::X86_64) => {
                f.write_str("the binary is not for x86_64")
            }
            ElfError::GlibcTooNew(needed) => {
                write!(
                    f,
                    "the binary needs {needed}, newer than {AMAZON_LINUX_2023}"
                )
            }
        }
    }
}

/// Checks the architecture of a binary, and the newest glibc version that its symbols need.
pub(super) fn check(binary: &[u8], architecture: Architecture) -> Result<(), ElfError> {
    let not_elf = |error: object::Error| ElfError::NotElf(error.to_string());
    let file = ElfFile64::<Endianness>::parse(binary).map_err(not_elf)?;
    let machine = match architecture {
        Architecture::Arm64 => elf::EM_AARCH64,
        Architecture::X86_64 => elf::EM_X86_64,
    };
    if file.elf_header().e_machine(file.endian()) != machine {
        return Err(ElfError::WrongMachine(architecture));
    }
    match newest_glibc(&file).map_err(not_elf)? {
        Some(needed) if needed > AMAZON_LINUX_2023 => Err(ElfError::GlibcTooNew(needed)),
        _ => Ok(()),
    }
}

/// Returns the newest `GLIBC_x.y` among the symbol versions that a binary imports, or `None` for a
/// static binary.
fn newest_glibc(file: &ElfFile64<'_, Endianness>) -> object::read::Result<Option<Glibc>> {
    let endian = file.endian();
    let sections = file.elf_section_table();
    let Some((mut needed, strings)) = sections.gnu_verneed(endian, file.data())? else {
        return Ok(None);
    };
    let strings = sections.strings(endian, file.data(), strings)?;
    let mut newest = None;
    while let Some((_library, mut versions)) = needed.next()? {
        while let Some(version) = versions.next()? {
            let name = version.name(endian, strings)?;
            newest = newest.max(parse_glibc(&String::from_utf8_lossy(name)));
        }
    }
    Ok(newest)
}

/// Parses a name such as `GLIBC_2.34`. Returns `None` for `GLIBC_PRIVATE` and for the versions of
/// other libraries.
fn parse_glibc(name: &str) -> Option<Glibc> {
    Glibc::parse(name.strip_prefix("GLIBC_")?)
}

// The tests check their own binary, which is an ELF file only on Linux.
#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn own_binary() -> Vec<u8> {
        std::fs::read("/proc/self/exe").unwrap_or_default()
    }

    fn own_architecture() -> Architecture {
        if cfg!(target_arch = "aarch64") {
            Architecture::Arm64
        } else {
            Architecture::X86_64
        }
    }

    #[test]
    fn only_symbol_versions_of_glibc_are_parsed() {
        assert_eq!(parse_glibc("GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(parse_glibc("GLIBC_PRIVATE"), None);
        assert_eq!(parse_glibc("GCC_3.0"), None);
    }

    #[test]
    fn the_newest_glibc_version_of_a_real_binary_is_found() {
        let binary = own_binary();
        let file = ElfFile64::<Endianness>::parse(&*binary).expect("an ELF file");
        let newest = newest_glibc(&file).expect("readable versions");
        assert!(newest >= Some(Glibc(2, 2)), "{newest:?}");
    }

    #[test]
    fn a_binary_for_another_machine_is_refused() {
        let other = match own_architecture() {
            Architecture::Arm64 => Architecture::X86_64,
            Architecture::X86_64 => Architecture::Arm64,
        };
        assert_eq!(
            check(&own_binary(), other),
            Err(ElfError::WrongMachine(other))
        );
    }

    #[test]
    fn a_file_that_is_not_elf_is_refused() {
        let error = check(b"#!/bin/sh\n", Architecture::X86_64).expect_err("refused");
        assert!(matches!(error, ElfError::NotElf(_)), "{error}");
    }

    #[test]
    fn a_binary_that_needs_a_newer_c_library_is_refused() {
        // Replaces the version's name everywhere in the binary by a newer one of the same length.
        let mut binary = own_binary();
        let name = b"GLIBC_2.34\0";
        let newer = b"GLIBC_2.99\0";
        let mut found = false;
        for at in 0..binary.len().saturating_sub(name.len()) {
            if binary[at..].starts_with(name) {
                binary[at..at + name.len()].copy_from_slice(newer);
                found = true;
            }
        }
        assert!(found, "the test binary does not need GLIBC_2.34");
        assert_eq!(
            check(&binary, own_architecture()),
            Err(ElfError::GlibcTooNew(Glibc(2, 99)))
        );
    }
}
