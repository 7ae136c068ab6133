//! `docs/events.md`, generated from the types of the events: their comments, their fields and
//! their examples.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{any, env, fs};

use xtask::build::{Artifact, BuildOutput};
use xtask::diff::TemplateDiff;
use xtask::workspace;

use super::*;
use crate::aws::guard::IdentityEvent;
use crate::dead_letters::{DeadLetter, PurgedQueue};
use crate::deploy::events::{
    ArtifactEvent, BaselineEvent, ChangeSetEvent, DriftEvent, GrantsEvent, NotInBaselineEvent,
    SmokeTestEvent, UpdateRunEvent,
};
use crate::deployment_records::PrunedEvent;
use crate::destroy::RemovalEvent;
use crate::drift::{DriftResultEvent, DriftedResourceEvent, KnownDifferenceEvent};
use crate::history::RecordedDeployment;
use crate::keys::{ChangedKey, CreatedKey, KeyRow, KeyUsage};
use crate::logs::LogLine;
use crate::outputs::StackOutputs;
use crate::rollback::RollbackEvent;
use crate::stack::events::ResourceStatusEvent;
use crate::stack::traffic::TrafficEvent;
use crate::status::Status;

const PAGE: &str = "docs/events.md";
/// The version of the format. A new event, member or value does not raise it.
const VERSION: u32 = 1;
/// The command that writes the page.
const UPDATE: &str = "INSTA_UPDATE=always cargo test --workspace events_page";

/// The members that have the same meaning in every event. Their fields need no comment.
const MEANINGS: [(&str, &str); 18] = [
    ("account", "The account's twelve digits."),
    ("arn", "The ARN of the caller."),
    ("bucket", "The name of the artifact bucket."),
    ("bytes", "The size of the file."),
    ("check", "The name of the check."),
    ("environment", "`dev`, `staging` or `prod`."),
    ("function", "`api`, `update` or `verify`."),
    ("key", "The key of the object."),
    ("keyId", "The id of the API key."),
    ("logicalId", "The logical id in the template."),
    ("message", "A text for people."),
    ("physicalId", "The physical id."),
    ("region", "The AWS region."),
    ("stack", "The name of the stack."),
    ("status", "The status, as CloudFormation names it."),
    ("time", "The time of the event, RFC 3339."),
    ("type", "The CloudFormation type of the resource."),
    ("version", "The version of the function."),
];

/// The types on the page that are defined in `xtask/local` and `xtask/bench`.
const FOREIGN: [&str; 5] = [
    "FeedReady",
    "LocalReady",
    "MeasuredEvent",
    "ProviderCheck",
    "Run",
];

/// Examples of an event for the documentation.
pub(crate) trait Example: Serialize {
    /// Returns examples, each as the line that a command prints.
    fn examples() -> Vec<String>;
}

pub(crate) fn line(event: &impl Serialize) -> String {
    let line = output::to_json_line(event).expect("an event is JSON");
    line.trim_end().to_owned()
}

pub(crate) fn outputs() -> BTreeMap<String, String> {
    let outputs = [
        (
            "ApiEndpoint",
            "https://a1b2c3d4e5.execute-api.eu-central-1.amazonaws.com",
        ),
        ("TableName", "crypto-watch-data-prod"),
    ];
    outputs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

impl Example for WarningEvent<'_> {
    fn examples() -> Vec<String> {
        let message = "smoke test: health passed, but the prices are 1200 s old";
        vec![line(&WarningEvent { message })]
    }
}

impl Example for ResultEvent<'_> {
    fn examples() -> Vec<String> {
        let (environment, stack) = ("prod", "crypto-watch-prod");
        vec![
            line(&ResultEvent {
                outcome: Outcome::Deployed,
                environment,
                stack,
                outputs: Some(&outputs()),
                error: None,
            }),
            line(&ResultEvent {
                outcome: Outcome::Declined,
                environment,
                stack,
                outputs: None,
                error: Some("nothing was deployed: the answer was no"),
            }),
        ]
    }
}

impl Example for BuildOutput {
    fn examples() -> Vec<String> {
        let artifact = Artifact {
            function: contract::Function::Api,
            path: "target/lambda/api.zip".into(),
            sha256: infra::Sha256Digest::from([0x9f; 32]),
            bytes: 2_012_345,
            architecture: Environment::Prod.settings().architecture,
        };
        let artifacts = vec![artifact];
        vec![line(&BuildOutput { artifacts })]
    }
}

