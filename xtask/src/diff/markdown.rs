//! The differences of templates as a comment on a pull request, in GitHub's Markdown.
//!
//! Text of a template is in a code span or in a fenced block. There, Markdown and HTML have no effect
//! (<https://github.github.com/gfm/#code-spans>,
//! <https://github.github.com/gfm/#fenced-code-blocks>), and GitHub looks for no mentions
//! (<https://github.com/gjtorikian/html-pipeline/blob/v2.14.3/lib/html/pipeline/@mention_filter.rb>).

use std::collections::BTreeSet;
use std::fmt::Write as _;

use infra::Environment;

use super::action::Action;
use super::compare::ResourceDifference;
use super::one_line::OneLine;
use super::show::{REPLACES, TemplateDiff};
use crate::output::one_line;

/// The first line, which GitHub does not show. `ci.yml` uses it to find the comment of an earlier run.
const MARK: &str = "<!-- cargo xtask diff -->";
/// Maximum number of bytes. GitHub rejects a comment of more than 65,536 characters:
/// <https://github.com/telia-oss/github-pr-resource/issues/259>.
const MAX_BYTES: usize = 60_000;
/// The name of the environment in a change that several environments share.
const PLACEHOLDER: &str = "ENV";
/// Maximum number of items in a list of a summary.
const MAX_ITEMS: usize = 5;
/// Maximum number of characters of an item in a list of a summary.
const MAX_ITEM: usize = 100;

const WEAKER: &str = "  weaker alarms and rollout gates:";
const PERMISSIONS: &str = "  permissions:";

/// Returns the comment: one summary line per stack, then the changes in collapsed sections.
/// Environments share a summary line, or the section of a change, if the text of the line or the change
/// differs only in the environment's name. If the comment would exceed [`MAX_BYTES`], whole lines are left out, and the last line says
/// how many.
pub(super) fn comment(diffs: &[TemplateDiff]) -> String {
    let summaries = merge(diffs, |diff| vec![summary(diff)]);
    let mut sections: Vec<(String, Vec<String>)> = Vec::new();
    for (names, block) in merge(diffs, blocks) {
        let at = sections.iter().position(|(known, _)| *known == names);
        let at = at.unwrap_or_else(|| {
            sections.push((names, Vec::new()));
            sections.len() - 1
        });
        let Some((_, lines)) = sections.get_mut(at) else {
            continue;
        };
        for line in block.lines() {
            let is_repeated = [WEAKER, PERMISSIONS].contains(&line);
            if !(is_repeated && lines.iter().any(|known| known == line)) {
                lines.push(line.to_owned());
            }
        }
    }

    let mut text = format!("{MARK}\n### Stack changes\n\n");
    // Bytes reserved for the last line: 400, plus 50 and the length of the names for each summary and
    // section.
    let names = summaries.iter().map(|(names, _)| names);
    let names = names.chain(sections.iter().map(|(names, _)| names));
    let names: usize = names.map(|names| names.len() + 50).sum();
    let budget = MAX_BYTES.saturating_sub(400 + names);
    let mut missing = Vec::new();
    for (names, summary) in &summaries {
        let line = format!("- **{names}**: {summary}\n");
        if text.len() + line.len() <= budget {
            text += &line;
        } else {
            missing.push(format!("the summary of {names}"));
        }
    }
    match diffs.iter().filter(|diff| diff.is_empty()).count() {
        0 => {}
        equal if equal == diffs.len() => text += "No difference in any template.\n",
        equal => {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "- Templates without a difference: {equal}");
        }
    }
    for (names, lines) in &sections {
        let beginning = format!("\n<details><summary>{names}</summary>\n\n```diff\n");
        let end = "```\n\n</details>\n";
        let mut size = text.len() + beginning.len() + end.len();
        let fits = |line: &&String| {
            size += line.len() + 1;
            size <= budget
        };
        let shown: Vec<&str> = lines.iter().take_while(fits).map(String::as_str).collect();
        if !shown.is_empty() {
            let _ = write!(text, "{beginning}{}\n{end}", shown.join("\n"));
        }
        let count = lines.len();
        if shown.len() < count {
            missing.push(format!(
                "{} of {count} lines of {names}",
                count - shown.len()
            ));
        }
    }
    if !missing.is_empty() {
        let _ = write!(
            text,
            "\n**Cut at {MAX_BYTES} bytes.** Missing: {}. The artifact `changes` of the run and \
             `cargo xtask diff --against origin/main` have everything.\n",
            missing.join("; ")
        );
    }
    text
}

