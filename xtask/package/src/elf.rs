//! Whether Amazon Linux 2023 could load a binary.

use cfn::resources::lambda::Architecture;
use object::read::elf::{ElfFile64, FileHeader as _};
use object::{Endianness, elf};

/// The C library of Amazon Linux 2023, which is what `provided.al2023` runs on.
const AMAZON_LINUX_2023_GLIBC: Glibc = Glibc(2, 34);

/// A version of the GNU C library.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Glibc(u32, u32);

impl std::fmt::Display for Glibc {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// Why a binary could not be loaded.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum ElfError {
    /// It is no 64-bit ELF file, or a damaged one.
    NotElf(String),
    /// It is for another machine.
    WrongMachine(Architecture),
    /// It needs symbols that the C library there does not have.
    GlibcTooNew(Glibc),
}

impl std::fmt::Display for ElfError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ElfError::NotElf(why) => write!(f, "it is no 64-bit ELF file: {why}"),
            ElfError::WrongMachine(Architecture::Arm64) => f.write_str("it is not for arm64"),
            ElfError::WrongMachine(Architecture::X86_64) => f.write_str("it is not for x86_64"),
            ElfError::GlibcTooNew(needed) => write!(
                f,
                "it needs glibc {needed} and there is {AMAZON_LINUX_2023_GLIBC}"
            ),
        }
    }
}

impl ElfError {
    /// The way out.
    pub(super) const fn hint(&self) -> &'static str {
        match self {
            ElfError::NotElf(_) => "build on Linux, or for a Linux target",
            ElfError::WrongMachine(_) => {
                "build on a machine of that architecture, or install its Rust target and linker"
            }
            ElfError::GlibcTooNew(_) => {
                "build on a system with glibc 2.34 or older, such as Amazon Linux 2023, or link with cargo-zigbuild"
            }
        }
    }
}

/// Checks the machine, and the newest C library symbol that a binary needs.
pub(super) fn check(binary: &[u8], architecture: Architecture) -> Result<(), ElfError> {
    let not_elf = |error: object::Error| ElfError::NotElf(error.to_string());
    let file = ElfFile64::<Endianness>::parse(binary).map_err(not_elf)?;
    let endian = file.endian();
    let machine = match architecture {
        Architecture::Arm64 => elf::EM_AARCH64,
        Architecture::X86_64 => elf::EM_X86_64,
    };
    if file.elf_header().e_machine(endian) != machine {
        return Err(ElfError::WrongMachine(architecture));
    }
    match newest_glibc(&file).map_err(not_elf)? {
        Some(needed) if needed > AMAZON_LINUX_2023_GLIBC => Err(ElfError::GlibcTooNew(needed)),
        _ => Ok(()),
    }
}

/// The newest `GLIBC_x.y` among the versions that the binary needs of its
/// libraries; none for a static binary.
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

/// `GLIBC_2.34`, and not `GLIBC_PRIVATE` or another library's version.
fn parse_glibc(name: &str) -> Option<Glibc> {
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.').map(str::parse);
    Some(Glibc(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The test's own binary: a real ELF file for this machine.
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
    fn versions_are_compared_as_numbers() {
        assert!(parse_glibc("GLIBC_2.4") < parse_glibc("GLIBC_2.34"));
        assert_eq!(parse_glibc("GLIBC_2.2.5"), Some(Glibc(2, 2)));
        assert_eq!(parse_glibc("GLIBC_PRIVATE"), None);
        assert_eq!(parse_glibc("GCC_3.0"), None);
    }

    #[test]
    fn the_newest_symbol_of_a_real_binary_is_found() {
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
    fn what_is_no_elf_file_is_refused() {
        let error = check(b"#!/bin/sh\n", Architecture::X86_64).expect_err("refused");
        assert!(matches!(error, ElfError::NotElf(_)), "{error}");
    }

    #[test]
    fn a_binary_that_needs_a_newer_c_library_is_refused() {
        // The version's name stands in the string table of the real binary;
        // with a higher number in the same place it is a newer one.
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
        assert!(found, "this machine's binaries name GLIBC_2.34");
        assert_eq!(
            check(&binary, own_architecture()),
            Err(ElfError::GlibcTooNew(Glibc(2, 99)))
        );
    }
}