struct Documented {
    type_name: &'static str,
    /// The heading; empty if the type's attribute `rename` names the event.
    title: &'static str,
    examples: Vec<String>,
}

fn line_of<T: Example>(title: &'static str) -> Documented {
    let path = any::type_name::<T>();
    Documented {
        type_name: path.split('<').next().unwrap().rsplit("::").next().unwrap(),
        title,
        examples: T::examples(),
    }
}

fn event<T: Example>() -> Documented {
    line_of::<T>("")
}

/// Returns a line of a crate that this one does not import. That crate's tests compare the example with
/// the type.
fn foreign(type_name: &'static str, title: &'static str, example: impl Into<String>) -> Documented {
    Documented {
        type_name,
        title,
        examples: vec![example.into()],
    }
}

/// Returns the lines of `bench` from the committed run: the first measurement, and the result, which is
/// cut after the first measurement.
fn benchmark_lines() -> [Documented; 2] {
    let run = fs::read_to_string(workspace::root().join("docs/performance.json")).unwrap();
    let measured = run.lines().next().unwrap();
    let result = run.lines().last().unwrap();
    let (result, _) = result.split_once("},{\"name\"").unwrap();
    [
        foreign("MeasuredEvent", "", measured),
        foreign("Run", "result of bench", format!("{result}}}]}}")),
    ]
}

/// Returns the sections of the page: the heading, an introduction, and the types.
fn sections() -> Vec<(&'static str, &'static str, Vec<Documented>)> {
    vec![
        (
            "Commands that change an environment",
            "`deploy`, `plan`, `rollback` and `destroy` print these events. The first event is \
             `identity`, if the credentials can be used. The last event is always `result`, also \
             after a failure.",
            vec![
                event::<IdentityEvent<'_>>(),
                event::<ResourceStatusEvent<'_>>(),
                event::<WarningEvent<'_>>(),
                event::<ResultEvent<'_>>(),
            ],
        ),
        (
            "deploy and plan",
            "Of these events, `plan` prints only `drift`, `change-set` and `grants`. `deploy` prints all of them.",
            vec![
                event::<DriftEvent<'_>>(),
                event::<ChangeSetEvent<'_>>(),
                event::<GrantsEvent<'_>>(),
                event::<ArtifactEvent<'_>>(),
                event::<TrafficEvent<'_>>(),
                event::<UpdateRunEvent>(),
                event::<SmokeTestEvent<'_>>(),
                event::<BaselineEvent<'_>>(),
                event::<NotInBaselineEvent<'_>>(),
                event::<PrunedEvent<'_>>(),
            ],
        ),
        (
            "rollback",
            "A deploy that rolls back after a failed smoke test prints this event too.",
            vec![event::<RollbackEvent<'_>>()],
        ),
        ("destroy", "", vec![event::<RemovalEvent<'_>>()]),
        (
            "drift",
            "The command prints a `drift` line per resource and a `baseline` line per known difference, \
             then `warning` lines for resources that CloudFormation could not compare, and the result.",
            vec![
                event::<DriftedResourceEvent<'_>>(),
                event::<KnownDifferenceEvent<'_>>(),
                event::<DriftResultEvent<'_>>(),
            ],
        ),
        (
            "Commands that show data",
            "These lines have no member `event`.",
            vec![
                line_of::<Status>("status"),
                line_of::<RecordedDeployment>("history, one line per deployment, the newest first"),
                line_of::<StackOutputs>("outputs"),
                line_of::<LogLine<'_>>("logs, one line per log event"),
                line_of::<TemplateDiff>("diff, one line per template"),
                line_of::<DeadLetter>("dead-letters show, one line per message"),
                line_of::<PurgedQueue<'_>>("dead-letters purge"),
                line_of::<KeyRow<'_>>("keys list and keys show, one line per key"),
                line_of::<KeyUsage>("keys usage, one line per key"),
                line_of::<CreatedKey<'_>>("keys create and keys rotate"),
                line_of::<ChangedKey<'_>>(
                    "keys enable, keys disable, keys delete and keys restore",
                ),
                line_of::<BuildOutput>("build"),
                foreign(
                    "LocalReady",
                    "local, one line when the service responds",
                    r#"{"url":"http://127.0.0.1:3000","apiKey":"cw_4fKq7ZpR2mXa_EXAMPLE","tableEndpoint":"http://127.0.0.1:41893","pageUrl":"http://127.0.0.1:3000/_local/"}"#,
                ),
                foreign(
                    "FeedReady",
                    "feed, one line when the feed responds",
                    r#"{"url":"http://127.0.0.1:3001/api/v3","secondUrl":"http://127.0.0.1:3001/v1"}"#,
                ),
                foreign(
                    "ProviderCheck",
                    "feed check, one line per provider",
                    r#"{"provider":"coinpaprika","prices":20,"skipped":[],"rates":2,"skippedRates":["GBP: the provider sent no price"],"replacedTimes":[],"error":null}"#,
                ),
            ],
        ),
        (
            "invoke",
            "The command prints the function's response in one line, as Lambda returns it. The members \
             depend on the function and the event. This is the response to `functions/events/health.json`:\n\n\
             ```json\n{\"statusCode\":200,\"headers\":{\"content-type\":\"application/json\",\
             \"cache-control\":\"no-store\"},\"multiValueHeaders\":{},\"body\":\"{\\\"status\\\":\
             \\\"healthy\\\",\\\"timestamp\\\":\\\"2026-01-15T10:30:12Z\\\",\\\"checks\\\":{\
             \\\"dynamodb\\\":\\\"ok\\\",\\\"lastPriceUpdate\\\":\\\"2026-01-15T10:30:12Z\\\",\
             \\\"cacheAge\\\":0}}\",\"isBase64Encoded\":false,\"cookies\":[]}\n```",
            vec![],
        ),
        (
            "bench",
            "The command prints one `measured` line per measurement, then a line with all measurements. \
             `bench load` and `bench instructions` have no JSON output.",
            benchmark_lines().into(),
        ),
    ]
}

fn source_folders() -> [PathBuf; 4] {
    [
        "xtask/cloud/src",
        "xtask/src",
        "xtask/local/src",
        "xtask/bench/src",
    ]
    .map(|folder| workspace::root().join(folder))
}

/// Collects the sources in a folder, except those of tests.
fn collect(folder: &Path, sources: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs")
            && path.file_stem().is_some_and(|stem| stem != "tests")
        {
            sources.push(fs::read_to_string(&path).unwrap());
        }
    }
}

/// A struct or an enum in the sources.
struct Definition<'a> {
    comment: String,
    attributes: String,
    is_enum: bool,
    /// The lines between the braces.
    body: Vec<&'a str>,
}