/// Returns each distinct text with the names of the changed templates that have it, names first.
fn merge(diffs: &[TemplateDiff], texts: fn(&TemplateDiff) -> Vec<String>) -> Vec<(String, String)> {
    struct Merged {
        /// The kind of the template and the text, without the name of the environment.
        key: (String, String),
        text: String,
        templates: Vec<String>,
    }
    let mut all: Vec<Merged> = Vec::new();
    for diff in diffs.iter().filter(|diff| !diff.is_empty()) {
        let environment = Environment::ALL
            .into_iter()
            .find(|environment| diff.template.ends_with(environment.name()));
        let kind = without_environment(&diff.template, environment);
        for text in texts(diff) {
            let key = (kind.clone(), without_environment(&text, environment));
            let name = diff.template.clone();
            match all.iter_mut().find(|known| known.key == key) {
                Some(known) => known.templates.push(name),
                None => all.push(Merged {
                    key,
                    text,
                    templates: vec![name],
                }),
            }
        }
    }
    let all = all.into_iter().map(|one| {
        let is_shared = one.templates.len() > 1;
        let text = if is_shared { one.key.1 } else { one.text };
        (one.templates.join(", "), text)
    });
    all.collect()
}

/// Replaces the name of an environment, as a whole word, by the placeholder. A text that contains the
/// placeholder already is not changed. Otherwise, two different texts could become equal.
fn without_environment(text: &str, environment: Option<Environment>) -> String {
    let is_in_word = |character: char| character.is_ascii_alphanumeric();
    let words = || text.split(|character| !is_in_word(character));
    let Some(environment) = environment.filter(|_| !words().any(|word| word == PLACEHOLDER)) else {
        return text.to_owned();
    };
    let parts = text.split_inclusive(|character| !is_in_word(character));
    let parts = parts.map(|part| match part.strip_prefix(environment.name()) {
        Some(rest) if !rest.starts_with(is_in_word) => format!("{PLACEHOLDER}{rest}"),
        _ => part.to_owned(),
    });
    parts.collect()
}

/// Returns the summary line of a template: its changes by kind, the most harmful first.
fn summary(diff: &TemplateDiff) -> String {
    let with = |action: Action| {
        let all = diff
            .differences
            .iter()
            .filter(move |one| one.action == action);
        // Each change of a function retains its old version. The summary does not list old versions.
        all.filter(|one| {
            one.action != Action::Retain || one.resource_type != "AWS::Lambda::Version"
        })
        .map(|one| one.logical_id.clone())
    };
    let wider = diff
        .iam
        .added
        .iter()
        .filter(|grant| grant.effect == "Allow");
    let wider = wider.map(|grant| format!("{} {}", grant.logical_id, grant.action));
    let denied = diff
        .iam
        .removed
        .iter()
        .filter(|grant| grant.effect == "Deny");
    let denied = denied.map(|grant| format!("{} no Deny of {}", grant.logical_id, grant.action));
    let weakened = diff.weakened.iter().map(|one| one.logical_id.clone());
    let mut parts: Vec<String> = [
        listed("removes", with(Action::Remove)),
        listed("replaces", with(Action::Replace)),
        listed("may replace", with(Action::MayReplace)),
        listed("removes from the stack but keeps", with(Action::Retain)),
        listed("wider permissions", wider.chain(denied)),
        listed("weaker safeguards", weakened),
        listed("adds", with(Action::Add)),
    ]
    .into_iter()
    .flatten()
    .collect();
    match with(Action::Modify).count() {
        0 => {}
        count => parts.push(format!("modifies {count}")),
    }
    parts.extend(diff.cost.map(|cost| code(&cost.delta())));
    parts.join("; ")
}

