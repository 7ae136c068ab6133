//! Tests of the differences that join the baseline, and of those that must not.

use aws_sdk_cloudformation::types::PropertyDifference;
use infra::{Artifacts, Environment};

use super::*;
use crate::stack::drift::Unchecked;

const STACK: &str = "crypto-watch-prod";
const QUEUE: &str = "AWS::SQS::Queue";
const SCHEDULE: &str = "AWS::Scheduler::Schedule";

fn difference(path: &str, expected: &str, actual: &str) -> Difference {
    Difference {
        path: path.to_owned(),
        expected: Some(expected.to_owned()),
        actual: Some(actual.to_owned()),
    }
}

fn modified(id: &str, resource_type: &str, differences: Vec<Difference>) -> DriftedResource {
    DriftedResource {
        logical_id: id.to_owned(),
        resource_type: resource_type.to_owned(),
        physical_id: format!("{id}-1"),
        status: DriftStatus::Modified,
        differences,
        rollback: None,
    }
}

fn deleted(id: &str, resource_type: &str) -> DriftedResource {
    DriftedResource {
        status: DriftStatus::Deleted,
        ..modified(id, resource_type, Vec::new())
    }
}

fn drift(resources: Vec<DriftedResource>) -> Drift {
    Drift {
        resources,
        unchecked: Vec::new(),
    }
}

/// Returns the verdict on one resource that an update changed and that had no drift before.
fn verdict_on_changed(resource: DriftedResource) -> Verdict {
    let changed = BTreeSet::from([resource.logical_id.clone()]);
    let effect = Effect {
        stack: STACK,
        changed: &changed,
        imported: &BTreeSet::new(),
        before: Some(&Drift::default()),
        baseline: &[],
        reverts: false,
    };
    judge(&effect, &drift(vec![resource]))
}

#[test]
fn a_difference_of_a_changed_resource_is_recorded_and_is_no_longer_drift() {
    let order = difference("/NonKeyAttributes", "[a,b]", "[b,a]");
    let resource = modified("Queue", QUEUE, vec![order]);
    let verdict = verdict_on_changed(resource.clone());
    assert_eq!(verdict.baseline, verdict.added);
    assert_eq!(
        verdict.baseline[0].to_string(),
        "Queue (AWS::SQS::Queue) /NonKeyAttributes: [a,b] in the template, [b,a] now"
    );
    let mut found = drift(vec![resource]);
    assert_eq!(
        subtract(STACK, &mut found, &verdict.baseline),
        verdict.baseline
    );
    assert!(found.resources.is_empty());
}

#[test]
fn a_difference_that_does_not_equal_a_recorded_one_is_still_drift() {
    let resource = modified("Queue", QUEUE, vec![difference("/P", "1", "2")]);
    let baseline = verdict_on_changed(resource.clone()).baseline;
    let mut replaced = resource.clone();
    replaced.physical_id = "Queue-2".to_owned();
    for other in [
        modified("Queue", QUEUE, vec![difference("/P", "1", "3")]),
        modified("Queue", QUEUE, vec![difference("/P", "0", "2")]),
        modified("Queue", QUEUE, vec![difference("/Q", "1", "2")]),
        modified("Other", QUEUE, vec![difference("/P", "1", "2")]),
        deleted("Queue", QUEUE),
        replaced,
    ] {
        let mut found = drift(vec![other]);
        assert!(subtract(STACK, &mut found, &baseline).is_empty());
        assert_eq!(found.resources.len(), 1);
    }
    let mut found = drift(vec![resource]);
    assert!(subtract("crypto-watch-artifacts-prod", &mut found, &baseline).is_empty());
}

#[test]
fn a_resource_keeps_the_differences_that_are_not_in_the_baseline() {
    let known = difference("/P", "1", "2");
    let new = difference("/Q", "1", "2");
    let baseline = verdict_on_changed(modified("Queue", QUEUE, vec![known.clone()])).baseline;
    let mut found = drift(vec![modified("Queue", QUEUE, vec![known, new.clone()])]);
    assert_eq!(subtract(STACK, &mut found, &baseline), baseline);
    assert_eq!(found.resources[0].differences, [new]);
}

