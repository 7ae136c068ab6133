//! The name of a repository on GitHub.

use std::fmt;
use std::str::FromStr;

/// A repository, as in `octo-org/octo-repo`. No pattern can be written with
/// it: it ends up in the condition that says who may deploy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    owner: String,
    name: String,
}

/// That is no repository's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a repository is OWNER/NAME, such as octo-org/octo-repo, as GitHub spells it")]
pub struct NotARepository;

impl FromStr for Repository {
    type Err = NotARepository;

    fn from_str(text: &str) -> Result<Self, NotARepository> {
        let (owner, name) = text.split_once('/').ok_or(NotARepository)?;
        if !is_owner(owner) || !is_name(name) {
            return Err(NotARepository);
        }
        Ok(Repository {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// At most 39 letters, digits and hyphens, and no hyphen at an end. Users that a
/// company manages have an underscore in their names.
fn is_owner(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=39).contains(&text.len())
        && text.chars().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// At most 100 letters, digits, hyphens, underscores and dots, not dots alone.
fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=100).contains(&text.len()) && text.chars().all(inside) && text.chars().any(|c| c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_is_an_owner_and_a_name_and_never_a_pattern() {
        for good in ["octo-org/octo-repo", "a/b.c_d", "jane_corp/-x"] {
            let parsed = good.parse::<Repository>().map(|name| name.to_string());
            assert_eq!(parsed.as_deref(), Ok(good));
        }
        for bad in [
            "",
            "octo-repo",
            "/x",
            "x/",
            "*/x",
            "x/*",
            "x/y/z",
            "x/y:ref",
            "-x/y",
            "x-/y",
            "x/..",
            "x y/z",
            "x/?",
        ] {
            assert_eq!(bad.parse::<Repository>(), Err(NotARepository), "{bad}");
        }
    }
}
