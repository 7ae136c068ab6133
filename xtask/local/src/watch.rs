//! `--watch`: builds the functions when their sources change, and replaces their processes.

use std::future;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use contract::Function;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;
use xtask::failure::{self, Failure};
use xtask::{cargo, output, workspace};

use crate::binaries::{self, Binaries, Binary};
use crate::stack::LocalStack;

/// The time without a change after which a build starts. Editors save a file in several steps, and
/// some save several files at once.
const QUIET: Duration = Duration::from_millis(50);

const FUNCTIONS: &str = "functions";

pub(crate) struct Sources {
    changes: UnboundedReceiver<PathBuf>,
    /// Ends the watch when it is dropped.
    _watcher: RecommendedWatcher,
}

impl Sources {
    /// Begins to watch the sources of this checkout.
    pub(crate) fn watch_checkout() -> anyhow::Result<Self> {
        cargo::refuse_prebuilt(&Function::SERVING.map(Function::name), "--watch")?;
        Sources::watch(workspace::root())
    }

    fn watch(root: &Path) -> anyhow::Result<Self> {
        let (sender, changes) = unbounded_channel();
        let checkout = root.to_owned();
        let on_event = move |event: notify::Result<Event>| match event {
            // A build reads the sources, so a read must not start a build.
            Ok(event) if event.kind.is_access() => {}
            Ok(event) => {
                for path in event.paths {
                    let path = path.strip_prefix(&checkout).unwrap_or(&path);
                    if is_source(path) {
                        // Sending fails only while the command stops.
                        let _ = sender.send(path.to_owned());
                    }
                }
            }
            Err(error) => {
                output::progress(format_args!("warning: watching the sources: {error}"));
            }
        };
        let watch = || {
            let mut watcher = notify::recommended_watcher(on_event)?;
            // The folders are watched and not the files: when an editor replaces a file, the watch of
            // that file ends.
            watcher.watch(root, RecursiveMode::NonRecursive)?;
            watcher.watch(&root.join(FUNCTIONS), RecursiveMode::Recursive)?;
            Ok(watcher)
        };
        let watcher = watch().map_err(|error: notify::Error| {
            Failure::new(format!("could not watch the sources: {error}"))
                .hint("run without --watch, or raise the limit fs.inotify.max_user_watches")
        })?;
        Ok(Sources {
            changes,
            _watcher: watcher,
        })
    }

    /// Waits until a source has changed and no further change follows. Returns the path of the first
    /// change.
    async fn changed(&mut self) -> PathBuf {
        let Some(first) = self.changes.recv().await else {
            return future::pending().await;
        };
        while let Ok(Some(_)) = timeout(QUIET, self.changes.recv()).await {}
        first
    }

    /// Builds the functions after each change and replaces their processes. A change during a build
    /// leads to another build afterwards. After an error, the old processes stay in use.
    pub(crate) async fn rebuild(mut self, stack: &LocalStack) {
        loop {
            let changed = self.changed().await;
            let began = Instant::now();
            output::progress(format_args!(
                "Building the functions: {} has changed.",
                changed.display()
            ));
            let mut messages = String::new();
            let swap = async { stack.swap(&build(&mut messages).await?).await };
            let error = match swap.await {
                Ok(()) => {
                    let seconds = began.elapsed().as_secs_f64();
                    output::progress(format_args!(
                        "The new functions are in use after {seconds:.1} s."
                    ));
                    None
                }
                Err(error) => {
                    let shown = format!("{messages}error: {error:#}");
                    failure::print(
                        &error.context("the old functions continue, because the change failed"),
                    );
                    Some(shown)
                }
            };
            stack.show_build_error(error);
        }
    }
}

/// Returns true if the functions are built from this file of a checkout. The temporary files of editors
/// are no sources: `lib.rs~`, `.lib.rs.swp`, `#lib.rs#`, `4913`.
fn is_source(path: &Path) -> bool {
    let names: Option<Vec<_>> = path.iter().map(|name| name.to_str()).collect();
    // The local stack does not run the function `verify`.
    let is_served = |package: &str| package != Function::Verify.name();
    match names.as_deref() {
        Some(["Cargo.toml" | "Cargo.lock"]) => true,
        Some([FUNCTIONS, package, "Cargo.toml" | "build.rs"]) => is_served(package),
        Some([FUNCTIONS, package, "src", .., name]) => {
            let extension = name.split_once('.').map(|(_, extension)| extension);
            // A folder, whose name has no extension, can be moved or removed.
            let is_known = matches!(extension, None | Some("rs" | "pem"));
            is_served(package)
                && is_known
                && name.starts_with(|first: char| first.is_ascii_lowercase())
        }
        _ => false,
    }
}

/// A running build. If it is dropped, cargo and all compilers are killed.
struct Build(Child);

