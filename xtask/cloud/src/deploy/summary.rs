//! The summary of a plan: one line for the place directly above the question, because the
//! list of changes may be longer than the screen.

use std::fmt::{self, Write as _};

use xtask::diff::{Grant, GrantChanges};

use super::changes::{Action, Change};
use crate::provenance::Commit;

/// The resources of one kind of change that are named.
const NAMED: usize = 4;

/// The kinds of changes in their order, and whether the resources are named.
const KINDS: [(Action, bool); 7] = [
    (Action::Remove, true),
    (Action::Replace, true),
    (Action::MayReplace, true),
    (Action::Retain, true),
    (Action::Import, true),
    (Action::Modify, false),
    (Action::Add, false),
];

/// The parts of a plan that are counted.
pub(super) struct Summary<'a> {
    pub(super) changes: Vec<&'a Change>,
    pub(super) grants: &'a GrantChanges,
    /// The number of weaker alarms and rollout gates.
    pub(super) weakened: usize,
    /// The number of aliases that serve the stack's version again.
    pub(super) restored: usize,
    pub(super) commit: Option<&'a Commit>,
}

impl Summary<'_> {
    /// The part about one kind of change; `None` if there is no such change.
    fn of_kind(&self, action: &Action, is_named: bool) -> Option<String> {
        let of_kind = self
            .changes
            .iter()
            .filter(|change| change.action == *action);
        let ids: Vec<&str> = of_kind.map(|change| &*change.logical_id).collect();
        if ids.is_empty() {
            return None;
        }
        let mut text = format!("{} {action}", ids.len());
        if is_named {
            let shown: Vec<&str> = ids.iter().copied().take(NAMED).collect();
            let _ = write!(text, " ({}", shown.join(", "));
            if ids.len() > NAMED {
                let _ = write!(text, " and {} more", ids.len() - NAMED);
            }
            text.push(')');
        }
        Some(text)
    }
}

/// Returns true if a grant allows something.
fn allows(grant: &Grant) -> bool {
    grant.effect != "Deny"
}

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = KINDS
            .iter()
            .filter_map(|(action, is_named)| self.of_kind(action, *is_named));
        let mut parts: Vec<String> = kinds.collect();
        let is_known = |change: &&&Change| KINDS.iter().any(|(kind, _)| *kind == change.action);
        let others = self.changes.len() - self.changes.iter().filter(is_known).count();
        if others > 0 {
            parts.push(format!("{others} of another kind"));
        }
        if parts.is_empty() {
            parts.push("no resource changes".to_owned());
        }
        write!(f, "summary: {}", parts.join(", "))?;
        let GrantChanges { added, removed } = self.grants;
        // One `Deny` less permits more.
        let widened = added.iter().filter(|grant| allows(grant)).count()
            + removed.iter().filter(|grant| !allows(grant)).count();
        let narrowed = added.len() + removed.len() - widened;
        write!(f, "; permissions: {widened} widened, {narrowed} narrowed")?;
        if self.weakened > 0 {
            write!(f, "; {} weaker alarms or rollout gates", self.weakened)?;
        }
        if self.restored > 0 {
            write!(f, "; {} aliases moved back", self.restored)?;
        }
        match self.commit {
            Some(commit) => write!(f, "; commit {commit}"),
            None => Ok(()),
        }
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

    fn summary(changes: &[Change], grants: &GrantChanges) -> String {
        Summary {
            changes: changes.iter().collect(),
            grants,
            weakened: 0,
            restored: 0,
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
        };
        let summary = Summary {
            changes: changes.iter().collect(),
            grants: &grants,
            weakened: 2,
            restored: 1,
            commit: Some(&commit),
        };
        assert_eq!(
            summary.to_string(),
            "summary: 5 REMOVE (Q1, Q2, Q3, Q4 and 1 more), 1 REPLACE (Table), 1 modify, 2 add; \
             permissions: 2 widened, 3 narrowed; 2 weaker alarms or rollout gates; \
             1 aliases moved back; commit 0a1b2c3d4e, with uncommitted changes"
        );
    }

    #[test]
    fn a_plan_without_resource_changes_says_so() {
        assert_eq!(
            summary(&[], &GrantChanges::default()),
            "summary: no resource changes; permissions: 0 widened, 0 narrowed"
        );
    }

    proptest! {
        #[test]
        fn every_change_is_in_the_summary(
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
            let text = summary(&changes, &GrantChanges::default());
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
