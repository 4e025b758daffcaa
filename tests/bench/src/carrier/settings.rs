//! Settings of a call, and pppd's options and secrets made of them.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::CarrierError;
use crate::net::INTERNET_ADDRESS;

/// Name under which pppd finds its own entry in the secrets files.
const SERVER: &str = "carrier";

/// Authentication that the carrier requires.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Auth {
    /// Nothing.
    #[default]
    None,
    /// PAP: user and password in clear text.
    Pap,
    /// CHAP with MD5.
    Chap,
}

/// Program at the machine's end of a call. If it is a subscriber, the caller is its carrier.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Program {
    /// pppd as the carrier.
    #[default]
    Pppd,
    /// pppd as a subscriber: requires no authentication and accepts any address.
    PppdSubscriber,
    /// The engine of the firmware as a subscriber, on the machine's kernel PPP.
    EngineSubscriber,
}

/// Settings of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CarrierSettings {
    /// Program at the machine's end.
    pub program: Program,
    /// Required authentication.
    pub auth: Auth,
    /// The subscriber's name.
    pub user: String,
    /// The subscriber's password.
    pub password: String,
    /// The carrier's own address.
    pub local: Ipv4Addr,
    /// The subscriber's address.
    pub remote: Ipv4Addr,
    /// DNS servers announced to the subscriber; pppd announces two at most.
    pub dns: Vec<Ipv4Addr>,
    /// Seconds between LCP echo requests of the carrier; `None` for none.
    pub echo_interval: Option<u32>,
    /// Whether pppd asks for compression, of packets and of TCP headers.
    pub compression: bool,
    /// Further options of pppd, a word each: `"noaccomp"`, or `"mru"` and `"576"`.
    pub options: Vec<String>,
}

impl Default for CarrierSettings {
    fn default() -> Self {
        Self {
            program: Program::default(),
            auth: Auth::None,
            user: "failberry".into(),
            password: "secret".into(),
            local: Ipv4Addr::new(10, 64, 64, 64),
            remote: Ipv4Addr::new(203, 0, 113, 17),
            dns: vec![INTERNET_ADDRESS],
            echo_interval: None,
            compression: false,
            options: Vec::new(),
        }
    }
}

impl CarrierSettings {
    /// Checks that the settings can be written to pppd's files.
    pub(super) fn check(&self) -> Result<(), CarrierError> {
        for (setting, text) in [("user", &self.user), ("password", &self.password)] {
            let bad = |character: &char| matches!(character, '"' | '\\') || character.is_control();
            if let Some(character) = text.chars().find(bad) {
                return Err(CarrierError::PppdSetting { setting, character });
            }
        }
        Ok(())
    }

    /// Returns the command line of pppd for a call on `tty`.
    pub(super) fn arguments(&self, tty: &str) -> Vec<String> {
        let mut words: Vec<String> = [tty, "nodetach", "debug", "local", "nolock"]
            .map(str::to_owned)
            .into();
        if !self.compression {
            words.extend(["novj", "noccp"].map(str::to_owned));
        }
        words.extend(match self.program {
            Program::Pppd => self.carrier(),
            _ => self.subscriber(),
        });
        if let Some(seconds) = self.echo_interval {
            words.extend(["lcp-echo-interval".to_owned(), seconds.to_string()]);
            words.extend(["lcp-echo-failure", "3"].map(str::to_owned));
        }
        words.extend(self.options.iter().cloned());
        words
    }

    fn carrier(&self) -> Vec<String> {
        let mut words = vec!["name".to_owned(), SERVER.to_owned()];
        words.extend(match self.auth {
            Auth::None => vec!["noauth".to_owned()],
            Auth::Pap => ["require-pap", "refuse-chap"].map(str::to_owned).into(),
            Auth::Chap => ["require-chap", "refuse-pap"].map(str::to_owned).into(),
        });
        for dns in &self.dns {
            words.extend(["ms-dns".to_owned(), dns.to_string()]);
        }
        words.push(format!("{}:{}", self.local, self.remote));
        words
    }

    fn subscriber(&self) -> Vec<String> {
        let mut words: Vec<String> = ["noauth", "noipdefault", "usepeerdns"]
            .map(str::to_owned)
            .into();
        words.extend(["user".to_owned(), self.user.clone()]);
        // The secrets are stored under it; the peer's own name may be empty.
        words.extend(["remotename", SERVER].map(str::to_owned));
        words
    }

    /// Returns the content of pppd's secrets files: client, server, secret, addresses allowed.
    pub(super) fn secrets(&self) -> String {
        format!("\"{}\" {SERVER} \"{}\" *\n", self.user, self.password)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_break_secrets_file_refused() {
        let settings = CarrierSettings {
            password: "a\"b".into(),
            ..CarrierSettings::default()
        };
        let error = settings.check().unwrap_err();
        assert!(
            error.to_string().starts_with("password has a character"),
            "{error}"
        );
        CarrierSettings::default().check().unwrap();
    }
}
