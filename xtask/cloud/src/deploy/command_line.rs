//! The command line in the bucket, which the rollback workflow runs.

use std::fs;

use anyhow::Context as _;
use infra::{Sha256Digest, names};
use serde::{Deserialize, Serialize};
use xtask::output;

use super::bucket::Bucket;

/// The command line of a deployment, as its record names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Pinned {
    /// The key in the bucket.
    pub(crate) key: String,
    /// The SHA-256 of the object, in hexadecimal.
    pub(crate) sha256: String,
}

/// This program, to be kept in the bucket.
pub(crate) struct CommandLine {
    digest: Sha256Digest,
    bytes: Vec<u8>,
}

impl CommandLine {
    /// Reads this program.
    ///
    /// Only a build for Linux is kept, because the workflow's runners cannot run another one.
    pub(crate) fn read() -> anyhow::Result<Option<Self>> {
        if !cfg!(target_os = "linux") {
            return Ok(None);
        }
        // The program that runs, and not one that has replaced its file since.
        let bytes = fs::read("/proc/self/exe").context("reading this program")?;
        Ok(Some(CommandLine {
            digest: Sha256Digest::of(&bytes),
            bytes,
        }))
    }

    /// The key and digest for the record.
    pub(crate) fn pinned(&self) -> Pinned {
        Pinned {
            key: names::command_line_key(&self.digest),
            sha256: self.digest.to_string(),
        }
    }

    /// Uploads the program unless the bucket has it already.
    pub(crate) async fn upload(self, bucket: &Bucket<'_>) -> anyhow::Result<()> {
        let Pinned { key, .. } = self.pinned();
        if bucket.holds(&key, &self.digest).await? {
            output::progress("the command line is in the bucket already");
            return Ok(());
        }
        let size = self.bytes.len();
        bucket
            .put(&key, "application/octet-stream", self.bytes)
            .await?;
        output::progress(format_args!("uploaded the command line ({size} bytes)"));
        Ok(())
    }
}