#[test]
fn differences_of_permissions_or_code_or_routing_are_never_recorded() {
    for excluded in [
        "AWS::ApiGatewayV2::Integration",
        "AWS::ApiGatewayV2::Route",
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::OIDCProvider",
        "AWS::IAM::Role",
        "AWS::IAM::RolePolicy",
        "AWS::Lambda::Alias",
        "AWS::Lambda::Function",
        "AWS::Lambda::LayerVersionPermission",
        "AWS::Lambda::Permission",
        "AWS::Logs::ResourcePolicy",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
        "AWS::SecretsManager::ResourcePolicy",
    ] {
        let resource = modified("Resource", excluded, vec![difference("/P", "1", "2")]);
        let verdict = verdict_on_changed(resource);
        assert_eq!(verdict.baseline, [], "{excluded}");
        assert_eq!(verdict.changed_meanwhile.len(), 1, "{excluded}");
    }
    for path in ["/ResourcePolicy/PolicyDocument", "/KeyPolicy"] {
        let policy = difference(path, "1", "2");
        let verdict = verdict_on_changed(modified("Table", "AWS::DynamoDB::Table", vec![policy]));
        assert_eq!(verdict.baseline, [], "{path}");
    }
}

/// Types that do not affect permissions, code or the routing of requests.
const MAY_BE_RECORDED: [&str; 16] = [
    "AWS::ApiGatewayV2::Api",
    "AWS::ApiGatewayV2::Stage",
    "AWS::CloudWatch::Alarm",
    "AWS::CloudWatch::CompositeAlarm",
    "AWS::CloudWatch::Dashboard",
    "AWS::CodeDeploy::Application",
    "AWS::CodeDeploy::DeploymentGroup",
    "AWS::DynamoDB::Table",
    "AWS::Lambda::EventInvokeConfig",
    "AWS::Lambda::Version",
    "AWS::Logs::LogGroup",
    "AWS::S3::Bucket",
    "AWS::SNS::Subscription",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::Scheduler::Schedule",
];

#[test]
fn a_type_of_our_stacks_is_recorded_exactly_if_it_is_listed() {
    let service = infra::stack::service(&Environment::Prod.settings(), &Artifacts::placeholder());
    let bucket = infra::stack::artifacts(Environment::Prod, "111122223333", "us-east-1");
    for template in [service, bucket] {
        let template = template
            .render()
            .map(|template| template.as_value().clone());
        let resources = template.map(|template| template["Resources"].clone());
        let resources = resources.unwrap_or_default();
        assert!(
            resources
                .as_object()
                .is_some_and(|resources| !resources.is_empty())
        );
        for resource in resources
            .as_object()
            .into_iter()
            .flat_map(|all| all.values())
        {
            let resource_type = resource["Type"].as_str().unwrap_or_default();
            let difference = vec![difference("/P", "1", "2")];
            let verdict = verdict_on_changed(modified("Resource", resource_type, difference));
            let is_listed = MAY_BE_RECORDED.contains(&resource_type);
            assert_eq!(
                verdict.baseline.len(),
                usize::from(is_listed),
                "{resource_type}"
            );
        }
    }
}

#[test]
fn a_difference_with_a_hidden_value_is_never_recorded() {
    let difference = PropertyDifference::builder()
        .property_path("/Variables/EXTERNAL_API_KEY")
        .actual_value("CG-secret")
        .build();
    let hidden = Difference::from(difference);
    assert_eq!(
        verdict_on_changed(modified("Resource", QUEUE, vec![hidden])).baseline,
        []
    );
}

#[test]
fn a_deletion_is_recorded_only_for_a_type_with_known_false_reports() {
    let verdict = verdict_on_changed(deleted("Schedule", SCHEDULE));
    assert_eq!(
        verdict.baseline[0].to_string(),
        "Schedule (AWS::Scheduler::Schedule) is reported as deleted"
    );
    assert_eq!(verdict_on_changed(deleted("Queue", QUEUE)).baseline, []);
}

#[test]
fn a_baseline_edited_by_hand_cannot_hide_drift_of_an_excluded_type() {
    let role = modified("Role", "AWS::IAM::Role", vec![difference("/P", "1", "2")]);
    let edited = differences_of(STACK, &role);
    let mut found = drift(vec![role]);
    assert!(subtract(STACK, &mut found, &edited).is_empty());
    assert_eq!(found.resources.len(), 1);
}

