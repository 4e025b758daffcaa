//! Against the vectors that AWS has published for implementers.

use super::*;

/// 2015-08-30 12:36:00 UTC, the moment of all the vectors.
const THEN: u64 = 1_440_938_160;
const DATE: &str = "20150830T123600Z";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

fn keys(secret: &str) -> Keys {
    Keys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: secret.into(),
    }
}

fn request(
    method: &str,
    target: &str,
    headers: &[(&str, &str)],
    scope: &Scope<'_>,
    signed: &str,
    signature: &str,
) -> Request {
    let Scope { region, service } = scope;
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/{region}/{service}/aws4_request, \
         SignedHeaders={signed}, Signature={signature}"
    );
    let headers = headers
        .iter()
        .copied()
        .chain([("x-amz-date", DATE), ("authorization", &authorization)])
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Request {
        method: method.into(),
        target: target.into(),
        headers,
        body: Vec::new(),
    }
}

const IAM: Scope<'_> = Scope {
    region: "us-east-1",
    service: "iam",
};

/// The example of the AWS General Reference: `ListUsers` of IAM.
fn list_users() -> Request {
    request(
        "GET",
        "/?Action=ListUsers&Version=2010-05-08",
        &[
            (
                "content-type",
                "application/x-www-form-urlencoded; charset=utf-8",
            ),
            ("host", "iam.amazonaws.com"),
        ],
        &IAM,
        "content-type;host;x-amz-date",
        "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
    )
}

#[test]
fn the_example_of_the_general_reference_is_right() {
    assert_eq!(verify(&list_users(), &keys(SECRET), &IAM, THEN), Ok(()));
}

#[test]
fn the_test_suite_is_right() {
    let scope = Scope {
        region: "us-east-1",
        service: "service",
    };
    for (method, target, signature) in [
        // get-vanilla, post-vanilla, get-vanilla-query-order-key-case
        (
            "GET",
            "/",
            "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
        ),
        (
            "POST",
            "/",
            "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b",
        ),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ] {
        let host = [("host", "example.amazonaws.com")];
        let request = request(method, target, &host, &scope, "host;x-amz-date", signature);
        assert_eq!(
            verify(&request, &keys(SECRET), &scope, THEN),
            Ok(()),
            "{method} {target}"
        );
    }
}

fn refused(request: &Request, keys: &Keys, scope: &Scope<'_>, now: u64) -> String {
    verify(request, keys, scope, now).unwrap_err().to_string()
}

#[test]
fn a_wrong_secret_is_refused() {
    let secret = SECRET.replace("wJal", "wJaI");
    let text = refused(&list_users(), &keys(&secret), &IAM, THEN);
    assert!(
        text.starts_with("SignatureDoesNotMatch: The request signature we calculated"),
        "{text}"
    );
}

#[test]
fn change_after_signing_fails_verification() {
    let right = keys(SECRET);
    let mut changed = Vec::new();
    for change in [
        |r: &mut Request| r.method = "POST".into(),
        |r: &mut Request| r.target = "/?Action=ListUsers&Version=2010-05-09".into(),
        |r: &mut Request| r.target = "/x?Action=ListUsers&Version=2010-05-08".into(),
        |r: &mut Request| r.body = b"x".to_vec(),
        |r: &mut Request| r.headers[1].1 = "sts.amazonaws.com".into(),
        |r: &mut Request| r.headers[2].1 = "20150830T123601Z".into(),
    ] {
        let mut request = list_users();
        change(&mut request);
        changed.push(request);
    }
    for request in changed {
        let text = refused(&request, &right, &IAM, THEN);
        assert!(
            text.starts_with("SignatureDoesNotMatch: The request"),
            "{text}"
        );
    }
}

#[test]
fn signature_time_tolerance_is_five_minutes() {
    let (request, keys) = (list_users(), keys(SECRET));
    for now in [THEN - SKEW, THEN + SKEW] {
        assert_eq!(verify(&request, &keys, &IAM, now), Ok(()));
    }
    assert_eq!(
        refused(&request, &keys, &IAM, THEN + SKEW + 1),
        "SignatureDoesNotMatch: Signature expired: 20150830T123600Z is now earlier than \
         20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    let text = refused(&request, &keys, &IAM, THEN - SKEW - 1);
    assert!(text.contains("not yet current"), "{text}");
}

#[test]
fn each_other_fault_has_its_own_answer() {
    let right = keys(SECRET);
    let mut unsigned = list_users();
    unsigned.headers.pop();
    let text = refused(&unsigned, &right, &IAM, THEN);
    assert!(text.starts_with("MissingAuthenticationToken"), "{text}");

    let mut stranger = right.clone();
    stranger.access_key_id = "AKIDOTHER".into();
    let text = refused(&list_users(), &stranger, &IAM, THEN);
    assert!(text.starts_with("InvalidClientTokenId"), "{text}");

    let elsewhere = Scope {
        region: "eu-west-1",
        ..IAM
    };
    let text = refused(&list_users(), &right, &elsewhere, THEN);
    assert!(
        text.contains("Credential should be scoped to 20150830/eu-west-1/iam"),
        "{text}"
    );

    for (from, to, told) in [
        ("AWS4-HMAC-SHA256 ", "Basic ", "IncompleteSignature"),
        (", Signature=", ", Sign=", "IncompleteSignature"),
        ("/iam/aws4_request", "/iam", "IncompleteSignature"),
        (
            "content-type;host",
            "host;content-type",
            "IncompleteSignature",
        ),
        ("content-type;host", "accept;host", "IncompleteSignature"),
        (";host;", ";", "SignatureDoesNotMatch: 'host'"),
        (
            "host;x-amz-date",
            "host",
            "SignatureDoesNotMatch: 'x-amz-date'",
        ),
    ] {
        let mut request = list_users();
        request.headers[3].1 = request.headers[3].1.replace(from, to);
        let text = refused(&request, &right, &IAM, THEN);
        assert!(text.starts_with(told), "{from} -> {to}: {text}");
    }
}
