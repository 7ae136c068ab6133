//! The region of a command.

use infra::place;
use xtask::failure::Failure;

/// Chooses the first region that is set, in this order: `--region`, `AWS_REGION`, `AWS_DEFAULT_REGION`, the
/// profile's region. A blank value counts as not set, because CI systems often set empty variables.
pub(super) fn choose(
    typed: Option<&str>,
    lookup: impl Fn(&str) -> Option<String>,
    profile: Option<&str>,
) -> Result<Option<String>, Failure> {
    let settings = [
        ("--region", typed.map(str::to_owned)),
        ("AWS_REGION", lookup("AWS_REGION")),
        ("AWS_DEFAULT_REGION", lookup("AWS_DEFAULT_REGION")),
        ("the profile's region", profile.map(str::to_owned)),
    ];
    for (setting, value) in settings {
        let value = value.unwrap_or_default();
        let region = value.trim();
        if region.is_empty() {
            continue;
        }
        return match region.parse::<place::Region>() {
            Ok(_) => Ok(Some(region.to_owned())),
            Err(error) => Err(Failure::new(format!(
                "nothing was done: {setting} is {region}: {error}"
            ))
            .hint("pass --region NAME, or set AWS_REGION or the profile's region")),
        };
    }
    Ok(None)
}

/// Returns the failure of a command without a region.
pub(super) fn none() -> Failure {
    Failure::new("no AWS region is set")
        .hint("pass --region NAME, or set AWS_REGION or the profile's region")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chosen(typed: Option<&str>, variables: [&str; 2], profile: Option<&str>) -> String {
        let lookup = |name: &str| {
            let [region, default] = variables;
            let value = if name == "AWS_REGION" {
                region
            } else {
                default
            };
            Some(value.to_owned())
        };
        match choose(typed, lookup, profile) {
            Ok(region) => region.unwrap_or_default(),
            Err(failure) => failure.to_string(),
        }
    }

    #[test]
    fn the_first_region_that_is_not_blank_is_used() {
        let all = ["eu-west-1", "eu-west-2"];
        let profile = Some("eu-west-3");
        assert_eq!(chosen(Some("us-east-1"), all, profile), "us-east-1");
        assert_eq!(chosen(Some(""), all, profile), "eu-west-1");
        assert_eq!(chosen(None, [" ", "eu-west-2\n"], profile), "eu-west-2");
        assert_eq!(chosen(None, ["", "\t"], profile), "eu-west-3");
        assert_eq!(chosen(None, ["", ""], Some("")), "");
    }

    #[test]
    fn an_invalid_region_is_named_with_its_setting() {
        for (typed, variables, named) in [
            (Some("eu_central_1"), ["", ""], "--region is eu_central_1: "),
            (
                None,
                ["EU (Frankfurt)", ""],
                "AWS_REGION is EU (Frankfurt): ",
            ),
            (None, ["", "x\ny"], "AWS_DEFAULT_REGION is x\ny: "),
        ] {
            let message = chosen(typed, variables, None);
            let expected = format!("nothing was done: {named}a region's name has");
            assert!(message.starts_with(&expected), "{message}");
        }
    }

    proptest! {
        #[test]
        fn every_accepted_text_is_a_valid_region(text in any::<String>()) {
            let lookup = |_: &str| Some(text.clone());
            if let Ok(Some(region)) = choose(None, lookup, None) {
                prop_assert!(region.parse::<place::Region>().is_ok());
            }
        }
    }
}
