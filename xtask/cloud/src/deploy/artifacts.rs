//! The zips in the bucket, each under its own digest.

use infra::{Sha256Digest, names};
use xtask::build::Artifact;
use xtask::failure::Failure;
use xtask::output;

use super::bucket::Bucket;
use super::events::ArtifactEvent;
use crate::report::Report;

/// The keys of zips in the bucket.
pub(crate) fn keys(zips: &[Artifact]) -> Vec<String> {
    zips.iter()
        .map(|zip| names::artifact_key(zip.function, &zip.sha256))
        .collect()
}

/// Uploads the zips that are not in the bucket yet.
pub(crate) async fn upload(
    bucket: &Bucket<'_>,
    zips: &[Artifact],
    report: &Report,
) -> anyhow::Result<()> {
    for zip in zips {
        let function = zip.function.name();
        let key = names::artifact_key(zip.function, &zip.sha256);
        // Compares the bytes and not only the key: an object can be overwritten.
        let uploaded = !bucket.holds(&key, &zip.sha256).await?;
        if uploaded {
            let bytes = std::fs::read(&zip.path).map_err(|error| {
                Failure::new(format!("could not read {}: {error}", zip.path.display()))
            })?;
            // A build in the same checkout may have come in between, and what lies
            // under a digest is never looked at again.
            if Sha256Digest::of(&bytes) != zip.sha256 {
                return Err(Failure::new(format!(
                    "{} is another zip than when this deploy began",
                    zip.path.display()
                ))
                .hint("let nothing else build in this checkout, and deploy again")
                .into());
            }
            bucket.put(&key, "application/zip", bytes).await?;
            output::progress(format_args!("uploaded {function} ({} bytes)", zip.bytes));
        } else {
            output::progress(format_args!("{function} is in the bucket already"));
        }
        report.emit(&ArtifactEvent {
            function,
            bucket: &bucket.name,
            key: &key,
            uploaded,
        })?;
    }
    Ok(())
}
