//! What becomes of drift: shown before anything changes, and decided.

use infra::Environment;
use xtask::cloud::OnDrift;
use xtask::failure::Failure;
use xtask::output;

use super::change_set::Drifted;
use super::plan::{self, Terms};
use crate::aws::Aws;
use crate::confirm;
use crate::drift;
use crate::report::{Event, Report};
use crate::stack::drift::Drift;
use crate::stack::live_version::Rollback;
use crate::stack::{self, Stack};

/// Shows what has drifted in the stacks that there are, and decides.
///
/// # Errors
///
/// When it is to stop, or when nobody can say what is to become of it; when AWS
/// does not let it be found, and nobody has said to go on all the same.
pub(crate) async fn decide(
    aws: &Aws,
    environment: Environment,
    bucket: Option<&Stack>,
    service: Option<&Stack>,
    terms: &Terms,
    report: &Report,
) -> anyhow::Result<(Drifted, Vec<Rollback>)> {
    let drift = match find(aws, environment, bucket, service, report).await {
        Ok(drift) => drift,
        Err(error) if terms.on_drift == Some(OnDrift::Continue) => {
            report.warn(&format!("{error:#}; going on without"))?;
            return Ok((Drifted::Stays, Vec::new()));
        }
        Err(error) => {
            return Err(Failure::new(format!("nothing was deployed: {error:#}"))
                .hint("--on-drift continue deploys without knowing what has drifted")
                .into());
        }
    };
    if drift.resources.is_empty() {
        return Ok((Drifted::Stays, Vec::new()));
    }
    let choice = match terms.on_drift {
        Some(choice) => choice,
        None if terms.asking => choose().await?,
        None => OnDrift::Stop,
    };
    match choice {
        OnDrift::Stop if terms.asking => {
            Err(plan::declined("the drift is to be looked at first").into())
        }
        OnDrift::Stop => {
            let ids: Vec<&str> = drift.resources.iter().map(|r| &*r.logical_id).collect();
            Err(Failure::new(format!(
                "nothing was deployed: changed without the stack: {}",
                ids.join(", ")
            ))
            .hint("--on-drift continue deploys and leaves what the template does not change; --on-drift revert brings it back to the template, too")
            .into())
        }
        OnDrift::Continue => Ok((Drifted::Stays, Vec::new())),
        OnDrift::Revert => Ok((Drifted::IsReverted, drift.rollbacks().cloned().collect())),
    }
}

async fn choose() -> anyhow::Result<OnDrift> {
    let choices = [
        ("stop", OnDrift::Stop),
        ("continue", OnDrift::Continue),
        ("revert", OnDrift::Revert),
    ];
    let text = "Stop here, continue and leave it as it is, or revert it to the template?";
    confirm::choose(text, &choices, OnDrift::Stop).await
}

/// What has drifted in both stacks, shown.
async fn find(
    aws: &Aws,
    environment: Environment,
    bucket: Option<&Stack>,
    service: Option<&Stack>,
    report: &Report,
) -> anyhow::Result<Drift> {
    let client = aws.cloudformation();
    let of_bucket = async {
        match bucket {
            Some(bucket) => stack::drift::detect(&client, bucket).await.map(Some),
            None => Ok(None),
        }
    };
    let of_service = async {
        match service {
            Some(service) => drift::of_service(aws, service, environment).await.map(Some),
            None => Ok(None),
        }
    };
    let (of_bucket, of_service) = tokio::try_join!(of_bucket, of_service)?;
    let mut all = Drift::default();
    for (stack, drift) in [(bucket, of_bucket), (service, of_service)] {
        if let (Some(stack), Some(drift)) = (stack, drift) {
            show(&stack.name, &drift, report)?;
            all.resources.extend(drift.resources);
        }
    }
    Ok(all)
}

fn show(stack: &str, drift: &Drift, report: &Report) -> anyhow::Result<()> {
    for unchecked in &drift.unchecked {
        report.warn(&format!("{stack}: not checked for drift: {unchecked}"))?;
    }
    if !drift.resources.is_empty() {
        let count = drift.resources.len();
        output::progress(format_args!(
            "{stack}: changed without the stack ({count}):"
        ));
    }
    for resource in &drift.resources {
        output::progress(format_args!("  {resource}"));
    }
    report.event(&Event::Drift {
        stack,
        resources: &drift.resources,
    })
}