/// Returns one part of a summary, or `None` if there are no items.
fn listed(what: &str, items: impl Iterator<Item = String>) -> Option<String> {
    let items: BTreeSet<String> = items.collect();
    let shown: Vec<String> = items
        .iter()
        .take(MAX_ITEMS)
        .map(|item| code(item))
        .collect();
    let more = match items.len().saturating_sub(MAX_ITEMS) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    (!items.is_empty()).then(|| format!("**{what}** {}{more}", shown.join(", ")))
}

/// Returns a text as a code span. A backtick in the text would end the span, so each is replaced.
fn code(text: &str) -> String {
    let text: String = one_line(text)
        .replace('`', "'")
        .chars()
        .take(MAX_ITEM)
        .collect();
    format!("`{text}`")
}

/// Returns the changes, each with all its lines. GitHub colours a line by its first character. Each
/// line begins with a sign or with a word of this module, so no text of a template can end the
/// fenced block.
fn blocks(diff: &TemplateDiff) -> Vec<String> {
    let resources = diff.differences.iter().map(resource);
    let weakened = diff.weakened.iter();
    let weakened = weakened.map(|one| format!("{WEAKER}\n!     {}", one_line(one)));
    let removed = diff.iam.removed.iter().map(|grant| ('-', grant));
    let added = diff.iam.added.iter().map(|grant| ('+', grant));
    let grants = removed.chain(added);
    let grants =
        grants.map(|(sign, grant)| format!("{PERMISSIONS}\n{sign}     {}", one_line(grant)));
    let cost = diff.cost.map(|cost| format!("! {cost}"));
    resources
        .chain(weakened)
        .chain(grants)
        .chain(cost)
        .collect()
}

