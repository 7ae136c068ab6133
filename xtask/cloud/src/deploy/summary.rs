//! The summary of a plan in one line, because the list of changes may be longer than the screen.

use std::collections::BTreeMap;
use std::fmt;

use xtask::diff::{Grant, GrantChanges};

use super::changes::{Action, Change};
use crate::provenance::Commit;

/// Maximum number of resources that the summary names for one kind of change.
const MAX_NAMED: usize = 4;

pub(crate) struct Summary<'a> {
    pub(crate) changes: Vec<&'a Change>,
    pub(crate) grants: &'a GrantChanges,
    /// Number of alarms and rollout gates that become weaker.
    pub(crate) weakened: usize,
    /// Number of aliases that will serve the stack's version again.
    pub(crate) restored_aliases: usize,
    pub(crate) commit: Option<&'a Commit>,
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Action` sorts the most harmful kind first.
        let mut kinds: BTreeMap<&Action, Vec<&str>> = BTreeMap::new();
        for change in &self.changes {
            let ids = kinds.entry(&change.action).or_default();
            ids.push(&change.logical_id);
        }
        let kinds: Vec<String> = kinds
            .iter()
            .map(|(kind, ids)| describe(kind, ids))
            .collect();
        if kinds.is_empty() {
            write!(f, "summary: no resource changes")?;
        } else {
            write!(f, "summary: {}", kinds.join(", "))?;
        }
        let GrantChanges { added, removed } = self.grants;
        let allows = |grant: &&Grant| grant.effect != "Deny";
        // An added `Allow` and a removed `Deny` widen the permissions.
        let widened = added.iter().filter(allows).count()
            + removed.iter().filter(|grant| !allows(grant)).count();
        let narrowed = added.len() + removed.len() - widened;
        write!(f, "; permissions: {widened} widened, {narrowed} narrowed")?;
        if self.weakened > 0 {
            write!(f, "; weaker alarms or rollout gates: {}", self.weakened)?;
        }
        if self.restored_aliases > 0 {
            write!(f, "; aliases to move back: {}", self.restored_aliases)?;
        }
        match self.commit {
            Some(commit) => write!(f, "; commit {commit}"),
            None => Ok(()),
        }
    }
}

/// Describes the changes of one kind: their number and, for a harmful kind, the first resources.
fn describe(kind: &Action, ids: &[&str]) -> String {
    let count = ids.len();
    if matches!(kind, Action::Modify | Action::Add) {
        return format!("{count} {kind}");
    }
    let shown = ids
        .iter()
        .copied()
        .take(MAX_NAMED)
        .collect::<Vec<_>>()
        .join(", ");
    match count.checked_sub(MAX_NAMED) {
        None | Some(0) => format!("{count} {kind} ({shown})"),
        Some(more) => format!("{count} {kind} ({shown} and {more} more)"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn change(action: Action, id: &str) -> Change {
        Change {
            action,
            ..Change::added("AWS::SQS::Queue", id)
        }
    }

    fn grant(effect: &str) -> Grant {
        Grant {
            logical_id: "ApiRole".to_owned(),
            effect: effect.to_owned(),
            action: "s3:GetObject".to_owned(),
            resource: "*".to_owned(),
            principal: String::new(),
            condition: String::new(),
        }
    }

    fn summary(changes: &[Change]) -> String {
        Summary {
            changes: changes.iter().collect(),
            grants: &GrantChanges::default(),
            weakened: 0,
            restored_aliases: 0,
            commit: None,
        }
        .to_string()
    }

    #[test]
    fn replacements_and_removals_are_named_first_and_the_rest_is_counted() {
        let mut changes = vec![
            change(Action::Add, "A"),
            change(Action::Add, "B"),
            change(Action::Modify, "C"),
            change(Action::Replace, "Table"),
        ];
        changes.extend(["Q1", "Q2", "Q3", "Q4", "Q5"].map(|id| change(Action::Remove, id)));
        let grants = GrantChanges {
            added: vec![grant("Allow"), grant("Deny")],
            removed: vec![grant("Deny"), grant("Allow"), grant("Allow")],
        };
        let commit = Commit {
            id: "0a1b2c3d4e".to_owned(),
            dirty: true,
            subject: None,
        };
        let summary = Summary {
            changes: changes.iter().collect(),
            grants: &grants,
            weakened: 2,
            restored_aliases: 1,
            commit: Some(&commit),
        };
        assert_eq!(
            summary.to_string(),
            "summary: 5 REMOVE (Q1, Q2, Q3, Q4 and 1 more), 1 REPLACE (Table), 1 modify, 2 add; \
             permissions: 2 widened, 3 narrowed; weaker alarms or rollout gates: 2; \
             aliases to move back: 1; commit 0a1b2c3d4e, with uncommitted changes"
        );
    }

    #[test]
    fn a_plan_without_resource_changes_says_so() {
        assert_eq!(
            summary(&[]),
            "summary: no resource changes; permissions: 0 widened, 0 narrowed"
        );
    }

    proptest! {
        #[test]
        fn the_summary_counts_every_change(
            actions in prop::collection::vec(
                prop::sample::select(vec![
                    Action::Remove, Action::Replace, Action::MayReplace, Action::Retain,
                    Action::Import, Action::Modify, Action::Add, Action::Other("new".to_owned()),
                ]),
                0..20,
            )
        ) {
            let changes: Vec<Change> = actions
                .into_iter()
                .enumerate()
                .map(|(number, action)| change(action, &format!("R{number}")))
                .collect();
            let text = summary(&changes);
            prop_assert_eq!(text.lines().count(), 1);
            let (resources, _) = text.split_once(';').unwrap_or_default();
            let counted: usize = resources
                .trim_start_matches("summary: ")
                .split([',', '('])
                .filter_map(|part| part.trim().split(' ').next()?.parse::<usize>().ok())
                .sum();
            prop_assert_eq!(counted, changes.len());
        }
    }
}
