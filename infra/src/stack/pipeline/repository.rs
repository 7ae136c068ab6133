//! The GitHub repository whose workflows deploy.

use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// A repository. GitHub never assigns the two ids to another owner or repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repository {
    name: RepositoryName,
    owner_id: GitHubId,
    id: GitHubId,
}

impl Repository {
    pub fn new(name: RepositoryName, owner_id: GitHubId, id: GitHubId) -> Self {
        Repository { name, owner_id, id }
    }

    pub fn id(&self) -> GitHubId {
        self.id
    }

    /// Returns the subject in the tokens of a GitHub environment's jobs, without and with ids.
    /// GitHub sends the form with ids for repositories created or renamed on or after 15 July 2026,
    /// and for older repositories that opted in.
    ///
    /// <https://github.blog/changelog/2026-04-23-immutable-subject-claims-for-github-actions-oidc-tokens>
    pub fn subjects(&self, environment: &str) -> [String; 2] {
        let RepositoryName { owner, name } = &self.name;
        let (owner_id, id) = (self.owner_id, self.id);
        [
            format!("repo:{owner}/{name}:environment:{environment}"),
            format!("repo:{owner}@{owner_id}/{name}@{id}:environment:{environment}"),
        ]
    }
}

/// The name of a repository, such as `octo-org/octo-repo`. The name has no wildcard, because the
/// trust policies contain the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryName {
    owner: String,
    name: String,
}

/// Error: the text is not the name of a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a repository is OWNER/NAME, such as octo-org/octo-repo, as GitHub spells it")]
pub struct NotARepository;

impl FromStr for RepositoryName {
    type Err = NotARepository;

    fn from_str(text: &str) -> Result<Self, NotARepository> {
        let (owner, name) = text.split_once('/').ok_or(NotARepository)?;
        if !is_owner(owner) || !is_name(name) {
            return Err(NotARepository);
        }
        Ok(RepositoryName {
            owner: owner.to_owned(),
            name: name.to_owned(),
        })
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.owner, self.name)
    }
}

/// The id of an owner or a repository on GitHub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GitHubId(NonZeroU64);

/// Error: the text is not a GitHub id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an id of GitHub is a number such as 1296269")]
pub struct NotAGitHubId;

impl FromStr for GitHubId {
    type Err = NotAGitHubId;

    fn from_str(text: &str) -> Result<Self, NotAGitHubId> {
        let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
        let id = text.parse().ok().filter(|_| plain);
        id.map(GitHubId).ok_or(NotAGitHubId)
    }
}

impl fmt::Display for GitHubId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Returns true if the text is an owner's name: at most 39 letters, digits, hyphens and, for
/// enterprise-managed users, underscores; without a hyphen at either end.
fn is_owner(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=39).contains(&text.len())
        && text.chars().all(inside)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Returns true if the text is a repository's name: at most 100 letters, digits, hyphens,
/// underscores and dots, and not only dots.
fn is_name(text: &str) -> bool {
    let inside = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=100).contains(&text.len()) && text.chars().all(inside) && text.chars().any(|c| c != '.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_name_has_an_owner_and_a_name_and_no_wildcard() {
        for good in ["octo-org/octo-repo", "a/b.c_d", "jane_corp/-x"] {
            let parsed = good.parse::<RepositoryName>().map(|name| name.to_string());
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
            "x@1/y@2",
            "-x/y",
            "x-/y",
            "x/..",
            "x y/z",
            "x/?",
        ] {
            assert_eq!(bad.parse::<RepositoryName>(), Err(NotARepository), "{bad}");
        }
    }

    #[test]
    fn a_github_id_is_a_positive_number_without_leading_zeros() {
        let id = "1296269".parse::<GitHubId>().map(|id| id.to_string());
        assert_eq!(id.as_deref(), Ok("1296269"));
        for bad in [
            "",
            "0",
            "01",
            "+1",
            "-1",
            "1.0",
            "12a",
            "*",
            "99999999999999999999999",
        ] {
            assert_eq!(bad.parse::<GitHubId>(), Err(NotAGitHubId), "{bad}");
        }
    }
}
