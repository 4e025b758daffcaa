//! Private keys in files: PKCS #8 in PEM, as OpenSSL has them.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use base64::{Engine, engine::general_purpose::STANDARD};
use failberry_update::{KeyId, Signer};

use crate::Failure;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Makes a key in `file`.
pub(crate) fn new(file: &Path) -> Result<(), Failure> {
    let document = Signer::generate()?;
    let signer = Signer::from_pkcs8(&document)?;
    let text = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(document));
    File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(file)
        .and_then(|mut it| it.write_all(text.as_bytes()))
        .map_err(Failure::file(file))?;
    println!("[update]\nkeys = [\"{}\"]", signer.public());
    Ok(())
}

/// Shows the public half.
pub(crate) fn show(file: &Path) -> Result<(), Failure> {
    let public = read(file)?.public();
    println!("{public}");
    eprintln!("key {}", KeyId::of(&public));
    Ok(())
}

/// The key in `file`.
pub(crate) fn read(file: &Path) -> Result<Signer, Failure> {
    let path = || file.display().to_string();
    let text = fs::read_to_string(file).map_err(Failure::file(file))?;
    let mode = fs::metadata(file)
        .map_err(Failure::file(file))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        eprintln!(
            "failberryctl: {}: others can read this key (mode {:o})",
            path(),
            mode & 0o777
        );
    }
    let lines: String = text
        .lines()
        .map(str::trim)
        .skip_while(|line| *line != BEGIN)
        .skip(1)
        .take_while(|line| *line != END)
        .collect();
    let document = STANDARD.decode(&lines).ok().filter(|it| !it.is_empty());
    let document = document.ok_or_else(|| Failure::Content {
        path: path(),
        reason: format!("expected a key between {BEGIN} and {END}"),
    })?;
    Signer::from_pkcs8(&document).map_err(|source| Failure::Key {
        path: path(),
        source,
    })
}
