//! TLS 1.3 between two who know each other's Ed25519 keys (RFC 7250): no certificates, no
//! authorities, nothing that expires while the box has no clock.

use std::{fmt, sync::Arc};

use failberry_config::PublicKey;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, DistinguishedName, Error,
    PeerMisbehaved, ServerConfig, SignatureScheme,
    client::{
        AlwaysResolvesClientRawPublicKeys,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{
        CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls13_signature_with_raw_key,
    },
    pki_types::{
        CertificateDer, PrivatePkcs8KeyDer, ServerName, SubjectPublicKeyInfoDer, UnixTime,
    },
    server::{
        AlwaysResolvesServerRawPublicKeys,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
    sign::CertifiedKey,
    version::TLS13,
};

use crate::Signer;

/// What stands before the 32 bytes of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410).
const SPKI: [u8; 12] = [
    0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Who may be at the other end.
type Welcome = dyn Fn(PublicKey) -> bool + Send + Sync;

struct Peer {
    welcome: Box<Welcome>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

/// The box's side: everybody who proves to have one of `keys`, and nobody else.
///
/// # Errors
/// rustls refuses our own key.
pub(crate) fn server(own: &Signer, keys: Vec<PublicKey>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let peer = Peer::new(&provider, move |key| keys.contains(&key));
    let own = AlwaysResolvesServerRawPublicKeys::new(certified(own)?);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(peer))
        .with_cert_resolver(Arc::new(own));
    // One connection, one update: there is nothing to resume.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// The laptop's side: whoever has a key that `welcome` takes.
///
/// # Errors
/// rustls refuses our own key.
pub(crate) fn client(
    own: &Signer,
    welcome: impl Fn(PublicKey) -> bool + Send + Sync + 'static,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let peer = Peer::new(&provider, welcome);
    let own = AlwaysResolvesClientRawPublicKeys::new(certified(own)?);
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(peer))
        .with_client_cert_resolver(Arc::new(own));
    config.enable_sni = false;
    Ok(Arc::new(config))
}

fn certified(own: &Signer) -> Result<Arc<CertifiedKey>, Error> {
    let key = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(own.pkcs8()))?;
    let spki = [&SPKI[..], &own.public().0].concat();
    Ok(Arc::new(CertifiedKey::new(vec![spki.into()], key)))
}

impl Peer {
    fn new(
        provider: &CryptoProvider,
        welcome: impl Fn(PublicKey) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            welcome: Box::new(welcome),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn check(&self, sent: &CertificateDer<'_>, more: &[CertificateDer<'_>]) -> Result<(), Error> {
        let key = sent
            .strip_prefix(&SPKI)
            .and_then(|key| key.try_into().ok())
            .map(PublicKey);
        let known = more.is_empty() && key.is_some_and(|key| (self.welcome)(key));
        let refusal = CertificateError::ApplicationVerificationFailure;
        known.then_some(()).ok_or(refusal.into())
    }

    fn check_signature(
        &self,
        message: &[u8],
        sent: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let key = SubjectPublicKeyInfoDer::from(sent.as_ref());
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }
}

/// Only TLS 1.3 is spoken here.
fn too_old() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

impl ClientCertVerifier for Peer {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        sent: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.check(sent, more)
            .map(|()| ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _sent: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        sent: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, sent, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

impl ServerCertVerifier for Peer {
    fn verify_server_cert(
        &self,
        sent: &CertificateDer<'_>,
        more: &[CertificateDer<'_>],
        _name: &ServerName<'_>,
        _ocsp: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.check(sent, more)
            .map(|()| ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _sent: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(too_old())
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        sent: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.check_signature(message, sent, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }

    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}