/// A field of a struct or a variant of an enum.
struct Member {
    comment: String,
    attributes: String,
    /// `name: Type` or `Variant`.
    text: String,
}

impl<'a> Definition<'a> {
    /// Finds the type of a name that implements `Serialize`.
    fn find(sources: &'a [String], name: &str) -> Option<Self> {
        let mut definitions = sources.iter().flat_map(|source| {
            let lines: Vec<&str> = source.lines().collect();
            let begins = lines.iter().enumerate().filter(|(_, line)| {
                let line = without_visibility(line);
                let rest = line.strip_prefix("struct ").or(line.strip_prefix("enum "));
                rest.and_then(|rest| rest.strip_prefix(name))
                    .is_some_and(|rest| rest.starts_with(['<', ' ']))
            });
            let begins = begins.map(|(at, _)| Definition::read(&lines, at));
            begins.collect::<Vec<_>>()
        });
        definitions.find(|definition| definition.attributes.contains("Serialize"))
    }

    fn read(lines: &[&'a str], at: usize) -> Self {
        let mut above: Vec<&str> = lines[..at]
            .iter()
            .rev()
            .take_while(|line| line.starts_with("///") || line.starts_with("#["))
            .copied()
            .collect();
        above.reverse();
        let (comment, attributes) = above
            .iter()
            .partition::<Vec<&str>, _>(|line| line.starts_with("//"));
        let body = lines[at + 1..].iter().take_while(|line| **line != "}");
        Definition {
            comment: prose(&comment),
            attributes: attributes.concat(),
            is_enum: without_visibility(lines[at]).starts_with("enum"),
            body: body.copied().collect(),
        }
    }

    fn members(&self) -> Vec<Member> {
        let mut members = Vec::new();
        let (mut comment, mut attributes) = (Vec::new(), String::new());
        for line in self.body.iter().map(|line| line.trim()) {
            if line.starts_with("///") {
                comment.push(line);
            } else if line.starts_with("#[") {
                attributes.push_str(line);
            } else if !line.is_empty() {
                members.push(Member {
                    comment: prose(&comment),
                    attributes: std::mem::take(&mut attributes),
                    text: without_visibility(line).trim_end_matches(',').to_owned(),
                });
                comment.clear();
            }
        }
        members
    }
}

fn without_visibility(line: &str) -> &str {
    ["pub(crate) ", "pub(super) ", "pub "]
        .iter()
        .find_map(|visibility| line.strip_prefix(visibility))
        .unwrap_or(line)
}

/// Returns the text of a comment in one line.
fn prose(comment: &[&str]) -> String {
    let lines = comment
        .iter()
        .map(|line| line.trim_start_matches('/').trim());
    lines.collect::<Vec<_>>().join(" ")
}

/// Returns the value of a setting such as `rename = "type"`.
fn setting<'a>(attributes: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = attributes.split_once(&format!("{name} = \""))?;
    rest.split('"').next()
}

