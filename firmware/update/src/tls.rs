//! TLS 1.3 between peers that know each other's Ed25519 keys (RFC 7250): no certificates, no
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

/// DER prefix of an Ed25519 key in its `SubjectPublicKeyInfo` (RFC 8410), before the key's 32
/// bytes.
const SPKI_PREFIX: [u8; 12] = [
    0x30, 0x2A, 0x30, 0x05, 0x06, 0x03, 0x2B, 0x65, 0x70, 0x03, 0x21, 0x00,
];

/// Decides whether a peer's key is accepted.
type KeyFilter = dyn Fn(PublicKey) -> bool + Send + Sync;

struct RawKeyVerifier {
    is_allowed: Box<KeyFilter>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl fmt::Debug for RawKeyVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Peer")
    }
}

/// Creates the box's configuration: accepts peers that prove one of `keys`, and no others.
///
/// # Errors
/// rustls refuses our own key.
pub(crate) fn server(own: &Signer, keys: Vec<PublicKey>) -> Result<Arc<ServerConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let peer = RawKeyVerifier::new(&provider, move |key| keys.contains(&key));
    let own = AlwaysResolvesServerRawPublicKeys::new(certified(own)?);
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .with_client_cert_verifier(Arc::new(peer))
        .with_cert_resolver(Arc::new(own));
    // One connection, one update: there is nothing to resume.
    config.send_tls13_tickets = 0;
    Ok(Arc::new(config))
}

/// Creates the laptop's configuration: accepts peers whose key `is_allowed` accepts.
///
/// # Errors
/// rustls refuses our own key.
pub(crate) fn client(
    own: &Signer,
    is_allowed: impl Fn(PublicKey) -> bool + Send + Sync + 'static,
) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let peer = RawKeyVerifier::new(&provider, is_allowed);
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
    let spki = [&SPKI_PREFIX[..], &own.public().0].concat();
    Ok(Arc::new(CertifiedKey::new(vec![spki.into()], key)))
}

impl RawKeyVerifier {
    fn new(
        provider: &CryptoProvider,
        is_allowed: impl Fn(PublicKey) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self {
            is_allowed: Box::new(is_allowed),
            algorithms: provider.signature_verification_algorithms,
        }
    }

    fn check(&self, sent: &CertificateDer<'_>, more: &[CertificateDer<'_>]) -> Result<(), Error> {
        let key = sent
            .strip_prefix(&SPKI_PREFIX)
            .and_then(|key| key.try_into().ok())
            .map(PublicKey);
        let known = more.is_empty() && key.is_some_and(|key| (self.is_allowed)(key));
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

/// Returns the error for signatures of TLS 1.2, which is never negotiated.
fn not_tls13() -> Error {
    PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into()
}

impl ClientCertVerifier for RawKeyVerifier {
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
        Err(not_tls13())
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

impl ServerCertVerifier for RawKeyVerifier {
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
        Err(not_tls13())
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