#[test]
fn a_difference_that_was_not_reverted_is_distinguished_from_new_differences() {
    let before = drift(vec![modified(
        "Queue",
        QUEUE,
        vec![difference("/Policy", "1", "2")],
    )]);
    let changed = BTreeSet::from(["Queue".to_owned()]);
    let verdict = |reverts, path: &str, actual: &str| {
        let effect = Effect {
            stack: STACK,
            changed: &changed,
            imported: &BTreeSet::new(),
            before: Some(&before),
            baseline: &[],
            reverts,
        };
        let after = modified("Queue", QUEUE, vec![difference(path, "1", actual)]);
        judge(&effect, &drift(vec![after]))
    };
    for (path, actual) in [("/Policy", "2"), ("/Policy", "3"), ("/Policy/0", "2")] {
        assert_eq!(verdict(true, path, actual).not_reverted.len(), 1, "{path}");
        let verdict = verdict(false, path, actual);
        let is_same = (path, actual) == ("/Policy", "2");
        assert_eq!(verdict.continued.len(), usize::from(is_same), "{path}");
        let is_new = usize::from(!is_same);
        assert_eq!(verdict.changed_meanwhile.len(), is_new, "{path}");
        assert_eq!(verdict.baseline, [], "{path}");
    }
    let of_another_property = verdict(true, "/PolicyName", "2");
    assert_eq!(of_another_property.changed_meanwhile.len(), 1);
}

#[test]
fn the_differences_of_an_unchecked_resource_stay_in_the_baseline() {
    let resource = modified("Queue", QUEUE, vec![difference("/P", "1", "2")]);
    let baseline = verdict_on_changed(resource).baseline;
    let verdict = |unchecked: Option<&str>| {
        let effect = Effect {
            stack: STACK,
            changed: &BTreeSet::new(),
            imported: &BTreeSet::new(),
            before: Some(&Drift::default()),
            baseline: &baseline,
            reverts: false,
        };
        let mut after = Drift::default();
        after.unchecked.extend(unchecked.map(|id| Unchecked {
            logical_id: Some(id.to_owned()),
            reason: "access denied".to_owned(),
        }));
        judge(&effect, &after).baseline
    };
    assert_eq!(verdict(Some("Queue")), baseline);
    assert_eq!(verdict(Some("Role")), []);
    assert_eq!(verdict(None), []);
}

#[test]
fn a_written_baseline_is_read_unchanged() {
    let all = [
        verdict_on_changed(modified("Queue", QUEUE, vec![difference("/P", "1", "2")])).baseline,
        verdict_on_changed(deleted("Schedule", SCHEDULE)).baseline,
    ];
    let written = serde_json::to_string(&all.concat());
    let read = written.and_then(|text| serde_json::from_str::<Vec<KnownDifference>>(&text));
    assert_eq!(read.ok(), Some(all.concat()));
}

mod properties {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use proptest::sample::{select, subsequence};

    use super::*;

    const IDS: [&str; 4] = ["A", "B", "C", "D"];

    /// Generates a type, whether the resource is reported as deleted, and the actual value of each path.
    fn any_resource() -> impl Strategy<Value = (&'static str, bool, BTreeMap<&'static str, u8>)> {
        let types = vec![QUEUE, SCHEDULE, "AWS::IAM::Role", "AWS::Lambda::Alias"];
        let paths = select(vec!["/P", "/P/0", "/Q", "/ResourcePolicy"]);
        (
            select(types),
            prop::bool::weighted(0.2),
            prop::collection::btree_map(paths, 0..3_u8, 1..3),
        )
    }

    fn any_drift() -> impl Strategy<Value = Drift> {
        let resources = prop::collection::btree_map(select(IDS.to_vec()), any_resource(), 0..4);
        let unchecked = subsequence(IDS.to_vec(), 0..2);
        (resources, unchecked).prop_map(|(resources, unchecked)| Drift {
            resources: resources
                .into_iter()
                .map(|(id, (resource_type, is_deleted, actual))| {
                    let values = actual.into_iter();
                    let values = values
                        .map(|(path, actual)| difference(path, "expected", &actual.to_string()));
                    if is_deleted {
                        deleted(id, resource_type)
                    } else {
                        modified(id, resource_type, values.collect())
                    }
                })
                .collect(),
            unchecked: unchecked
                .into_iter()
                .map(|id| Unchecked {
                    logical_id: Some(id.to_owned()),
                    reason: String::new(),
                })
                .collect(),
        })
    }

