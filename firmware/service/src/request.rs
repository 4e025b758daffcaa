//! Asking PID 1 for something: one JSON request a connection, one JSON reply.

use std::{
    fmt,
    io::{self, BufRead, BufReader, Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_state::{RUN, Service, Slot};
use serde::{Deserialize, Serialize};

/// Where PID 1 listens, below the root of all run-time state.
pub const REQUESTS: &str = "supervisor/requests";

/// File that exists while an update is being written, below the same root. `update` touches it
/// with progress, at most once a minute.
pub const UPDATE_WRITING: &str = "update/writing";

/// From the last touch of [`UPDATE_WRITING`] to when it counts no longer. What makes no progress for
/// as long is stuck, and must not keep the box from restarting: half an update is never started.
pub const UPDATE_WRITING_FOR: Duration = Duration::from_secs(600);

/// File that exists while somebody is logged in at the console, below the same root. The console
/// makes it, touches it with the keys that are pressed (once a minute is enough) and removes it.
pub const ATTENDED: &str = "console/attended";

/// It counts for so long after the last touch: who has pressed no key in ten minutes has left, or
/// the console has died over it.
pub const ATTENDED_FOR: Duration = Duration::from_secs(600);

/// Longest request and reply in bytes: a reason is a sentence.
pub const MAX_MESSAGE: usize = 4096;

/// PID 1 answers in its next turn, and an order about the card when it is carried out, which it
/// gives 30 s. Longer than this it has other troubles.
const PATIENCE: Duration = Duration::from_secs(35);

/// What a service can ask for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Request {
    /// An orderly reboot. Services have a budget of them; `console` and root, who speak for a
    /// person, have not.
    Reboot {
        /// Why, for the console and for the next life.
        reason: String,
    },
    /// An orderly restart of one service.
    Restart {
        /// Which.
        service: Service,
        /// Why.
        reason: String,
    },
    /// The boot loader's slots.
    Slots(SlotsOrder),
    /// Forget all settings, secrets and counters on the card, and reboot; from `console` only.
    FactoryReset,
    /// Use the settings before the present ones again, at once; from `console` only.
    RevertConfig,
}

/// What is asked for, as a log line has it behind "asks for".
impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reboot { reason } => write!(f, "a reboot ({reason})"),
            Self::Restart { service, reason } => {
                write!(f, "a restart of {} ({reason})", service.name())
            }
            Self::Slots(order) => write!(f, "an order to the boot loader, to {order}"),
            Self::FactoryReset => f.write_str("a factory reset"),
            Self::RevertConfig => f.write_str("the settings before"),
        }
    }
}

/// What the boot loader is to do from the next boot on. Root may order all of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SlotsOrder {
    /// Boot `slot`, and the other one again where it is not confirmed; from `update` only.
    Try {
        /// The slot with the new image.
        slot: Slot,
        /// Boots it gets to prove itself.
        tries: u8,
    },
    /// The slot that runs has proven itself; from `update` only.
    Confirm,
    /// The slot that runs will not prove itself: back to the other one; from `update` only.
    GiveUp {
        /// Why, for the log.
        reason: String,
    },
    /// Boot `slot` from now on, since a person says so; from `console` only.
    Choose {
        /// The slot.
        slot: Slot,
    },
}

/// The order as an infinitive: "try slot b (3 boots)".
impl fmt::Display for SlotsOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Try { slot, tries } => write!(f, "try slot {slot} ({tries} boots)"),
            Self::Confirm => f.write_str("confirm the slot that runs"),
            Self::GiveUp { reason } => write!(f, "give up the slot that runs ({reason})"),
            Self::Choose { slot } => write!(f, "choose slot {slot}"),
        }
    }
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    /// It is being done; an order about the card is done.
    Accepted,
    /// It is not, and this is why.
    Refused {
        /// In words.
        why: String,
    },
}

