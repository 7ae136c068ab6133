//! The effect of a change on a resource.

use std::fmt;

use serde::Serialize;

/// The effect of a change on a resource, the most harmful first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Remove,
    /// CloudFormation creates another resource in place of this one.
    Replace,
    /// The resource may be replaced: a create-only property refers to a replaced resource, or
    /// depends on a value that is only known while the change is executed.
    MayReplace,
    /// The resource leaves the stack and is not deleted.
    Retain,
    /// An existing resource joins the stack. Only a change set has this action.
    Import,
    Modify,
    Add,
    /// An action of a change set that this program does not know, in CloudFormation's word.
    #[serde(untagged)]
    Other(String),
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Action::Remove => "REMOVE",
            Action::Replace => "REPLACE",
            Action::MayReplace => "MAY REPLACE",
            Action::Retain => "retain",
            Action::Import => "import",
            Action::Modify => "modify",
            Action::Add => "add",
            Action::Other(word) => word,
        })
    }
}
