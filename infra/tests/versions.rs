//! The logical ids of published versions, which depend on the code and on every property that
//! a version freezes.

#![cfg(test)]

use infra::secret::{ApiKey, ProviderKey};
use infra::{Artifacts, Environment, Settings, stack};

/// Returns the logical ids of the published versions of the API and of the update function.
fn versions(settings: &Settings, artifacts: &Artifacts) -> [String; 2] {
    let rendered = stack::service(settings, artifacts).render().unwrap();
    let mut ids = rendered.as_value()["Resources"].as_object().unwrap().iter();
    ["ApiVersion", "UpdateVersion"].map(|prefix| {
        let version = ids.find(|(id, _)| id.starts_with(prefix));
        version.unwrap().0.clone()
    })
}

#[test]
fn a_changed_environment_variable_creates_a_new_version() {
    let settings = Environment::Dev.settings();
    let changed = Settings {
        cache_ttl_seconds: infra::environment::FreshSeconds::new(301),
        ..settings.clone()
    };
    let [api, update] = versions(&settings, &Artifacts::placeholder());
    let [changed_api, changed_update] = versions(&changed, &Artifacts::placeholder());
    assert_ne!(api, changed_api, "the API reads the variable");
    assert_eq!(update, changed_update, "the update does not read it");
}

#[test]
fn changed_code_creates_a_new_version_of_its_function_only() {
    let settings = Environment::Dev.settings();
    let changed = Artifacts {
        update: [1; 32].into(),
        ..Artifacts::placeholder()
    };
    let [api, update] = versions(&settings, &Artifacts::placeholder());
    let [changed_api, changed_update] = versions(&settings, &changed);
    assert_eq!(api, changed_api);
    assert_ne!(update, changed_update);
}

#[test]
fn changed_code_of_the_verify_function_creates_no_version() {
    let settings = Environment::Prod.settings();
    let changed = Artifacts {
        verify: [1; 32].into(),
        ..Artifacts::placeholder()
    };
    let before = versions(&settings, &Artifacts::placeholder());
    assert_eq!(before, versions(&settings, &changed));
}

/// Returns the update function as Lambda sees it if all secrets have the same text.
fn update_function_with_equal_secrets(settings: &Settings) -> String {
    let template = stack::service(settings, &Artifacts::placeholder());
    let rendered = template.render().unwrap();
    let mut function = rendered.as_value()["Resources"]["UpdateFunction"].clone();
    for value in function["Properties"]["Environment"]["Variables"]
        .as_object_mut()
        .unwrap()
        .values_mut()
    {
        if value
            .as_str()
            .is_some_and(|text| text.starts_with("{{resolve:"))
        {
            *value = "the same".into();
        }
    }
    function.to_string()
}

/// If the function did not change, Lambda would not publish the new version.
#[test]
fn a_secret_that_is_rotated_to_the_same_text_changes_the_function() {
    for key in ProviderKey::ALL {
        let with = |version: &str| {
            let mut settings = Environment::Prod.settings();
            *settings.api_key_mut(key) = ApiKey::Secret(version.parse().unwrap());
            settings
        };
        let before = with("0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f");
        let after = with("ffffffff-0000-4000-8000-ffffffffffff");
        let versions = |settings| versions(settings, &Artifacts::placeholder());
        assert_ne!(versions(&before), versions(&after));
        assert_ne!(
            update_function_with_equal_secrets(&before),
            update_function_with_equal_secrets(&after)
        );
    }
}
