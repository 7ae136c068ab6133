//! Suppressions of findings of checkov, a scanner of templates. The file of a resource declares
//! the suppressions of the resource. The templates contain none.

/// A finding that is not fixed, and the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppression {
    /// The id of the check, such as `CKV_AWS_119`.
    pub check: &'static str,
    pub subject: Subject,
    /// The reason in one sentence.
    pub reason: &'static str,
}

/// The resources to which a suppression applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Every resource of a type.
    Type(&'static str),
    /// The resource with a logical id, in every template.
    Resource(&'static str),
    /// The resource with a logical id in one template.
    ResourceIn {
        id: &'static str,
        /// The template's name, such as `dev`.
        template: &'static str,
    },
}

impl Suppression {
    /// Returns true if the suppression applies to a finding.
    pub fn applies_to(&self, check: &str, template: &str, resource_type: &str, id: &str) -> bool {
        self.check == check
            && match self.subject {
                Subject::Type(name) => name == resource_type,
                Subject::Resource(name) => name == id,
                Subject::ResourceIn {
                    id: name,
                    template: only,
                } => name == id && only == template,
            }
    }
}
