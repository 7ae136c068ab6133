//! Where the deployed API answers.

/// The base URL of the API that a stack's `ApiEndpoint` names.
///
/// At AWS that is the endpoint itself. Behind an emulator's `endpoint_url` its
/// host name stands in no DNS; `LocalStack` and ministack serve the API's default
/// stage at `{endpoint_url}/_aws/execute-api/{api id}/$default`.
pub(crate) fn api_url(api_endpoint: &str, endpoint_url: Option<&str>) -> String {
    let api_endpoint = api_endpoint.trim_end_matches('/');
    let host = api_endpoint.split("://").nth(1).unwrap_or_default();
    match endpoint_url {
        // A private endpoint of AWS's own may be in `--endpoint-url`, too.
        Some(emulator) if !host.contains(".amazonaws.com") => {
            let emulator = emulator.trim_end_matches('/');
            let api_id = host.split('.').next().unwrap_or_default();
            format!("{emulator}/_aws/execute-api/{api_id}/$default")
        }
        _ => api_endpoint.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_emulators_api_is_behind_its_own_endpoint() {
        let emulator = Some("http://127.0.0.1:4566");
        assert_eq!(
            api_url("http://0a1b2c3d.execute-api.127.0.0.1:4566", emulator),
            "http://127.0.0.1:4566/_aws/execute-api/0a1b2c3d/$default"
        );
        let real = "https://0a1b2c3d.execute-api.eu-central-1.amazonaws.com";
        assert_eq!(api_url(real, None), real);
        assert_eq!(api_url(real, Some("https://vpce-1.example")), real);
    }
}