/// A request that got no reply.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// The socket's.
    #[error("asking the supervisor at {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is no reply.
    #[error("expected a reply of the supervisor at {path}, got {got:?}: {source}")]
    Format {
        /// The socket.
        path: PathBuf,
        /// The text.
        got: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Asks PID 1. Blocks for a moment, or while an order about the card is carried out: 35 s at most.
///
/// # Errors
/// The socket's, or a reply that is none.
pub fn ask(request: &Request) -> Result<Reply, RequestError> {
    ask_under(Path::new(RUN), request)
}

/// The same below another root than `/run/failberry`.
///
/// # Errors
/// As [`ask`].
pub fn ask_under(root: &Path, request: &Request) -> Result<Reply, RequestError> {
    let path = root.join(REQUESTS);
    let line = exchange(&path, request).map_err(|source| RequestError::Io {
        path: path.clone(),
        source,
    })?;
    serde_json::from_str(&line).map_err(|source| RequestError::Format {
        path,
        got: line,
        source,
    })
}

fn exchange(path: &Path, request: &Request) -> io::Result<String> {
    let mut text = serde_json::to_vec(request)?;
    text.push(b'\n');
    let stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    (&stream).write_all(&text)?;
    let most = u64::try_from(MAX_MESSAGE).unwrap_or(u64::MAX);
    let mut line = String::new();
    BufReader::new(stream.take(most)).read_line(&mut line)?;
    Ok(line)
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::net::UnixListener, thread};

    use super::*;

    fn answered(with: &'static str) -> Result<Reply, RequestError> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("supervisor")).unwrap();
        let listener = UnixListener::bind(root.path().join(REQUESTS)).unwrap();
        let supervisor = thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut line = String::new();
            BufReader::new(&stream).read_line(&mut line).unwrap();
            (&stream).write_all(with.as_bytes()).unwrap();
            line
        });
        let reason = "the stick is dead".into();
        let reply = ask_under(root.path(), &Request::Reboot { reason });
        assert_eq!(
            supervisor.join().unwrap(),
            "{\"reboot\":{\"reason\":\"the stick is dead\"}}\n"
        );
        reply
    }

    #[test]
    fn requests_read_as_words_in_a_log_line() {
        let reason = || "the stick is dead".to_owned();
        let (slot, tries, service) = (Slot::B, 3, Service::Uplink);
        for (request, words) in [
            (
                Request::Reboot { reason: reason() },
                "a reboot (the stick is dead)",
            ),
            (
                Request::Restart {
                    service,
                    reason: reason(),
                },
                "a restart of uplink (the stick is dead)",
            ),
            (
                Request::Slots(SlotsOrder::Try { slot, tries }),
                "an order to the boot loader, to try slot b (3 boots)",
            ),
            (
                Request::Slots(SlotsOrder::GiveUp { reason: reason() }),
                "an order to the boot loader, to give up the slot that runs (the stick is dead)",
            ),
            (Request::FactoryReset, "a factory reset"),
        ] {
            assert_eq!(request.to_string(), words);
        }
    }

    #[test]
    fn a_question_gets_its_answer() {
        assert_eq!(answered("\"accepted\"\n").unwrap(), Reply::Accepted);
        let why = "too soon".into();
        assert_eq!(
            answered("{\"refused\":{\"why\":\"too soon\"}}\n").unwrap(),
            Reply::Refused { why }
        );
    }

    #[test]
    fn an_answer_that_is_none_is_told_with_its_place() {
        let error = answered("perhaps\n").unwrap_err().to_string();
        assert!(
            error.contains(REQUESTS) && error.contains("perhaps"),
            "{error}"
        );
        let root = tempfile::tempdir().unwrap();
        let request = Request::Restart {
            service: Service::Clock,
            reason: String::new(),
        };
        let error = ask_under(root.path(), &request).unwrap_err().to_string();
        assert!(error.contains(REQUESTS), "{error}");
    }
}
