//! Orders to a service: one JSON order a connection, one JSON reply, on a socket of the service's.
//!
//! Takes in orders of the console and of root, as the kernel tells who asks; gives out one at a
//! time. Bytes and seconds are bounded, and nothing here keeps the service's loop from turning.

use std::{
    fs, io,
    marker::PhantomData,
    os::unix::{
        fs::PermissionsExt,
        net::{UnixListener, UnixStream},
    },
    path::{Path, PathBuf},
    time::Duration,
};

use failberry_state::{RUN, Service};
use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use smol::{
    Async, Timer,
    future::FutureExt,
    io::{AsyncReadExt, AsyncWriteExt},
};

/// Where the dialler listens, below the root of all run-time state.
pub const ORDERS: &str = "uplink/orders";

/// Where `update` listens, below the root of all run-time state.
pub const UPDATE_ORDERS: &str = "update/orders";

/// Orders that one service takes.
pub trait Ordered: Serialize + DeserializeOwned {
    /// Where it listens, below the root of all run-time state.
    const SOCKET: &'static str;
}

/// Longest order in bytes: an AT command has at most 128 characters.
const ORDER_MAX: usize = 1024;

/// Longest reply in bytes: an answer such as the list of networks has some dozen lines.
const REPLY_MAX: u64 = 64 * 1024;

/// An order is written at once.
const PATIENCE: Duration = Duration::from_secs(2);

/// What the dialler can be told by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Order {
    /// End the call, if there is one, and dial at once.
    Redial,
    /// Take the power from the sockets for some seconds.
    PowerCycle,
    /// Give the stick this AT command.
    Ask {
        /// From `AT` on.
        command: String,
    },
    /// Have the stick show its CD-ROM at its start, or not any more.
    Autorun {
        /// Whether it shows it.
        on: bool,
    },
}

impl Ordered for Order {
    const SOCKET: &'static str = ORDERS;
}

/// What `update` can be ordered to do by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum UpdateOrder {
    /// Look for a newer version at `update.url` at once.
    Check,
}

impl Ordered for UpdateOrder {
    const SOCKET: &'static str = UPDATE_ORDERS;
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OrderReply {
    /// It is being done.
    Accepted,
    /// It is not, and this is why.
    Refused {
        /// In words.
        why: String,
    },
    /// What the stick said, its final result last, or what was found.
    Answer {
        /// Line by line.
        lines: Vec<String>,
    },
}

/// An order that got no reply.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// The socket's.
    #[error("giving an order at {path}: {source}")]
    Io {
        /// The socket.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Something that is no reply.
    #[error("expected a reply to an order at {path}, got {got:?}: {source}")]
    Format {
        /// The socket.
        path: PathBuf,
        /// The text.
        got: String,
        /// What is wrong with it.
        source: serde_json::Error,
    },
}

/// Gives an order and waits for what came of it, for as long as the caller waits for the future:
/// some AT commands take minutes.
///
/// # Errors
/// The socket's, or a reply that is none.
pub async fn give<O: Ordered>(order: &O) -> Result<OrderReply, OrderError> {
    give_under(Path::new(RUN), order).await
}

/// The same below another root than `/run/failberry`.
///
/// # Errors
/// As [`give`].
pub async fn give_under<O: Ordered>(root: &Path, order: &O) -> Result<OrderReply, OrderError> {
    let path = root.join(O::SOCKET);
    let text = exchange(&path, order)
        .await
        .map_err(|source| OrderError::Io {
            path: path.clone(),
            source,
        })?;
    serde_json::from_str(&text).map_err(|source| OrderError::Format {
        path,
        got: text,
        source,
    })
}

async fn exchange(path: &Path, order: &impl Serialize) -> io::Result<String> {
    let mut line = serde_json::to_vec(order)?;
    line.push(b'\n');
    let mut stream = Async::<UnixStream>::connect(path).await?;
    stream.write_all(&line).await?;
    let mut text = String::new();
    stream.take(REPLY_MAX).read_to_string(&mut text).await?;
    Ok(text)
}

/// The open socket. The rest of the askers wait in the kernel's queue.
pub struct Orders<O = Order> {
    listener: Async<UnixListener>,
    asking: Option<Asking>,
    taken: PhantomData<fn() -> O>,
}

/// Who has connected and not said all.
struct Asking {
    stream: Async<UnixStream>,
    text: Vec<u8>,
    late: Timer,
}

/// An order that came, with whom to answer.
pub struct Given<O = Order> {
    /// What is to be done.
    pub order: O,
    stream: Async<UnixStream>,
}

impl<O> Given<O> {
    /// Tells what came of it.
    pub fn answer(self, reply: &OrderReply) {
        answer(&self.stream, reply);
    }

