//! The sizes of the zips that a deploy uploads.

use contract::Function;
use infra::Environment;

use crate::report::Measurement;

/// Builds the zips and returns their sizes.
pub(crate) fn measure() -> anyhow::Result<Vec<Measurement>> {
    let mut measurements = Vec::new();
    for artifact in xtask_package::build(Environment::Prod.settings().architecture)? {
        let name = format!("size {} zip", artifact.function.name());
        let mut size = Measurement::size(name, artifact.bytes);
        let limit = match artifact.function {
            Function::Api => Some(2.0),
            Function::Update => Some(2.4),
            Function::Verify => None,
        };
        if let Some(limit) = limit {
            size.add_target("MB", size.median / 1e6, limit);
        }
        measurements.push(size);
    }
    Ok(measurements)
}
