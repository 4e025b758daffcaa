//! Signature Version 4, worked out anew from what came over the wire.

#[cfg(test)]
mod tests;

use std::fmt::Write;

use ring::{digest, hmac};

use crate::internet::{
    clock::{basic, parse_basic},
    http::Request,
    route53::{Keys, refusal::Refusal},
};

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far the asker's clock may be off, in seconds.
const SKEW: u64 = 300;

/// What a signature is good for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scope<'a> {
    pub(crate) region: &'a str,
    pub(crate) service: &'a str,
}

/// The `Authorization` header, taken apart.
struct Claim<'a> {
    key_id: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed: Vec<&'a str>,
    signature: &'a str,
}

/// Whether the holder of `keys` sent exactly this `request` at `now`, seconds since 1970.
pub(crate) fn verify(
    request: &Request,
    keys: &Keys,
    scope: &Scope<'_>,
    now: u64,
) -> Result<(), Refusal> {
    let Some(authorization) = request.header("authorization") else {
        let message = "Missing Authentication Token";
        return Err(Refusal::new(403, "MissingAuthenticationToken", message));
    };
    let incomplete = |what: &str| {
        Refusal::new(
            400,
            "IncompleteSignature",
            format!("Authorization header requires {what}. Authorization={authorization}"),
        )
    };
    let claim = Claim::parse(authorization).map_err(incomplete)?;
    if claim.key_id != keys.access_key_id {
        let message = "The security token included in the request is invalid.";
        return Err(Refusal::new(403, "InvalidClientTokenId", message));
    }
    let date = request
        .header("x-amz-date")
        .ok_or_else(|| incomplete("existence of one 'X-Amz-Date' header"))?;
    let sent = parse_basic(date).ok_or_else(|| incomplete("a valid 'X-Amz-Date'"))?;
    let wrong = |message: String| Err(Refusal::new(403, "SignatureDoesNotMatch", message));
    let named = (claim.region, claim.service);
    if named != (scope.region, scope.service) || !date.starts_with(claim.day) {
        return wrong(format!(
            "Credential should be scoped to {}/{}/{}, got {}/{}/{}.",
            date.get(..8).unwrap_or_default(),
            scope.region,
            scope.service,
            claim.day,
            claim.region,
            claim.service
        ));
    }
    let (earliest, latest) = (now.saturating_sub(SKEW), now + SKEW);
    if sent < earliest {
        let (earliest, now) = (basic(earliest), basic(now));
        return wrong(format!(
            "Signature expired: {date} is now earlier than {earliest} ({now} - 5 min.)"
        ));
    }
    if sent > latest {
        let (latest, now) = (basic(latest), basic(now));
        return wrong(format!(
            "Signature not yet current: {date} is still later than {latest} ({now} + 5 min.)"
        ));
    }
    for must in ["host", "x-amz-date"] {
        if !claim.signed.contains(&must) {
            return wrong(format!("'{must}' must be a 'SignedHeader'."));
        }
    }
    let payload = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    let declared = request.header("x-amz-content-sha256");
    if declared.is_some_and(|declared| declared != payload) {
        return wrong("x-amz-content-sha256 is not the hash of the body.".to_owned());
    }
    let canonical = canonical(request, &claim.signed, &payload)
        .ok_or_else(|| incomplete("signed headers that are sent, sorted, in lower case"))?;
    let right = signature(&keys.secret_access_key, &claim, date, &canonical);
    if right != claim.signature {
        return wrong(
            "The request signature we calculated does not match the signature you provided. \
             Check your AWS Secret Access Key and signing method. Consult the service \
             documentation for details."
                .to_owned(),
        );
    }
    Ok(())
}

impl<'a> Claim<'a> {
    fn parse(header: &'a str) -> Result<Self, &'static str> {
        let fields = header
            .strip_prefix(ALGORITHM)
            .and_then(|rest| rest.strip_prefix(' '))
            .ok_or("the algorithm AWS4-HMAC-SHA256")?;
        let field = |name: &str| {
            let mut found = fields
                .split(',')
                .filter_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
            found.next().filter(|_| found.next().is_none())
        };
        let credential = field("Credential").ok_or("'Credential' parameter")?;
        let signed = field("SignedHeaders").ok_or("'SignedHeaders' parameter")?;
        let signature = field("Signature").ok_or("'Signature' parameter")?;
        let parts: Vec<&str> = credential.split('/').collect();
        let [key_id, day, region, service, "aws4_request"] = *parts else {
            return Err("a credential of id/date/region/service/aws4_request");
        };
        Ok(Self {
            key_id,
            day,
            region,
            service,
            signed: signed.split(';').collect(),
            signature,
        })
    }
}

/// The request in the one form that is signed; none where a signed header is missing or misplaced.
fn canonical(request: &Request, signed: &[&str], payload: &str) -> Option<String> {
    let (path, query) = request.split_target();
    let mut parameters: Vec<String> = query
        .split('&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            if parameter.contains('=') {
                parameter.to_owned()
            } else {
                format!("{parameter}=")
            }
        })
        .collect();
    parameters.sort_unstable();
    let mut text = format!(
        "{}\n{}\n{}\n",
        request.method,
        encode_path(path),
        parameters.join("&")
    );
    if !signed.is_sorted_by(|a, b| a < b) {
        return None;
    }
    for name in signed {
        let values: Vec<String> = request
            .headers
            .iter()
            .filter(|(known, _)| known == name)
            .map(|(_, value)| value.split_whitespace().collect::<Vec<_>>().join(" "))
            .collect();
        if values.is_empty() {
            return None;
        }
        text.extend([name, ":", &values.join(","), "\n"]);
    }
    text.extend(["\n", &signed.join(";"), "\n", payload]);
    Some(text)
}

/// Every service but S3 has the path, encoded on the wire, encoded once more.
fn encode_path(path: &str) -> String {
    let mut encoded = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

fn signature(secret: &str, claim: &Claim<'_>, date: &str, canonical: &str) -> String {
    let Claim {
        day,
        region,
        service,
        ..
    } = claim;
    let hash = hex(digest::digest(&digest::SHA256, canonical.as_bytes()).as_ref());
    let string_to_sign =
        format!("{ALGORITHM}\n{date}\n{day}/{region}/{service}/aws4_request\n{hash}");
    let mut key = format!("AWS4{secret}").into_bytes();
    for part in [day, region, service, "aws4_request", &string_to_sign] {
        let signer = hmac::Key::new(hmac::HMAC_SHA256, &key);
        key = hmac::sign(&signer, part.as_bytes()).as_ref().to_vec();
    }
    hex(&key)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
