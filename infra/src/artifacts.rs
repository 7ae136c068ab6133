//! The digests of the functions' zips.

use cfn::Sha256Digest;
use contract::Function;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Artifacts {
    pub api: Sha256Digest,
    pub update: Sha256Digest,
    pub verify: Sha256Digest,
}

impl Artifacts {
    /// Returns digests of zeros for template snapshots, which must not change when the code does.
    pub const fn placeholder() -> Self {
        Artifacts {
            api: Sha256Digest::ZERO,
            update: Sha256Digest::ZERO,
            verify: Sha256Digest::ZERO,
        }
    }

    pub const fn digest(&self, function: Function) -> Sha256Digest {
        match function {
            Function::Api => self.api,
            Function::Update => self.update,
            Function::Verify => self.verify,
        }
    }
}