/// Returns a Rust name as serde writes it.
fn renamed(name: &str, case: Option<&str>) -> String {
    match case {
        Some("camelCase") => {
            let mut words = name.split('_');
            let first = words.next().unwrap_or_default().to_owned();
            words.fold(first, |name, word| {
                name + &word[..1].to_uppercase() + &word[1..]
            })
        }
        Some("kebab-case") => {
            let word = |c: char| {
                if c.is_uppercase() {
                    format!("-{}", c.to_lowercase())
                } else {
                    c.to_string()
                }
            };
            let name: String = name.chars().map(word).collect();
            name.trim_start_matches('-').to_owned()
        }
        Some("lowercase") => name.to_lowercase(),
        _ => name.to_owned(),
    }
}

/// Writes the tables of members, and remembers the types that they refer to.
struct Tables<'a> {
    sources: &'a [String],
    /// The types and headings of the lines with a `title`, for links to their sections.
    lines: Vec<(&'static str, &'static str)>,
    types: Vec<String>,
}

impl Tables<'_> {
    fn table(&mut self, definition: &Definition<'_>) -> String {
        let rows = self.rows(definition);
        if rows.is_empty() {
            return String::new();
        }
        format!("| member | type | meaning |\n|---|---|---|\n{rows}\n")
    }

    fn rows(&mut self, definition: &Definition<'_>) -> String {
        let case = setting(&definition.attributes, "rename_all");
        let mut rows = String::new();
        if definition.attributes.contains("transparent") {
            return rows;
        }
        for member in definition.members() {
            let (name, rust) = member.text.split_once(": ").unwrap();
            if member.attributes.contains("serde(skip)") {
                continue;
            }
            if member.attributes.contains("flatten") {
                let name = bare(rust);
                let inner = Definition::find(self.sources, name).unwrap();
                rows += &self.rows(&inner);
                continue;
            }
            let name = setting(&member.attributes, "rename")
                .map_or_else(|| renamed(name, case), str::to_owned);
            let mut kind = self.kind(rust);
            if member.attributes.contains("skip_serializing_if") {
                kind = format!("{}, optional", kind.trim_end_matches(" or null"));
            }
            let common = MEANINGS.iter().find(|(known, _)| *known == name);
            let meaning = match (&*member.comment, common) {
                ("", Some((_, meaning))) => meaning,
                (comment, _) => comment,
            };
            assert!(
                !meaning.is_empty(),
                "{name} in {} needs a comment",
                member.text
            );
            writeln!(rows, "| `{name}` | {kind} | {meaning} |").unwrap();
        }
        rows
    }

    /// Returns the JSON type of a Rust type, in words.
    fn kind(&mut self, rust: &str) -> String {
        let inside = |text: &str, wrapper: &str| {
            let inside = text.strip_prefix(wrapper)?.strip_suffix('>')?;
            Some(inside.to_owned())
        };
        let rust = rust
            .trim_start_matches("&'a ")
            .trim_start_matches("&'static ");
        if let Some(inner) = inside(rust, "Option<") {
            return format!("{} or null", self.kind(&inner));
        }
        if let Some(inner) = inside(rust, "Known<") {
            return self.kind(&inner);
        }
        let slice = rust
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'));
        if let Some(item) = inside(rust, "Vec<").or(slice.map(str::to_owned)) {
            return format!("list: {}", self.kind(&item));
        }
        match rust {
            "str" | "String" | "Timestamp" | "PathBuf" | "Sha256Digest" | "Function"
            | "Architecture" => "string".to_owned(),
            "bool" => "boolean".to_owned(),
            "u8" | "u32" | "u64" | "usize" | "i64" | "NonZeroU32" => "integer".to_owned(),
            "f64" => "number".to_owned(),
            "Value" => "any".to_owned(),
            "Outputs" | "BTreeMap<String, String>" => "object of strings".to_owned(),
            "BTreeMap<String, u64>" => "object of integers".to_owned(),
            other => self.named(bare(other)),
        }
    }

    /// Returns an enum as its values, and a struct as a link to its section.
    fn named(&mut self, name: &str) -> String {
        let definition = Definition::find(self.sources, name);
        let definition = definition.unwrap_or_else(|| panic!("{name} is not in the sources"));
        if definition.is_enum {
            let case = setting(&definition.attributes, "rename_all");
            let values = definition.members().into_iter().map(|member| {
                if member.attributes.contains("untagged") {
                    "another text".to_owned()
                } else {
                    format!("`{}`", renamed(&member.text, case))
                }
            });
            return values.collect::<Vec<_>>().join(", ");
        }
        let mut lines = self.lines.iter();
        if let Some((_, title)) = lines.find(|(line, _)| *line == name) {
            let anchor = title.replace(',', "").replace(' ', "-");
            return format!("[{name}](#{anchor})");
        }
        if !self.types.iter().any(|known| known == name) {
            self.types.push(name.to_owned());
        }
        format!("[{name}](#{})", name.to_lowercase())
    }
}