fn resource(difference: &ResourceDifference) -> String {
    let sign = match difference.action {
        Action::Remove => '-',
        Action::Add | Action::Import => '+',
        Action::Modify => ' ',
        _ => '!',
    };
    let mut lines = vec![one_line(format_args!(
        "{sign} {:<11}  {:<32}  {}",
        difference.action, difference.resource_type, difference.logical_id
    ))];
    if difference.action == Action::MayReplace {
        lines.push("!     it refers to a resource that is replaced".to_owned());
    }
    for property in &difference.properties {
        let replaces = if property.replaces { REPLACES } else { "" };
        for (sign, value) in [('-', &property.before), ('+', &property.after)] {
            if let Some(value) = value {
                let (path, value) = (&property.path, OneLine(value));
                lines.push(one_line(format_args!(
                    "{sign}     {path}: {value}{replaces}"
                )));
            }
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Returns the change of the table's name and of a role's actions in one environment.
    fn diff(environment: &str, actions: &[&str]) -> TemplateDiff {
        let template = |name: &str, actions: &[&str]| {
            json!({"Resources": {
                "Table": {"Type": "AWS::DynamoDB::Table", "Properties": {"TableName": name}},
                "Role": {"Type": "AWS::IAM::Role", "Properties": {"Policies": [{"PolicyName": "p",
                    "PolicyDocument": {"Statement": [{
                        "Effect": "Allow", "Action": actions, "Resource": format!("table/{name}"),
                    }]}}]}},
            }})
        };
        let before = template(&format!("data-{environment}"), &["dynamodb:GetItem"]);
        let after = template(&format!("prices-{environment}"), actions);
        TemplateDiff::new(environment, &before, &after)
    }

    #[test]
    fn environments_with_the_same_change_share_a_line_and_a_section() {
        let put = ["dynamodb:PutItem"];
        let unchanged = TemplateDiff::new("artifacts-dev", &json!({}), &json!({}));
        let text = comment(&[diff("dev", &put), diff("prod", &put), unchanged]);
        let expected = "\
<!-- cargo xtask diff -->
### Stack changes

- **dev, prod**: **replaces** `Table`; **wider permissions** `Role dynamodb:PutItem`; modifies 1
- Templates without a difference: 1

<details><summary>dev, prod</summary>

```diff
! REPLACE      AWS::DynamoDB::Table              Table
-     TableName: data-ENV  (replaces the resource)
+     TableName: prices-ENV  (replaces the resource)
  modify       AWS::IAM::Role                    Role
-     Policies[p].PolicyDocument.Statement[0].Action: [\"dynamodb:GetItem\"]
+     Policies[p].PolicyDocument.Statement[0].Action: [\"dynamodb:PutItem\"]
-     Policies[p].PolicyDocument.Statement[0].Resource: table/data-ENV
+     Policies[p].PolicyDocument.Statement[0].Resource: table/prices-ENV
  permissions:
-     Role                      Allow  dynamodb:GetItem  on table/data-ENV
+     Role                      Allow  dynamodb:PutItem  on table/prices-ENV
```

</details>
";
        assert_eq!(text, expected);
    }

    #[test]
    fn a_change_of_one_environment_has_its_own_section() {
        let text = comment(&[diff("dev", &["a:B"]), diff("prod", &["a:C"])]);
        let found: Vec<&str> = text
            .lines()
            .filter(|line| {
                ["- **", "<details>", "! ", "  modify"]
                    .iter()
                    .any(|begin| line.starts_with(begin))
            })
            .collect();
        let expected = [
            "- **dev**: **replaces** `Table`; **wider permissions** `Role a:B`; modifies 1",
            "- **prod**: **replaces** `Table`; **wider permissions** `Role a:C`; modifies 1",
            "<details><summary>dev, prod</summary>",
            "! REPLACE      AWS::DynamoDB::Table              Table",
            "<details><summary>dev</summary>",
            "  modify       AWS::IAM::Role                    Role",
            "<details><summary>prod</summary>",
            "  modify       AWS::IAM::Role                    Role",
        ];
        assert_eq!(found, expected);
        assert!(
            text.contains("+     Role                      Allow  a:C  on table/prices-prod\n"),
            "{text}"
        );
    }

    #[test]
    fn an_environment_is_replaced_unless_the_text_has_the_placeholder() {
        let prod = Some(Environment::Prod);
        assert_eq!(
            without_environment("data-prod, product:prod", prod),
            "data-ENV, product:ENV"
        );
        assert_eq!(without_environment("ENV-prod", prod), "ENV-prod");
        let other_word = without_environment("ENVIRONMENT=prod", prod);
        assert_eq!(other_word, "ENVIRONMENT=ENV");
    }

    #[test]
    fn a_cut_comment_counts_the_missing_lines() {
        let value = |text: &str| {
            let names = (0..100).map(|at| format!("N{at}"));
            let names = names.map(|name| (name, Value::from(text.repeat(1_000))));
            let properties = names.collect::<serde_json::Map<_, _>>();
            json!({"Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": properties}}})
        };
        let text = comment(&[TemplateDiff::new("prod", &value("a"), &value("b"))]);
        assert!(
            text.len() <= MAX_BYTES && text.len() > MAX_BYTES - 2_000,
            "{}",
            text.len()
        );
        let (_, end) = text.rsplit_once("</details>\n").expect("the section ends");
        assert!(
            end.starts_with("\n**Cut at 60000 bytes.** Missing: 142 of 201 lines of prod."),
            "{end}"
        );
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;
        use crate::diff::{Grant, PropertyDifference, ResourceDifference, Weakening};

        /// Text that would end a block, format a text, mention a person or run a command.
        fn hostile() -> impl Strategy<Value = String> {
            let parts = prop::sample::select(vec![
                "`",
                "```",
                "~~~",
                "\n",
                "\r",
                "</details>",
                "<!--",
                "-->",
                "@octocat",
                "#1",
                "::error::",
                "##[",
                "**",
                "|",
                "[a](b)",
                "prod",
                "ENV",
                " ",
                "x",
                "\u{202e}",
                "é",
            ]);
            let part = (parts, 1..200_usize).prop_map(|(part, times)| part.repeat(times));
            prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
        }

        fn difference() -> impl Strategy<Value = ResourceDifference> {
            let action = prop_oneof![
                Just(Action::Remove),
                Just(Action::Replace),
                Just(Action::MayReplace),
                Just(Action::Retain),
                Just(Action::Modify),
                Just(Action::Add),
            ];
            let property = (
                hostile(),
                prop::option::of(hostile()),
                prop::option::of(hostile()),
                any::<bool>(),
            )
                .prop_map(|(path, before, after, replaces)| PropertyDifference {
                    path,
                    before: before.map(Value::from),
                    after: after.map(Value::from),
                    replaces,
                });
            (
                action,
                hostile(),
                hostile(),
                prop::collection::vec(property, 0..6),
            )
                .prop_map(|(action, resource_type, logical_id, properties)| {
                    ResourceDifference {
                        action,
                        resource_type,
                        logical_id,
                        properties,
                    }
                })
        }

        fn template_diff() -> impl Strategy<Value = TemplateDiff> {
            let template = prop::sample::select(vec!["dev", "prod", "artifacts-prod"]);
            let grant = (hostile(), hostile()).prop_map(|(logical_id, action)| Grant {
                logical_id,
                effect: "Allow".to_owned(),
                action,
                ..Grant::default()
            });
            let weakening = (hostile(), hostile())
                .prop_map(|(logical_id, change)| Weakening { logical_id, change });
            (
                template,
                prop::collection::vec(difference(), 0..12),
                prop::collection::vec(grant, 0..4),
                prop::collection::vec(weakening, 0..4),
            )
                .prop_map(|(template, differences, added, weakened)| {
                    let mut diff = TemplateDiff::new(template, &Value::Null, &Value::Null);
                    diff.differences = differences;
                    diff.iam.added = added;
                    diff.weakened = weakened;
                    diff
                })
        }

        proptest! {
            #![proptest_config(ProptestConfig::with_cases(64))]

            #[test]
            fn no_text_of_a_template_leaves_its_block_or_makes_the_comment_too_long(
                diffs in prop::collection::vec(template_diff(), 0..8),
            ) {
                let text = comment(&diffs);
                prop_assert!(text.len() <= MAX_BYTES, "{}", text.len());
                let mut is_fenced = false;
                for line in text.lines() {
                    // The output escapes no character, so the printed text is not longer than `text`.
                    prop_assert_eq!(one_line(line), line);
                    match line {
                        "```diff" => {
                            prop_assert!(!is_fenced);
                            is_fenced = true;
                        }
                        "```" => {
                            prop_assert!(is_fenced);
                            is_fenced = false;
                        }
                        line if is_fenced => {
                            let is_own = line.starts_with(['-', '+', '!'])
                                || ["  modify", "  weaker", "  permissions:"]
                                    .iter()
                                    .any(|own| line.starts_with(own));
                            prop_assert!(is_own, "{line}");
                        }
                        line if line.starts_with("- **") => {
                            // Outside the code spans, a summary has only words of this module.
                            let outside: String = line.split('`').step_by(2).collect();
                            prop_assert_eq!(line.matches('`').count() % 2, 0);
                            prop_assert!(!outside.contains(['@', '<', '[', '#', '|']), "{outside}");
                        }
                        line => {
                            let own = [MARK, "### Stack changes", "", "</details>"].contains(&line)
                                || line.starts_with("<details><summary>")
                                || line.starts_with("- Templates without a difference: ")
                                || line == "No difference in any template."
                                || line.starts_with("**Cut at ");
                            prop_assert!(own, "{line}");
                        }
                    }
                }
                prop_assert!(!is_fenced);
            }
        }
    }
}
