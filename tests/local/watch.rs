//! Tests of `cargo xtask local --watch`, with a fake cargo that the tests control.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use serde_json::Value;
use tempfile::TempDir;
use tests::http::eventually;
use tests::local_stack::{LocalStack, Service, command};
use xtask::cargo::{Profile, build_binaries, output_dir};
use xtask::workspace;

use crate::command::{assert_fails, is_running};
use crate::page::{call_page_api, token};

/// The time limit for each condition, also on a busy machine.
const LIMIT: Duration = Duration::from_secs(30);

/// A fake cargo. Its build reports the binaries in the folder `built`. A build fails if the file
/// `broken` exists, and waits for the end of a slow compiler if the file `slow` exists.
const CARGO: &str = r#"#!/bin/bash
cd "${0%/*}" || exit
if [ "$1" = metadata ]; then
  echo "{\"target_directory\":\"$PWD/target\"}"
  exit
fi
env | grep ^AWS_ > credentials
if [ -e slow ]; then
  sleep 1000 &
  echo "$$ $!" > processes.new && mv processes.new processes
  wait
fi
echo build >> builds
if [ -e broken ]; then
  echo 'error: expected one of `!` or `::`, found `price`' >&2
  exit 101
fi
for name in api update; do
  echo "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"$name\"},\"executable\":\"$PWD/built/$name\"}"
done
"#;

/// A folder with the fake cargo, and the paths of the real functions.
struct Cargo {
    folder: TempDir,
    functions: Vec<PathBuf>,
}

