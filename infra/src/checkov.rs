//! Answers to findings of checkov that are not fixed. Each answer is in the file of its
//! resource. Templates do not contain them.

/// Why a finding of a scanner is not fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The scanner's id of the check, such as `CKV_AWS_119`.
    pub check: &'static str,
    /// What it is about.
    pub subject: Subject,
    /// Why it stays, in one sentence.
    pub reason: &'static str,
}

/// What an answer is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Every resource of this type.
    Type(&'static str),
    /// The resource of this logical id.
    Resource(&'static str),
    /// The resource of a logical id in the template of this name, and in no other.
    ResourceIn {
        /// The logical id.
        id: &'static str,
        /// The template's name, such as `dev`.
        template: &'static str,
    },
}

impl Answer {
    /// Whether it is an answer to what a check has found in a template.
    pub fn is_to(&self, check: &str, template: &str, resource_type: &str, id: &str) -> bool {
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
