//! Signals that a process ignores from its start.

use std::fs;

/// Returns true if the process was started with SIGHUP ignored, as `nohup` does, so that the process
/// survives a closed terminal. Call this function before anything listens for the signal. It returns
/// false without `/proc`.
pub fn ignores_hangup() -> bool {
    fs::read_to_string("/proc/self/status").is_ok_and(|status| is_ignored(&status, 1))
}

/// Returns true if `SigIgn` of a status file contains a signal. `SigIgn` is a hexadecimal mask, and
/// its lowest bit is signal 1, SIGHUP
/// (<https://man7.org/linux/man-pages/man5/proc_pid_status.5.html>).
fn is_ignored(status: &str, signal: u32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << (signal - 1)) != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_a_bit_of_the_mask() {
        let status = |mask| format!("Name:\tapi\nSigBlk:\t0000000000000001\nSigIgn:\t{mask}\n");
        assert!(is_ignored(&status("0000000000000001"), 1));
        assert!(is_ignored(&status("0000000000001007"), 1));
        assert!(!is_ignored(&status("0000000000001006"), 1));
        assert!(!is_ignored("", 1));
    }
}