impl Cargo {
    fn new() -> Self {
        let cargo = Cargo {
            folder: tempfile::tempdir().unwrap(),
            functions: build_binaries(&["api", "update"], Profile::Dev).unwrap(),
        };
        fs::create_dir(cargo.path("built")).unwrap();
        fs::create_dir(cargo.path("target")).unwrap();
        write_program(&cargo.path("cargo"), CARGO);
        cargo.set_limit(1);
        cargo
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Sets the result of the next build: the real functions with a rate limit that identifies the
    /// build, `5000{build}`.
    fn set_limit(&self, build: u32) {
        for function in &self.functions {
            let program = format!(
                "#!/bin/bash\nRATE_LIMIT_PER_MINUTE=5000{build} exec {}\n",
                function.display()
            );
            let name = function.file_name().unwrap().to_str().unwrap();
            write_program(&self.path("built").join(name), &program);
        }
    }

    fn builds(&self) -> usize {
        let builds = fs::read_to_string(self.path("builds")).unwrap_or_default();
        builds.lines().count()
    }

    async fn start(&self) -> LocalStack {
        let local = ["local", "--port=0", "--output=json", "--watch"];
        let mut command = command(local.into_iter().chain(["--every=1h", "--max-instances=3"]));
        command
            .env("CARGO", self.path("cargo"))
            .env("AWS_SECRET_ACCESS_KEY", "operator")
            // With this variable, the command would use the functions of the test run.
            .env_remove("XTASK_TEST_RUN");
        LocalStack::wait_until_ready(Service::start(command)).await
    }
}

/// Writes a program. Removes an existing file first, as cargo does.
fn write_program(path: &Path, text: &str) {
    let _ = fs::remove_file(path);
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// The exclusive right to change a source file. Only one test at a time may watch this checkout, because
/// every watching stack sees a change.
struct Source {
    _lock: File,
}

impl Source {
    fn lock() -> Self {
        let lock = File::create(output_dir().unwrap().join("watch-test.lock")).unwrap();
        lock.lock().unwrap();
        Source { _lock: lock }
    }

    /// Updates the modification time of a file that the functions are built from.
    #[expect(clippy::unused_self, reason = "only the owner of the lock may call it")]
    fn touch(&self) {
        let source = File::open(workspace::root().join("Cargo.toml")).unwrap();
        source.set_modified(SystemTime::now()).unwrap();
    }
}

/// Waits until the functions of this build respond.
async fn wait_for_build(stack: &LocalStack, build: u32) {
    let limit = format!("5000{build}");
    eventually("the new functions", LIMIT, async || {
        let answer = stack.get("/prices/BTC").await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        (answer.header("ratelimit-limit") == Some(&limit)).then_some(())
    })
    .await;
}

async fn build_error(stack: &LocalStack, token: &str) -> Value {
    call_page_api(stack, token, "state", None).await["buildError"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_functions_are_swapped_without_a_failed_request_or_a_lost_price() {
    let source = Source::lock();
    let cargo = Cargo::new();
    let stack = Arc::new(cargo.start().await);
    let token = token(&stack).await;
    let before = stack.get("/prices/BTC").await.json()["data"].clone();
    let is_over = Arc::new(AtomicBool::new(false));
    let clients = [(); 4].map(|()| {
        let (stack, is_over) = (Arc::clone(&stack), Arc::clone(&is_over));
        tokio::spawn(async move {
            let mut limits = BTreeSet::new();
            while !is_over.load(Ordering::Relaxed) {
                let answer = stack.get("/prices/BTC").await;
                assert_eq!(answer.status, 200, "{}", answer.text);
                limits.insert(answer.header("ratelimit-limit").unwrap().to_owned());
            }
            limits
        })
    });

    for build in [2, 3] {
        cargo.set_limit(build);
        source.touch();
        wait_for_build(&stack, build).await;
        // No process of an older build responds.
        for _ in 0..20 {
            let answer = stack.get("/prices/BTC").await;
            let limit = format!("5000{build}");
            assert_eq!(answer.header("ratelimit-limit"), Some(&*limit));
        }
    }
    assert_eq!(cargo.builds(), 3);
    assert_eq!(fs::read_to_string(cargo.path("credentials")).unwrap(), "");

    assert_eq!(build_error(&stack, &token).await, Value::Null);
    fs::write(cargo.path("broken"), "").unwrap();
    cargo.set_limit(4);
    source.touch();
    let error = eventually("a build error", LIMIT, async || {
        let error = build_error(&stack, &token).await;
        error.as_str().map(ToOwned::to_owned)
    });
    let error = error.await;
    assert!(error.contains("found `price`"), "{error}");
    let stderr = stack.service.stderr();
    assert!(stderr.contains("found `price`"), "{stderr}");
    assert!(stderr.contains("the old functions continue"), "{stderr}");
    wait_for_build(&stack, 3).await;

    // A change during a build starts another build.
    fs::write(cargo.path("slow"), "").unwrap();
    source.touch();
    eventually("a build", LIMIT, async || {
        cargo.path("processes").exists().then_some(())
    })
    .await;
    source.touch();
    fs::remove_file(cargo.path("slow")).unwrap();
    fs::remove_file(cargo.path("broken")).unwrap();
    let processes = fs::read_to_string(cargo.path("processes")).unwrap();
    let compiler = processes.split_whitespace().last().unwrap().parse();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(compiler.unwrap()),
        Signal::SIGTERM,
    )
    .unwrap();
    wait_for_build(&stack, 4).await;
    eventually("another build", LIMIT, async || {
        (cargo.builds() == 6).then_some(())
    })
    .await;
    eventually("no build error", LIMIT, async || {
        build_error(&stack, &token).await.is_null().then_some(())
    })
    .await;

    is_over.store(true, Ordering::Relaxed);
    let mut limits = BTreeSet::new();
    for client in clients {
        limits.extend(client.await.unwrap());
    }
    let expected = [1, 2, 3, 4].map(|build| format!("5000{build}"));
    assert_eq!(limits, BTreeSet::from(expected));
    // The table still has the price of the first update, and the key is still valid.
    let after = stack.get("/prices/BTC").await.json()["data"].clone();
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_signal_during_a_build_ends_the_build_and_removes_the_links_to_binaries() {
    let source = Source::lock();
    let cargo = Cargo::new();
    let stack = cargo.start().await;
    fs::write(cargo.path("slow"), "").unwrap();
    source.touch();
    let processes = eventually("a build", LIMIT, async || {
        fs::read_to_string(cargo.path("processes")).ok()
    })
    .await;
    let (status, _, stderr) = stack.service.stop(Signal::SIGINT).await;
    assert_eq!(status.code(), Some(0), "{stderr}");
    let processes = processes.split_whitespace().map(|id| id.parse().unwrap());
    let processes: Vec<u32> = processes.collect();
    assert_eq!(processes.len(), 2);
    eventually("the end of the build", LIMIT, async || {
        processes.iter().all(|id| !is_running(*id)).then_some(())
    })
    .await;
    // The links to the binaries were removed, and only the folder of the build is left.
    let output = fs::read_dir(cargo.path("target")).unwrap();
    let output = output.map(|checkout| fs::read_dir(checkout.unwrap().path()).unwrap());
    let names = output.flatten().map(|entry| entry.unwrap().file_name());
    assert_eq!(names.collect::<Vec<_>>(), ["dev"]);
}

#[tokio::test]
async fn watch_is_refused_if_a_test_run_provides_the_binaries() {
    let folder = tempfile::tempdir().unwrap();
    let lock = File::create(folder.path().join("lock")).unwrap();
    lock.lock().unwrap();
    fs::create_dir(folder.path().join("dev")).unwrap();
    for name in ["api", "update"] {
        fs::write(folder.path().join("dev").join(name), "").unwrap();
    }
    let mut command = command(["local", "--port=0", "--watch"]);
    let output = command.env("XTASK_TEST_RUN", folder.path()).output().await;
    let parts = ["--watch cannot build", "hint: unset XTASK_TEST_RUN"];
    assert_fails(&output.unwrap(), 2, &parts);
}
