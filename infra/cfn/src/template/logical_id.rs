//! Logical ids: the names of resources and outputs within a template.

use std::borrow::Cow;
use std::fmt;

/// A logical id: letters and digits, at most 255 of them.
///
/// Source: AWS CloudFormation User Guide, "Resources", logical ID.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId(Cow<'static, str>);

/// The longest logical id that CloudFormation takes.
const MAX_LENGTH: usize = 255;

impl LogicalId {
    /// A logical id that was written down. Use it in a constant or a `const`
    /// block, so that a bad one does not compile; see [`logical_id!`].
    ///
    /// # Panics
    /// If the text is no logical id; in a constant that is a compile error.
    pub const fn new(id: &'static str) -> Self {
        let bytes = id.as_bytes();
        assert!(!bytes.is_empty(), "a logical id has at least one character");
        assert!(
            bytes.len() <= MAX_LENGTH,
            "a logical id has at most 255 characters"
        );
        let mut i = 0;
        while i < bytes.len() {
            assert!(
                bytes[i].is_ascii_alphanumeric(),
                "a logical id has letters and digits only"
            );
            i += 1;
        }
        LogicalId(Cow::Borrowed(id))
    }

    /// This id with another behind it, as in `Api` and `Function`.
    #[must_use]
    pub fn join(&self, suffix: &LogicalId) -> Self {
        LogicalId(Cow::Owned(format!("{self}{suffix}")))
    }

    /// This id with the beginning of a digest behind it, for a resource that
    /// has to be a new one whenever what it was made from has changed.
    #[must_use]
    pub fn with_digest(&self, digest: &crate::Sha256Digest) -> Self {
        LogicalId(Cow::Owned(format!("{self}{}", digest.short())))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A [`LogicalId`] that is checked while compiling. A named constant and not a
/// `const` block, so that `cargo check` sees a bad one too.
#[macro_export]
macro_rules! logical_id {
    ($id:expr) => {{
        const ID: $crate::template::LogicalId = $crate::template::LogicalId::new($id);
        ID
    }};
}
