//! Logs and metrics as lines of JSON on stdout, which Lambda sends to CloudWatch Logs.

mod metric_line;

use contract::LogLevel;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

pub use self::metric_line::{MetricLine, Unit};

/// The crates whose log events follow `LOG_LEVEL`. Libraries log at most warnings and errors,
/// because the Lambda runtime and the HTTP client would also log requests with their API keys.
const OUR_CRATES: [&str; 4] = ["api", "update", "verify", "shared"];

/// Makes the process log to stdout as JSON, also its panics. A second call changes nothing.
#[expect(clippy::disallowed_methods, reason = "Lambda's log, in JSON")]
pub fn init(level: LogLevel) {
    let (ours, libraries) = match level {
        LogLevel::Debug => (LevelFilter::DEBUG, LevelFilter::WARN),
        LogLevel::Info => (LevelFilter::INFO, LevelFilter::WARN),
        LogLevel::Error => (LevelFilter::ERROR, LevelFilter::ERROR),
    };
    let targets = Targets::new()
        .with_default(libraries)
        .with_targets(OUR_CRATES.map(|name| (name, ours)));
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(std::io::stdout);
    if tracing_subscriber::registry()
        .with(targets)
        .with(lines)
        .try_init()
        .is_ok()
    {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            let reason = panic.payload_as_str().unwrap_or("unknown");
            tracing::error!(place, reason, "panic");
        }));
    }
}
