//! Generator of a scenario's `failberrypi.toml`.

/// Name whose record the box keeps.
pub const NAME: &str = "gsm.failberry.test";
/// Its hosted zone.
pub const ZONE: &str = "Z0FAILBERRYPI";
/// Where the test's Route 53 is.
pub(super) const ROUTE53_HOST: &str = "route53.failberry.test";
/// Where the time is.
pub(super) const TIME_HOST: &str = "ntp.failberry.test";
/// Where the test's files are.
pub(super) const FILES_HOST: &str = "files.failberry.test";
/// The port there.
pub(super) const FILES_PORT: u16 = 8443;
/// Path of the update bundle there.
pub const BUNDLE: &str = "/failberrypi.update";
/// The key that the test's Route 53 knows.
pub const KEY_ID: &str = "AKIAFAILBERRYPITEST";
/// Its secret.
pub const SECRET: &str = "bench/only+secret0123456789abcdefghijklm";

/// `[update]` with a URL.
#[derive(Clone, Debug)]
pub struct Pull {
    /// The one public key in `update.keys`.
    pub key: String,
    /// `update.over_mobile`.
    pub over_mobile: bool,
}

/// Settings written to `failberrypi.toml`.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `carrier.pin`.
    pub pin: Option<String>,
    /// `carrier.user` and `carrier.password`.
    pub login: Option<(String, String)>,
    /// `aws.secret_access_key`.
    pub secret: String,
    /// Update pull from [`BUNDLE`]; `None` disables it.
    pub pull: Option<Pull>,
    /// Lines added at the end.
    pub more: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            pin: None,
            login: None,
            secret: SECRET.into(),
            pull: None,
            more: String::new(),
        }
    }
}

impl Settings {
    /// Returns the text of the file, which trusts `authority` for Route 53 and for updates.
    pub fn text(&self, authority: &str) -> String {
        let pin = self.pin.as_ref().map(|pin| format!("pin = \"{pin}\"\n"));
        let login = self
            .login
            .as_ref()
            .map(|(user, password)| format!("user = \"{user}\"\npassword = \"{password}\"\n"));
        let pull = self.pull.as_ref().map(|Pull { key, over_mobile }| {
            format!(
                "[update]\nkeys = [\"{key}\"]\nover_mobile = {over_mobile}\n\
                 url = \"https://{FILES_HOST}:{FILES_PORT}{BUNDLE}\"\n\
                 ca = \"\"\"\n{authority}\"\"\"\n\n"
            )
        });
        format!(
            "[carrier]\napn = \"internet\"\n{}{}\n\
             [dyndns]\nname = \"{NAME}\"\nzone = \"{ZONE}\"\n\
             endpoint = \"https://{ROUTE53_HOST}\"\nca = \"\"\"\n{authority}\"\"\"\n\n\
             [aws]\naccess_key_id = \"{KEY_ID}\"\nsecret_access_key = \"{}\"\n\n\
             [time]\nservers = [\"{TIME_HOST}\"]\n\n{}{}",
            pin.unwrap_or_default(),
            login.unwrap_or_default(),
            self.secret,
            pull.unwrap_or_default(),
            self.more,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_file_parses_without_problems() {
        let settings = Settings {
            pin: Some("2468".into()),
            login: Some(("user".into(), "secret".into())),
            pull: Some(Pull {
                key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".into(),
                over_mobile: true,
            }),
            more: "[lan]\nhostname = \"box\"\n".into(),
            ..Settings::default()
        };
        let text = settings.text(crate::internet::Authority::new().pem());
        let parsed = failberry_config::parse_bytes(text.as_bytes());
        assert!(parsed.problems.is_empty(), "{:?}", parsed.problems);
        let update = &parsed.config.update;
        assert!(update.over_mobile && update.ca.is_some() && update.keys.len() == 1);
        let dyndns = parsed.config.dyndns.unwrap();
        assert_eq!((dyndns.name.as_str(), dyndns.zone.as_str()), (NAME, ZONE));
    }
}
