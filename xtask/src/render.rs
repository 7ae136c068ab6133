//! `cargo xtask render`: renders the templates and compares them with their snapshots.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use cfn::template::Template;
use clap::ValueEnum;
use infra::stack::{Pipeline, Repository};
use infra::{Artifacts, Environment, RenderedTemplate, Settings, stack};

use crate::failure::Failure;
use crate::options::environment;
use crate::{build, documents, files, output, snapshots};

#[derive(Debug, clap::Args)]
pub struct RenderArgs {
    /// Environment whose service stack to render [default: all stacks]
    #[arg(long = "env", value_parser = environment())]
    environment: Option<Environment>,
    /// Template format
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Directory to write one file per template to [default: stdout]
    #[arg(long, value_name = "DIR")]
    output_dir: Option<PathBuf>,
    /// Use the digests of the zips of `cargo xtask build` instead of zeros
    #[arg(long)]
    built: bool,
    /// Fail if the committed snapshots or a generated part of a document are out of date
    #[arg(long, conflicts_with_all = ["format", "output_dir", "built"])]
    check: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// YAML with the short forms of intrinsic functions
    #[default]
    Yaml,
    /// Minified JSON, as CloudFormation gets it, one template per line
    Json,
}

impl Format {
    const fn extension(self) -> &'static str {
        match self {
            Format::Yaml => "yaml",
            Format::Json => "json",
        }
    }

    fn write(self, template: &RenderedTemplate) -> String {
        match self {
            Format::Yaml => template.to_yaml(),
            Format::Json => format!("{}\n", template.to_json()),
        }
    }
}

/// A rendered template. Its snapshot and its file have the same name, such as `dev`, `artifacts-dev`
/// or `identity-provider`.
#[derive(Debug)]
pub struct NamedTemplate {
    pub name: String,
    pub template: RenderedTemplate,
}

/// The account and region in the snapshots: the account id of AWS's examples.
const SNAPSHOT_ACCOUNT_ID: &str = "111122223333";
const SNAPSHOT_REGION: &str = "us-east-1";
/// The repository in the snapshots, which is GitHub's example: its name, its owner's id and its id.
const SNAPSHOT_REPOSITORY: (&str, &str, &str) = ("octo-org/octo-repo", "123456", "456789");

impl NamedTemplate {
    fn render(name: String, stack: Template) -> anyhow::Result<Self> {
        let rendered = stack.render();
        let template = rendered.with_context(|| format!("rendering the template {name}"))?;
        Ok(NamedTemplate { name, template })
    }
}

pub fn service(environment: Environment, artifacts: &Artifacts) -> anyhow::Result<NamedTemplate> {
    let stack = stack::service(&environment.settings(), artifacts);
    NamedTemplate::render(environment.to_string(), stack)
}

/// Renders the service stacks in the order of [`Environment::ALL`].
pub fn services() -> anyhow::Result<Vec<RenderedTemplate>> {
    let environments = Environment::ALL.into_iter();
    let services = environments.map(|environment| service(environment, &Artifacts::placeholder()));
    services.map(|named| Ok(named?.template)).collect()
}

/// Returns a pipeline with these settings for the repository in the snapshots.
pub fn snapshot_pipeline(settings: Settings) -> anyhow::Result<Pipeline> {
    let (name, owner_id, id) = SNAPSHOT_REPOSITORY;
    let repository = Repository::new(name.parse()?, owner_id.parse()?, id.parse()?);
    Ok(Pipeline {
        settings,
        repository,
    })
}

/// Renders every template, in the order in which they are printed.
pub fn all(artifacts: &Artifacts) -> anyhow::Result<Vec<NamedTemplate>> {
    let mut templates = Vec::new();
    for environment in Environment::ALL {
        templates.push(service(environment, artifacts)?);
    }
    let mut add = |name: String, stack: Template| {
        templates.push(NamedTemplate::render(name, stack)?);
        anyhow::Ok(())
    };
    for environment in Environment::ALL {
        let bucket = stack::artifacts(environment, SNAPSHOT_ACCOUNT_ID, SNAPSHOT_REGION);
        add(
            format!("boundary-{environment}"),
            stack::boundary(environment),
        )?;
        add(format!("artifacts-{environment}"), bucket)?;
    }
    for environment in Environment::ALL {
        let pipeline = stack::pipeline(&snapshot_pipeline(environment.settings())?);
        add(format!("pipeline-{environment}"), pipeline)?;
    }
    add("identity-provider".to_owned(), stack::identity_provider())?;
    Ok(templates)
}

/// Renders the service stack of one environment, or every template.
pub fn selected(
    environment: Option<Environment>,
    artifacts: &Artifacts,
) -> anyhow::Result<Vec<NamedTemplate>> {
    match environment {
        Some(environment) => Ok(vec![service(environment, artifacts)?]),
        None => all(artifacts),
    }
}

pub fn run(args: &RenderArgs) -> anyhow::Result<()> {
    let artifacts = if args.built {
        build::last_digests()?
    } else {
        Artifacts::placeholder()
    };
    let templates = selected(args.environment, &artifacts)?;
    if args.check {
        return check(&templates);
    }
    match &args.output_dir {
        Some(dir) => write_files(&templates, args.format, dir),
        None => print(&templates, args.format),
    }
}

fn print(templates: &[NamedTemplate], format: Format) -> anyhow::Result<()> {
    for NamedTemplate { name, template } in templates {
        if format == Format::Yaml && templates.len() > 1 {
            output::text(&format!("---\n# {name}\n"))?;
        }
        output::text(&format.write(template))?;
    }
    Ok(())
}

fn write_files(templates: &[NamedTemplate], format: Format, dir: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(dir).map_err(|error| {
        Failure::new(format!(
            "could not create the directory {}: {error}",
            dir.display()
        ))
        .hint("pass a writable directory with --output-dir")
    })?;
    for NamedTemplate { name, template } in templates {
        let path = dir.join(format!("{name}.{}", format.extension()));
        files::replace(&path, format.write(template), files::PUBLIC)?;
        output::progress(format_args!("wrote {}", path.display()));
    }
    Ok(())
}

fn check(templates: &[NamedTemplate]) -> anyhow::Result<()> {
    let mut outdated = Vec::new();
    for NamedTemplate { name, template } in templates {
        match snapshots::difference(name, &template.to_yaml())? {
            None => output::progress(format_args!("{name}: up to date")),
            Some(diff) => {
                outdated.push(name.as_str());
                output::progress(format_args!("{name}: out of date"));
                output::text(&diff)?;
            }
        }
    }
    for file in documents::outdated(&services()?)? {
        outdated.push(file);
        output::progress(format_args!("{file}: out of date"));
    }
    if outdated.is_empty() {
        return Ok(());
    }
    Err(
        Failure::new(format!("out of date: {}", outdated.join(", ")))
            .hint("review the difference, then run: cargo xtask test snapshots --accept")
            .into(),
    )
}