    /// Until the asker waits no longer.
    pub async fn hung_up(&self) {
        let mut byte = [0];
        // Whoever writes more than an order is told nothing about it.
        while let Ok(1..) = (&self.stream).read(&mut byte).await {}
    }
}

fn answer(stream: &Async<UnixStream>, reply: &OrderReply) {
    let line = serde_json::to_vec(reply).unwrap_or_default();
    // It fits a socket's buffer; who does not listen any more is no loss.
    let _ = io::Write::write_all(&mut stream.get_ref(), &line);
}

impl<O: Ordered> Orders<O> {
    /// Listens below `root`, replacing what an earlier run left there.
    ///
    /// # Errors
    /// The file system's.
    pub fn listen(root: &Path) -> io::Result<Self> {
        let path = root.join(O::SOCKET);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = Async::<UnixListener>::bind(&path)?;
        // Who may order is told by the kernel.
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666))?;
        Ok(Self {
            listener,
            asking: None,
            taken: PhantomData,
        })
    }

    /// The next order. Let go of and asked again, it goes on where it was.
    pub async fn next(&mut self) -> Given<O> {
        loop {
            if self.asking.is_none() {
                match self.listener.accept().await {
                    Ok((stream, _)) => {
                        self.asking = may_order(&stream).then(|| Asking {
                            text: Vec::new(),
                            late: Timer::after(PATIENCE),
                            stream,
                        });
                    }
                    Err(error) => {
                        log::warn!("orders cannot be taken: {error}");
                        // Most likely there are no descriptors left; that passes.
                        Timer::after(PATIENCE).await;
                    }
                }
                continue;
            }
            if let Some(asking) = &mut self.asking {
                let heard = asking.read().await;
                let Some(Asking { stream, .. }) = self.asking.take() else {
                    continue;
                };
                match heard {
                    Ok(order) => return Given { order, stream },
                    Err(why) => answer(&stream, &OrderReply::Refused { why }),
                }
            }
        }
    }
}

/// The console speaks for a person, and root could do it all without asking.
fn may_order(stream: &Async<UnixStream>) -> bool {
    let uid = getsockopt(stream, PeerCredentials).map(|peer| peer.uid());
    let may = uid.is_ok_and(|uid| uid == 0 || uid == Service::Console.uid());
    if !may {
        let why = "only the console and root give orders".into();
        answer(stream, &OrderReply::Refused { why });
    }
    may
}

impl Asking {
    /// Reads up to the end of the line.
    async fn read<O: Ordered>(&mut self) -> Result<O, String> {
        let Self { stream, text, late } = self;
        let heard = async {
            let mut buffer = [0; 256];
            loop {
                let length = stream
                    .read(&mut buffer)
                    .await
                    .map_err(|error| error.to_string())?;
                text.extend_from_slice(buffer.get(..length).unwrap_or_default());
                let end = text.iter().position(|byte| *byte == b'\n');
                if let Some(line) = end.and_then(|end| text.get(..end)) {
                    return serde_json::from_slice(line)
                        .map_err(|error| format!("expected an order: {error}"));
                }
                if length == 0 {
                    return Err("expected an order and a line end, got half of it".into());
                }
                if text.len() > ORDER_MAX {
                    return Err(format!("expected at most {ORDER_MAX} bytes"));
                }
            }
        };
        let late = async {
            late.await;
            Err("expected an order in time, got none".into())
        };
        heard.or(late).await
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use smol::future::{self, zip};

    use super::*;

    /// Tests run as root on the build machine, or as somebody whose orders are refused.
    fn is_root() -> bool {
        nix::unistd::geteuid().is_root()
    }

    fn listening() -> (tempfile::TempDir, Orders) {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("uplink")).unwrap();
        let orders = Orders::listen(root.path()).unwrap();
        (root, orders)
    }

