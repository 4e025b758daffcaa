//! Over the wire; the whole flow with the product's own client is tested beside that client.

use std::{
    io::{Read, Write},
    net::SocketAddr,
};

use rustls::{
    ClientConfig, ClientConnection, RootCertStore,
    crypto::ring::default_provider,
    pki_types::{CertificateDer, pem::PemObject},
};

use super::*;
use crate::internet::Authority;

fn start(authority: &Authority) -> (Route53, SocketAddr) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let keys = Keys {
        access_key_id: "AKIDEXAMPLE".into(),
        secret_access_key: "secret".into(),
    };
    let tls = authority.server(&["route53.test", "127.0.0.1"]);
    (Route53::serve(listener, tls, "Z1", keys), address)
}

fn ask(address: SocketAddr, trusted: &Authority, request: &str) -> io::Result<String> {
    let mut roots = RootCertStore::empty();
    let root = CertificateDer::from_pem_slice(trusted.pem().as_bytes()).unwrap();
    roots.add(root).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = "route53.test".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address)?);
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

const BOUND: Duration = Duration::from_secs(10);

#[test]
fn an_unsigned_request_is_answered_as_the_real_one_does() {
    let authority = Authority::new();
    let (zone, address) = start(&authority);
    let request = "POST /2013-04-01/hostedzone/Z1/rrset HTTP/1.1\r\nHost: route53.test\r\n\r\n";
    let answer = ask(address, &authority, request).unwrap();
    assert!(answer.starts_with("HTTP/1.1 403 Forbidden\r\n"), "{answer}");
    assert!(
        answer.contains("<Code>MissingAuthenticationToken</Code>"),
        "{answer}"
    );
    zone.wait_refusal("MissingAuthenticationToken", BOUND)
        .unwrap();
    assert_eq!(zone.changes(), []);
}

#[test]
fn untrusted_authority_fails_tls_handshake() {
    let (zone, address) = start(&Authority::new());
    let error = ask(address, &Authority::new(), "GET / HTTP/1.1\r\n\r\n");
    assert!(error.unwrap_err().to_string().contains("certificate"));
    zone.wait_refusal("connection from 127.0.0.1", BOUND)
        .unwrap();
}
