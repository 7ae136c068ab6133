//! Logical ids: the names of resources and outputs within a template.

use std::borrow::Cow;
use std::fmt;

/// A logical id: 1 to 255 ASCII letters and digits, unique in the template.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resources-section-structure.html>
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogicalId(Cow<'static, str>);

impl LogicalId {
    /// Creates the value of a constant. See [`logical_id!`].
    ///
    /// # Panics
    /// If the text is not a logical id. In a constant, that is a compile error.
    pub const fn new(id: &'static str) -> Self {
        let bytes = id.as_bytes();
        assert!(!bytes.is_empty(), "a logical id has at least one character");
        assert!(
            bytes.len() <= 255,
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

    /// Appends another id: `Api` and `Function` become `ApiFunction`.
    #[must_use]
    pub fn join(&self, suffix: &LogicalId) -> Self {
        LogicalId(Cow::Owned(format!("{self}{suffix}")))
    }

    /// Appends the first 12 digits of a digest. If the digested values change, CloudFormation then
    /// creates a new resource.
    #[must_use]
    pub fn with_digest(&self, digest: &crate::Sha256Digest) -> Self {
        LogicalId(Cow::Owned(format!("{self}{}", digest.short())))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Creates a [`LogicalId`](crate::template::LogicalId) that is checked at compile time. The
/// macro uses a named constant, because `cargo check` does not evaluate a `const` block.
#[macro_export]
macro_rules! logical_id {
    ($id:expr) => {{
        const ID: $crate::template::LogicalId = $crate::template::LogicalId::new($id);
        ID
    }};
}
