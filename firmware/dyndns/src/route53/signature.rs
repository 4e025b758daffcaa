//! AWS Signature Version 4.

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use failberry_config::Aws;

use crate::route53::RecordError;

/// Returns the headers that authenticate `body` to `url` at that time.
pub(crate) fn headers(
    keys: &Aws,
    url: &str,
    body: &str,
    at: SystemTime,
) -> Result<Vec<(&'static str, String)>, RecordError> {
    fn failed(error: impl std::error::Error) -> RecordError {
        RecordError::Signing(error.to_string())
    }
    let identity = Credentials::from_keys(
        keys.access_key_id.clone(),
        keys.secret_access_key.reveal().to_owned(),
        None,
    )
    .into();
    let params = SigningParams::builder()
        .identity(&identity)
        .region(&keys.region)
        .name("route53")
        .time(at)
        .settings(SigningSettings::default())
        .build()
        .map_err(failed)?
        .into();
    let unsigned = [("content-type", "text/xml")].into_iter();
    let body = SignableBody::Bytes(body.as_bytes());
    let request = SignableRequest::new("POST", url, unsigned, body).map_err(failed)?;
    let (instructions, _) = sign(request, &params).map_err(failed)?.into_parts();
    let (headers, _) = instructions.into_parts();
    Ok(headers
        .into_iter()
        .map(|header| (header.name(), header.value().to_owned()))
        .collect())
}
