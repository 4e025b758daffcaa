//! Tests over real sockets, with a certificate authority and a Route 53 that share no code with
//! this crate.

use std::{net::TcpListener, time::Duration};

use failberry_bench::internet::{Authority, Keys, Route53 as Server};
use proptest::prelude::*;

use super::*;

const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
const BOUND: Duration = Duration::from_secs(10);

fn keys() -> Aws {
    Aws {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: String::from("top-secret").into(),
        region: "us-east-1".into(),
    }
}

fn record(ca: Option<&str>) -> Dyndns {
    Dyndns {
        name: "gsm.example.org".into(),
        zone: "Z1".into(),
        ttl: 60,
        publish_private: false,
        // The discard port of the loopback address has no listener.
        endpoint: "https://127.0.0.1:9/".into(),
        ca: ca.map(str::to_owned),
    }
}

/// Starts a zone that accepts [`keys`]; returns it and the record in it.
fn serve(authority: &Authority) -> (Server, Dyndns) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let endpoint = format!("https://{}", listener.local_addr().unwrap());
    let server = Server::serve(
        listener,
        authority.server(&["127.0.0.1"]),
        "Z1",
        Keys {
            access_key_id: keys().access_key_id,
            secret_access_key: keys().secret_access_key.reveal().to_owned(),
        },
    );
    let record = Dyndns {
        endpoint,
        ..record(Some(authority.pem()))
    };
    (server, record)
}

fn upsert_error(record: Dyndns, keys: Aws) -> String {
    let zone = Route53::new(record, keys).unwrap();
    zone.upsert(ADDRESS).unwrap_err().to_string()
}

#[test]
fn zone_follows_the_address() {
    let (server, record) = serve(&Authority::new());
    let zone = Route53::new(record, keys()).unwrap();
    for last in [10, 11, 10] {
        zone.upsert(Ipv4Addr::new(192, 0, 2, last)).unwrap();
    }
    let change = server.wait_change(ADDRESS, BOUND).unwrap();
    let fields = (change.action.as_str(), change.kind.as_str(), change.ttl);
    assert_eq!(fields, ("UPSERT", "A", 60));
    assert_eq!(change.name, "gsm.example.org");
    let values: Vec<_> = server.changes().into_iter().map(|c| c.value).collect();
    assert_eq!(values, ["192.0.2.10", "192.0.2.11", "192.0.2.10"]);
    assert_eq!(server.refusals(), Vec::<String>::new());
}

/// Covers a box that reaches no time server.
#[test]
fn skewed_clock_gets_the_server_date() {
    let (server, record) = serve(&Authority::new());
    let zone = Route53::new(record, keys()).unwrap();
    let now = SystemTime::now();
    for wrong in [now - 2 * MAX_SKEW, now + 2 * MAX_SKEW] {
        let failure = zone.try_at(ADDRESS, wrong).err().unwrap();
        let server_date = failure.date.unwrap();
        assert!(difference(now, server_date) < BOUND, "{server_date:?}");
        zone.try_at(ADDRESS, server_date).ok().unwrap();
    }
    assert_eq!(server.changes().len(), 2);
}

#[test]
fn wrong_secret_error_names_key_and_code_only() {
    let (server, record) = serve(&Authority::new());
    let url = format!("{}/2013-04-01/hostedzone/Z1/rrset", record.endpoint);
    let wrong = Aws {
        secret_access_key: String::from("wrong-secret").into(),
        ..keys()
    };
    let text = upsert_error(record, wrong);
    let expected = format!(
        "{url} refused key AKIDEXAMPLE with status 403, SignatureDoesNotMatch: The request \
         signature we calculated does not match"
    );
    assert!(text.starts_with(&expected), "{text}");
    assert!(!text.contains("wrong-secret"), "{text}");
    server.wait_refusal("SignatureDoesNotMatch", BOUND).unwrap();
    assert_eq!(server.changes(), []);
}