impl Drop for Build {
    fn drop(&mut self) {
        // The id is `None` after the process has ended.
        if let Some(id) = self.0.id().and_then(|id| i32::try_from(id).ok()) {
            let _ = killpg(Pid::from_raw(id), Signal::SIGKILL);
        }
    }
}

/// Builds the functions and keeps their binaries. Cargo's messages are printed and added to
/// `messages`.
async fn build(messages: &mut String) -> anyhow::Result<Binaries> {
    let names = Function::SERVING.map(Function::name);
    let mut command = Command::from(cargo::dev_build(&names)?);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // Cargo and its compilers are a process group, so that one signal kills all of them.
        .process_group(0);
    let mut build = Build(command.spawn().context("starting cargo")?);
    let mut stdout = build.0.stdout.take().context("reading cargo's output")?;
    let stderr = build.0.stderr.take().context("reading cargo's messages")?;
    let mut artifacts = Vec::new();
    let read_messages = async {
        let mut stderr = BufReader::new(stderr);
        let mut bytes = Vec::new();
        while let Ok(1..) = stderr.read_until(b'\n', &mut bytes).await {
            let line = String::from_utf8_lossy(&bytes);
            output::progress(line.trim_end());
            messages.push_str(&line);
            bytes.clear();
        }
    };
    let (read, ()) = tokio::join!(stdout.read_to_end(&mut artifacts), read_messages);
    read.context("reading cargo's output")?;
    let status = build.0.wait().await.context("waiting for cargo")?;
    ensure!(
        status.success(),
        "could not build the functions: cargo ended with {status}"
    );
    let paths = cargo::binaries_of(&names, &artifacts)?;
    let binaries = paths.into_iter().map(Binary::from);
    binaries::keep(Function::SERVING.into_iter().zip(binaries).collect())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        let nested = |path: PathBuf| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        };
        entries.flat_map(nested).collect()
    }

    #[test]
    fn all_files_that_the_functions_are_built_from_are_sources() {
        let root = workspace::root();
        let mut expected = vec![root.join("Cargo.toml"), root.join("Cargo.lock")];
        for package in ["api", "contract", "shared", "update"] {
            let package = root.join(FUNCTIONS).join(package);
            expected.push(package.join("Cargo.toml"));
            expected.extend(files(&package.join("src")));
        }
        for file in expected {
            let file = file.strip_prefix(root).unwrap();
            assert!(is_source(file), "{}", file.display());
        }
    }

    #[test]
    fn other_files_and_temporary_files_of_editors_are_no_sources() {
        for file in [
            "",
            "README.md",
            "target/debug/api",
            "target/debug/build/functions/api/src/lib.rs",
            "infra/src/lib.rs",
            "functions/events/api.json",
            "functions/api/openapi.json",
            "functions/api/tests/api/main.rs",
            "functions/verify/src/lib.rs",
            "functions/api/src/4913",
            "functions/api/src/lib.rs~",
            "functions/api/src/.lib.rs.swp",
            "functions/api/src/.#lib.rs",
            "functions/api/src/#lib.rs#",
            "functions/api/src/lib.rs___jb_tmp___",
            "functions/api/src/lib.rs.tmp",
        ] {
            assert!(!is_source(Path::new(file)), "{file}");
        }
    }

    #[tokio::test]
    async fn one_save_is_one_change_for_each_way_in_which_editors_save() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("functions/api/src");
        fs::create_dir_all(&folder).unwrap();
        let file = folder.join("lib.rs");
        fs::write(&file, "old").unwrap();
        let mut sources = Sources::watch(root.path()).unwrap();
        let saves: [fn(&Path); 3] = [
            |file| fs::write(file, "in place").unwrap(),
            // vim writes a new file after it has renamed the old one.
            |file| {
                fs::write(file.with_file_name("4913"), "").unwrap();
                fs::remove_file(file.with_file_name("4913")).unwrap();
                fs::rename(file, file.with_extension("rs~")).unwrap();
                fs::write(file, "new file").unwrap();
                fs::remove_file(file.with_extension("rs~")).unwrap();
            },
            // VS Code and rustfmt write a temporary file, which then replaces the old one.
            |file| {
                let temporary = file.with_file_name(".lib.rs.tmp");
                fs::write(&temporary, "replaced").unwrap();
                fs::rename(temporary, file).unwrap();
            },
        ];
        for save in saves {
            save(&file);
            assert_eq!(
                sources.changed().await,
                Path::new("functions/api/src/lib.rs")
            );
            fs::read(&file).unwrap();
            // If the save or the read caused another change, it would come before that of `Cargo.lock`.
            let other = root.path().join("Cargo.lock");
            fs::write(&other, "").unwrap();
            assert_eq!(sources.changed().await, Path::new("Cargo.lock"));
        }
        fs::write(root.path().join("README.md"), "").unwrap();
        fs::write(folder.join("new.rs"), "").unwrap();
        assert_eq!(
            sources.changed().await,
            Path::new("functions/api/src/new.rs")
        );
    }
}