    fn any_ids() -> impl Strategy<Value = BTreeSet<String>> {
        subsequence(IDS.to_vec(), 0..=4)
            .prop_map(|ids| ids.into_iter().map(str::to_owned).collect())
    }

    fn all_differences(drift: &Drift) -> Vec<KnownDifference> {
        let resources = drift.resources.iter();
        resources
            .flat_map(|resource| differences_of(STACK, resource))
            .collect()
    }

    #[derive(Debug)]
    struct Deployment {
        changed: BTreeSet<String>,
        imported: BTreeSet<String>,
        before: Option<Drift>,
        baseline: Vec<KnownDifference>,
        reverts: bool,
        after: Drift,
    }

    impl Deployment {
        fn verdict(&self) -> Verdict {
            let effect = Effect {
                stack: STACK,
                changed: &self.changed,
                imported: &self.imported,
                before: self.before.as_ref(),
                baseline: &self.baseline,
                reverts: self.reverts,
            };
            judge(&effect, &self.after)
        }
    }

    prop_compose! {
        fn any_deployment()(
            changed in any_ids(),
            imported in any_ids(),
            before in prop::option::weighted(0.9, any_drift()),
            earlier in any_drift(),
            reverts in any::<bool>(),
            after in any_drift(),
        ) -> Deployment {
            let baseline = all_differences(&earlier);
            Deployment { changed, imported, before, baseline, reverts, after }
        }
    }

    proptest! {
        #[test]
        fn every_difference_has_exactly_one_classification(deployment in any_deployment()) {
            let verdict = deployment.verdict();
            for found in all_differences(&deployment.after) {
                let lists = [
                    &verdict.baseline,
                    &verdict.continued,
                    &verdict.changed_meanwhile,
                    &verdict.not_reverted,
                ];
                let count = lists.iter().filter(|list| list.contains(&found)).count();
                prop_assert_eq!(count, 1, "{}", found);
            }
        }

        #[test]
        fn a_difference_that_joins_the_baseline_fulfils_every_condition(
            deployment in any_deployment()
        ) {
            let verdict = deployment.verdict();
            let Deployment { changed, imported, before, baseline, .. } = &deployment;
            for added in &verdict.added {
                let id = &added.logical_id;
                prop_assert!(changed.contains(id) && !imported.contains(id));
                let seen = before.as_ref().map(|before| {
                    before.resources.iter().any(|drifted| drifted.logical_id == *id)
                        || before.unchecked.iter().any(|unchecked| unchecked.logical_id.as_deref() == Some(id))
                });
                prop_assert_eq!(seen, Some(false));
                prop_assert!([QUEUE, SCHEDULE].contains(&&*added.resource_type));
                let path = added.difference.as_ref().map(|difference| &*difference.path);
                prop_assert_ne!(path, Some("/ResourcePolicy"));
                prop_assert!(path.is_some() || added.resource_type == SCHEDULE);
            }
            for kept in &verdict.baseline {
                prop_assert!(verdict.added.contains(kept) || baseline.contains(kept));
            }
        }

        #[test]
        fn the_next_deploy_finds_exactly_the_differences_outside_the_baseline(
            deployment in any_deployment()
        ) {
            let verdict = deployment.verdict();
            let mut next = deployment.after.clone();
            subtract(STACK, &mut next, &verdict.baseline);
            let mut outside_the_baseline = [
                &verdict.continued[..],
                &verdict.changed_meanwhile,
                &verdict.not_reverted,
            ]
            .concat();
            let mut found = all_differences(&next);
            outside_the_baseline.sort();
            found.sort();
            prop_assert_eq!(found, outside_the_baseline);
        }

        #[test]
        fn a_difference_whose_value_is_not_in_the_baseline_is_drift(
            after in any_drift(), earlier in any_drift()
        ) {
            let mut changed = after;
            for resource in &mut changed.resources {
                for difference in &mut resource.differences {
                    difference.actual = Some("another".to_owned());
                }
            }
            let expected: Vec<KnownDifference> = all_differences(&changed)
                .into_iter()
                .filter(|known| known.difference.is_some())
                .collect();
            subtract(STACK, &mut changed, &all_differences(&earlier));
            for difference in expected {
                prop_assert!(all_differences(&changed).contains(&difference));
            }
        }
    }
}