#[test]
fn other_refusals_are_named_by_their_code() {
    let (_server, record) = serve(&Authority::new());
    let unknown_key = Aws {
        access_key_id: "AKIDOTHER".into(),
        ..keys()
    };
    let text = upsert_error(record.clone(), unknown_key);
    let expected = "refused key AKIDOTHER with status 403, InvalidClientTokenId: ";
    assert!(text.contains(expected), "{text}");

    let other_region = Aws {
        region: "eu-west-1".into(),
        ..keys()
    };
    let text = upsert_error(record.clone(), other_region);
    let expected = "with status 403, SignatureDoesNotMatch: Credential should be scoped to ";
    assert!(text.contains(expected), "{text}");

    let zone = "Z2".into();
    let text = upsert_error(Dyndns { zone, ..record }, keys());
    assert!(
        text.contains("with status 404, NoSuchHostedZone: "),
        "{text}"
    );
}

#[test]
fn server_with_an_untrusted_certificate_gets_no_request() {
    let (server, record) = serve(&Authority::new());
    let ca = Some(Authority::new().pem().to_owned());
    let text = upsert_error(
        Dyndns {
            ca,
            ..record.clone()
        },
        keys(),
    );
    assert!(text.starts_with(&record.endpoint), "{text}");
    assert!(text.to_lowercase().contains("certificate"), "{text}");
    server.wait_refusal("connection from ", BOUND).unwrap();
    assert_eq!(server.changes(), []);
}

#[test]
fn headers_contain_the_signature_not_the_secret() {
    let headers = signature::headers(
        &keys(),
        "https://example.org/2013-04-01/x",
        "body",
        SystemTime::now(),
    )
    .unwrap();
    let (_, value) = headers
        .iter()
        .find(|(name, _)| *name == "authorization")
        .unwrap();
    assert!(value.contains("AKIDEXAMPLE/") && value.contains("/us-east-1/route53/aws4_request"));
    assert!(value.contains("host;x-amz-date"), "{value}");
    assert!(!format!("{headers:?}").contains("top-secret"));
}

#[test]
fn errors_name_the_url_and_the_reason() {
    let error = Route53::new(record(None), keys())
        .unwrap()
        .upsert(Ipv4Addr::LOCALHOST);
    let text = error.unwrap_err().to_string();
    assert!(
        text.starts_with("https://127.0.0.1:9/2013-04-01/hostedzone/Z1/rrset: "),
        "{text}"
    );
}

#[test]
fn invalid_ca_is_refused_at_start() {
    for ca in [
        "",
        "hello",
        "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n",
    ] {
        assert!(
            matches!(
                Route53::new(record(Some(ca)), keys()),
                Err(RecordError::Ca(_))
            ),
            "{ca}"
        );
    }
}

#[test]
fn refusal_is_parsed_from_the_answer() {
    let answer = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                  <Message>The request signature\nwe calculated</Message></Error></ErrorResponse>";
    let text = Refusal::from_answer(answer).to_string();
    assert_eq!(
        text,
        "SignatureDoesNotMatch: The request signaturewe calculated"
    );
}

/// Route 53 omits the envelope around some of its errors.
#[test]
fn refusal_without_a_code_is_named_by_its_root_element() {
    for (answer, expected) in [
        (
            "<?xml version=\"1.0\"?>\n<InvalidChangeBatch xmlns=\"https://route53.amazonaws.com/\">\
             <Messages><Message>[RRSet with DNS name x. is not permitted]</Message></Messages>\
             </InvalidChangeBatch>",
            "InvalidChangeBatch: [RRSet with DNS name x. is not permitted]",
        ),
        (
            "<InvalidSignatureException>\n  <Message>Check your key</Message>\n",
            "InvalidSignatureException: Check your key",
        ),
        ("", "no code: no message"),
        ("<?xml", "no code: no message"),
        ("<\u{e9}>", "no code: no message"),
        ("Bad Gateway", "no code: no message"),
    ] {
        assert_eq!(Refusal::from_answer(answer).to_string(), expected);
    }
}

proptest! {
    #[test]
    fn any_answer_gives_a_bounded_line(answer in ".{0,2000}") {
        prop_assert!(Refusal::from_answer(&answer).to_string().chars().count() < 500);
    }

    #[test]
    fn any_name_stays_inside_its_element(name in ".{0,100}") {
        let body = message::upsert(&name, 60, Ipv4Addr::LOCALHOST);
        prop_assert_eq!(body.matches("<Name>").count(), 1);
        prop_assert_eq!(body.matches('<').count(), body.matches('>').count());
    }
}
