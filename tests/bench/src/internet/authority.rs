//! A certificate authority that only this bench's box trusts.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::{
    ServerConfig,
    crypto::ring::default_provider,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

/// A self-signed root and the key to it.
#[derive(Debug)]
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    pem: String,
}

/// A certificate that could not be made or used.
#[derive(Debug, thiserror::Error)]
pub enum AuthorityError {
    /// Making it failed.
    #[error("making a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// TLS would not have it.
    #[error("using a certificate: {0}")]
    Tls(#[from] rustls::Error),
}

impl Authority {
    /// A new authority that shares nothing with any other.
    ///
    /// # Errors
    /// No randomness for the key.
    pub fn new() -> Result<Self, AuthorityError> {
        let mut params = CertificateParams::new(Vec::new())?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params
            .distinguished_name
            .push(DnType::CommonName, "Bench authority");
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        let pem = issuer.pem();
        Ok(Self { issuer, pem })
    }

    /// The root certificate as `[dyndns] ca` takes it.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// A server that proves itself to be `names`, host names or addresses.
    ///
    /// # Errors
    /// A name that no certificate can hold.
    pub fn server(&self, names: &[&str]) -> Result<Arc<ServerConfig>, AuthorityError> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let mut params = CertificateParams::new(names)?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)?;
        Ok(Arc::new(config))
    }
}
