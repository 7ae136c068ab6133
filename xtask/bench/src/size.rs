//! How big the functions are: what a cold start has to load.

use crate::measurement::Measurement;

const MEGABYTE: f64 = 1e6;

/// The zips that a deploy uploads, and the binaries in them.
pub(crate) fn measure() -> anyhow::Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    for artifact in xtask_package::build(infra::Environment::Prod.settings().architecture)? {
        let name = artifact.function.name();
        let mut zip = Measurement::of_size(format!("size {name} zip"), artifact.bytes);
        let limit = match artifact.function {
            contract::Function::Api => Some(2.0),
            contract::Function::Update => Some(2.4),
            // Nobody waits for it but a deploy.
            contract::Function::Verify => None,
        };
        if let Some(limit) = limit {
            zip.target("MB", zip.median / MEGABYTE, limit);
        }
        measurements.push(zip);
    }
    Ok(measurements)
}
