//! Tests of the listening sockets of the local stack, which Linux lists in `/proc`.

use std::collections::HashSet;
use std::net::SocketAddr;

use procfs::net::TcpState;
use procfs::process::{FDTarget, Process, all_processes};
use tests::local_stack::LocalStack;

/// Returns the sockets on which a process and its children listen.
fn listening(pid: u32) -> Vec<SocketAddr> {
    let pid = i32::try_from(pid).unwrap();
    let parent = Process::new(pid).unwrap();
    let children = all_processes().unwrap().filter_map(Result::ok);
    let children = children.filter(|child| child.stat().is_ok_and(|stat| stat.ppid == pid));
    let sockets: HashSet<u64> = children
        .chain([Process::new(pid).unwrap()])
        .filter_map(|process| process.fd().ok())
        .flatten()
        .filter_map(|fd| match fd.ok()?.target {
            FDTarget::Socket(inode) => Some(inode),
            _ => None,
        })
        .collect();
    let ipv4 = parent.tcp().unwrap();
    // Absent on a machine without IPv6.
    let ipv6 = parent.tcp6().unwrap_or_default();
    ipv4.into_iter()
        .chain(ipv6)
        .filter(|entry| entry.state == TcpState::Listen && sockets.contains(&entry.inode))
        .map(|entry| entry.local_address)
        .collect()
}

#[tokio::test]
async fn without_host_the_stack_listens_only_on_loopback() {
    for arguments in [&[][..], &["--https"]] {
        let stack = LocalStack::start(arguments).await;
        let bound = listening(stack.service.pid());
        // The sockets of the API, the table, the feed, and at least one Runtime API.
        assert!(bound.len() >= 4, "{bound:?}");
        let outside: Vec<_> = bound.iter().filter(|at| !at.ip().is_loopback()).collect();
        assert!(outside.is_empty(), "{outside:?}");
    }
}

#[tokio::test]
async fn with_host_nothing_but_the_api_listens_outside_loopback() {
    let stack = LocalStack::start(&["--host", "0.0.0.0"]).await;
    let bound = listening(stack.service.pid());
    let outside: Vec<_> = bound.iter().filter(|at| !at.ip().is_loopback()).collect();
    let [api] = outside[..] else {
        panic!("{outside:?}");
    };
    assert!(stack.url.ends_with(&format!(":{}", api.port())));
    let warning = "warning: without --https";
    assert!(
        !stack.service.stderr().contains(warning),
        "JSON output has no warnings"
    );
}