    /// What raw bytes are answered with, while the socket is listened to.
    async fn answer_to(orders: &mut Orders, root: &Path, bytes: &[u8]) -> String {
        let mut stream = UnixStream::connect(root.join(ORDERS)).unwrap();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let read = smol::unblock(move || {
            let mut text = String::new();
            stream.read_to_string(&mut text).unwrap();
            text
        });
        let listen = async {
            orders.next().await;
            "an order".to_owned()
        };
        read.or(listen).await
    }

    #[test]
    fn an_order_comes_through_and_is_answered() {
        if !is_root() {
            return;
        }
        let (root, mut orders) = listening();
        let order = Order::Ask {
            command: "ATI".into(),
        };
        let reply = OrderReply::Answer {
            lines: vec!["Model: MF180".into(), "OK".into()],
        };
        smol::block_on(async {
            for _ in 0..3 {
                let take = async {
                    let given = orders.next().await;
                    assert_eq!(given.order, order);
                    given.answer(&reply);
                };
                let (got, ()) = zip(give_under(root.path(), &order), take).await;
                assert_eq!(got.unwrap(), reply);
            }
        });
    }

    #[test]
    fn an_order_in_pieces_survives_being_let_go_of() {
        if !is_root() {
            return;
        }
        let (root, mut orders) = listening();
        let mut stream = UnixStream::connect(root.path().join(ORDERS)).unwrap();
        smol::block_on(async {
            for piece in ["\"re", "dial", "\"\n"] {
                stream.write_all(piece.as_bytes()).unwrap();
                let order = future::poll_once(orders.next()).await;
                if let Some(given) = order {
                    assert_eq!((given.order, piece), (Order::Redial, "\"\n"));
                    return;
                }
                // The reactor hears of the bytes.
                Timer::after(Duration::from_millis(20)).await;
            }
            let given = orders.next().await;
            assert_eq!(given.order, Order::Redial);
        });
    }

    #[test]
    fn nonsense_and_silence_are_refused_and_the_next_one_is_heard() {
        if !is_root() {
            return;
        }
        let (root, mut orders) = listening();
        smol::block_on(async {
            for (bytes, expected) in [
                (&b"{}\n"[..], "expected an order"),
                (b"\"reboot\"\n", "unknown variant"),
                (b"\xff\n", "expected an order"),
                (b"\"redial\"", "half of it"),
                (&[b'x'; 1280], "at most 1024 bytes"),
            ] {
                let reply = answer_to(&mut orders, root.path(), bytes).await;
                assert!(reply.contains(expected), "{reply}");
            }
            let silent = UnixStream::connect(root.path().join(ORDERS)).unwrap();
            let (got, ()) = zip(give_under(root.path(), &Order::Redial), async {
                orders.next().await.answer(&OrderReply::Accepted);
            })
            .await;
            assert_eq!(got.unwrap(), OrderReply::Accepted);
            drop(silent);
        });
    }

    #[test]
    fn each_service_has_its_own_orders() {
        if !is_root() {
            return;
        }
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("update")).unwrap();
        let mut orders = Orders::<UpdateOrder>::listen(root.path()).unwrap();
        let reply = OrderReply::Answer {
            lines: vec!["nothing newer".into()],
        };
        let (got, ()) = smol::block_on(zip(give_under(root.path(), &UpdateOrder::Check), async {
            orders.next().await.answer(&reply);
        }));
        assert_eq!(got.unwrap(), reply);
    }

    #[test]
    fn nobody_there_is_told_with_the_place() {
        let root = tempfile::tempdir().unwrap();
        let error = smol::block_on(give_under(root.path(), &Order::Redial)).unwrap_err();
        assert!(error.to_string().contains(ORDERS), "{error}");
    }
}
