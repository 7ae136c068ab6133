//! Signals that a process ignores from its start.

use std::{fs, process};

use crate::tools;

/// Returns true if the process was started with SIGHUP ignored, as `nohup` does, so that the process
/// survives a closed terminal. Call this function before anything listens for the signal.
pub fn ignores_hangup() -> bool {
    let status = fs::read_to_string("/proc/self/status").ok();
    let mask = status.map_or_else(mask_of_ps, |status| mask_of_status(&status));
    mask.is_some_and(|mask| is_ignored(&mask, 1))
}

/// Returns the mask of ignored signals in a `/proc/PID/status` file
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn mask_of_status(status: &str) -> Option<String> {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.map(str::to_owned)
}

/// Returns the mask of this process on a system without `/proc`, such as macOS.
fn mask_of_ps() -> Option<String> {
    let id = process::id().to_string();
    tools::first_line("ps", &["-o", "ignored=", "-p", &id])
}

/// Returns true if a hexadecimal mask contains a signal. Its lowest bit is signal 1, SIGHUP.
fn is_ignored(mask: &str, signal: u32) -> bool {
    let mask = u64::from_str_radix(mask.trim(), 16);
    mask.is_ok_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_a_bit_of_the_mask() {
        // SIGHUP is the lowest bit: 7 contains it, and 6 does not.
        for (mask, expected) in [
            ("\t0000000000001007", true),
            (" 1001 ", true),
            ("1006", false),
        ] {
            assert_eq!(is_ignored(mask, 1), expected, "{mask}");
        }
        assert!(!is_ignored("", 1));
    }

    #[test]
    fn a_status_file_has_the_mask_of_ignored_signals() {
        let status = "Name:\tapi\nSigBlk:\t0000000000000001\nSigIgn:\t0000000000001006\n";
        let mask = mask_of_status(status).expect("a mask");
        assert_eq!(mask.trim(), "0000000000001006");
        assert_eq!(mask_of_status(""), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn ps_prints_the_mask_of_the_status_file() {
        if !tools::PS.is_installed() {
            return;
        }
        let status = fs::read_to_string("/proc/self/status").expect("a status file");
        let [status, ps] =
            [mask_of_status(&status), mask_of_ps()].map(|mask| mask.expect("a mask"));
        assert_eq!(ps.trim(), status.trim());
    }
}