/// Returns a type's name without its reference and its lifetime.
fn bare(rust: &str) -> &str {
    rust.trim_start_matches("&'a ")
        .split('<')
        .next()
        .unwrap_or_default()
}

fn page() -> String {
    let mut sources = Vec::new();
    for folder in source_folders() {
        collect(&folder, &mut sources);
    }
    let sections = sections();
    let documented = sections.iter().flat_map(|(_, _, types)| types);
    let lines = documented.filter(|documented| !documented.title.is_empty());
    let mut tables = Tables {
        sources: &sources,
        lines: lines.map(|line| (line.type_name, line.title)).collect(),
        types: Vec::new(),
    };
    let mut page = include_str!("events_page.md").replace("VERSION", &VERSION.to_string());
    for (heading, introduction, types) in sections {
        write!(page, "\n## {heading}\n").unwrap();
        if !introduction.is_empty() {
            write!(page, "\n{introduction}\n").unwrap();
        }
        for documented in types {
            let definition = Definition::find(&sources, documented.type_name).unwrap();
            let title = match setting(&definition.attributes, "rename") {
                Some(event) => format!("`{event}`"),
                None => documented.title.to_owned(),
            };
            let table = tables.table(&definition);
            let examples = documented.examples.join("\n");
            write!(
                page,
                "\n### {title}\n\n{}\n\n```json\n{examples}\n```\n\n{table}",
                definition.comment
            )
            .unwrap();
        }
    }
    page.push_str("\n## Types\n");
    let mut written = 0;
    while let Some(name) = tables.types.get(written).cloned() {
        let definition = Definition::find(&sources, &name).unwrap();
        let table = tables.table(&definition);
        write!(page, "\n### {name}\n\n{}\n\n{table}", definition.comment).unwrap();
        written += 1;
    }
    page.replace("\n\n\n", "\n\n").trim_end().to_owned() + "\n"
}

#[test]
fn the_events_page_is_written_from_the_types() {
    let path = workspace::root().join(PAGE);
    let written = page();
    if env::var("INSTA_UPDATE").is_ok_and(|value| value == "always") {
        fs::write(&path, &written).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == written, "{PAGE} is out of date; run: {UPDATE}");
}

/// Only a type that implements [`Example`] can be printed. Therefore, if the page has every such type, it
/// has every printed type.
#[test]
fn the_events_page_has_every_type_that_a_command_prints() {
    let mut sources = Vec::new();
    let [cloud, ..] = source_folders();
    collect(&cloud, &mut sources);
    let prints = |source: &&String| source.contains("json_line(");
    let printers = sources.iter().filter(prints);
    assert_eq!(printers.count(), 1, "only report.rs prints JSON");
    let tests = [
        include_str!("tests.rs"),
        include_str!("../stack/traffic/tests.rs"),
    ];
    sources.extend(tests.map(str::to_owned));
    let implementors = sources.iter().flat_map(|source| source.lines());
    let mut implementors: Vec<&str> = implementors
        .filter_map(|line| line.trim_start().strip_prefix("impl Example for "))
        .map(|rest| rest.split(['<', ' ']).next().unwrap())
        .chain(FOREIGN)
        .collect();
    implementors.sort_unstable();
    let sections = sections();
    let mut documented: Vec<&str> = sections
        .iter()
        .flat_map(|(_, _, types)| types.iter().map(|documented| documented.type_name))
        .collect();
    documented.sort_unstable();
    assert_eq!(documented, implementors);
}
