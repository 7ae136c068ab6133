use cfn::resources::cloudwatch::{AlarmMetric, MetricStat, Metrics};

fn both(metric: MetricStat, math: Metrics) -> AlarmMetric {
    AlarmMetric::Single(metric, math)
}

fn main() {
    let _ = both;
}
