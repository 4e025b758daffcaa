//! What goes over the wire is proven against an independent server in the system tests.

use proptest::prelude::*;

use super::*;

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
        // Nobody listens on the discard port of the loopback address.
        endpoint: "https://127.0.0.1:9/".into(),
        ca: ca.map(str::to_owned),
    }
}

#[test]
fn headers_carry_a_signature_for_the_zone_and_never_the_secret() {
    let headers = signature::headers(&keys(), "https://example.org/2013-04-01/x", "body").unwrap();
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
fn a_ca_that_is_none_is_refused_at_start() {
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
fn refusals_are_read_from_the_answer() {
    let answer = "<ErrorResponse><Error><Type>Sender</Type><Code>SignatureDoesNotMatch</Code>\
                  <Message>The request signature\nwe calculated</Message></Error></ErrorResponse>";
    let text = Refusal::from_answer(answer).to_string();
    assert_eq!(
        text,
        "SignatureDoesNotMatch: The request signaturewe calculated"
    );
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
