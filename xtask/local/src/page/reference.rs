//! The API's reference: Swagger UI, from the zip inside the crate `utoipa-swagger-ui-vendored`.

use std::io::Read as _;

use anyhow::Context as _;
use axum::body::Body;
use axum::http::Response;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::IntoResponse as _;
use flate2::bufread::DeflateDecoder;
use rawzip::{CompressionMethod, ZipArchive};
use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED;

/// The content security policy of the API's reference. Swagger UI needs the inline styles.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; frame-ancestors 'self'; base-uri 'none'; form-action 'none'";

const HTML: &[u8] = include_bytes!("assets/reference.html");
const SCRIPT: &[u8] = include_bytes!("assets/reference.js");

/// Returns `None` if there is no such file.
pub(super) fn respond(file: &str) -> Option<Response<Body>> {
    let (content_type, content) = match file {
        "" => ("text/html; charset=utf-8", HTML.to_vec()),
        "reference.js" => ("text/javascript; charset=utf-8", SCRIPT.to_vec()),
        "swagger-ui-bundle.js" => ("text/javascript; charset=utf-8", unpack(file).ok()?),
        "swagger-ui.css" => ("text/css; charset=utf-8", unpack(file).ok()?),
        _ => return None,
    };
    let headers = [
        (CONTENT_TYPE, content_type),
        (CONTENT_SECURITY_POLICY, POLICY),
        // Ten minutes, because the script has more than a megabyte.
        (CACHE_CONTROL, "max-age=600"),
    ];
    Some((headers, content).into_response())
}

/// Reads a file of Swagger UI's folder `dist`.
fn unpack(name: &str) -> anyhow::Result<Vec<u8>> {
    let archive = ZipArchive::from_slice(SWAGGER_UI_VENDORED)?;
    let mut entries = archive.entries();
    while let Some(entry) = entries.next_entry()? {
        let path = entry.file_path().try_normalize()?.as_ref().to_owned();
        let is_wanted = path
            .split_once('/')
            .and_then(|(_, path)| path.strip_prefix("dist/"))
            == Some(name);
        if is_wanted && entry.compression_method() == CompressionMethod::DEFLATE {
            let entry = archive.get_entry(entry.wayfinder())?;
            let mut content = Vec::new();
            let decoder = DeflateDecoder::new(entry.data());
            entry.verifying_reader(decoder).read_to_end(&mut content)?;
            return Ok(content);
        }
    }
    None.with_context(|| format!("Swagger UI has no {name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_swagger_ui_are_in_its_crate() {
        for name in ["swagger-ui-bundle.js", "swagger-ui.css"] {
            assert!(unpack(name).unwrap().len() > 100_000, "{name}");
        }
        assert!(unpack("absent.js").is_err());
    }
}
