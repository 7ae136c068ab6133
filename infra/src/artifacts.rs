//! The digests of the functions' zips: all that a template knows of the code.

use cfn::Sha256Digest;
use contract::Function;

/// The zips that a template deploys, by their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifacts {
    /// The API function's zip.
    pub api: Sha256Digest,
    /// The update function's zip.
    pub update: Sha256Digest,
    /// The verify function's zip.
    pub verify: Sha256Digest,
}

impl Artifacts {
    /// Digests of zeros, for snapshots: they must not change because a binary did.
    pub const fn placeholder() -> Self {
        Artifacts {
            api: Sha256Digest::ZERO,
            update: Sha256Digest::ZERO,
            verify: Sha256Digest::ZERO,
        }
    }

    /// One function's zip.
    pub const fn digest(&self, function: Function) -> Sha256Digest {
        match function {
            Function::Api => self.api,
            Function::Update => self.update,
            Function::Verify => self.verify,
        }
    }
}
