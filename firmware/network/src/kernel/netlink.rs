//! Netlink socket: a request and the kernel's answers to it.

use std::io;

use netlink_packet_core::{
    ErrorBuffer, NLM_F_ACK, NLM_F_DUMP, NLM_F_REQUEST, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
    NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};

/// Length of the receive buffer in bytes. The kernel builds dump answers of up to 32 KiB
/// (`NLMSG_GOODSIZE` bounded by the buffer given).
const ANSWER_LEN: usize = 32 * 1024;

/// The kernel did not fulfil a request.
#[derive(Debug, thiserror::Error)]
#[error("{doing}: {source}")]
pub struct NetlinkError {
    /// Description of the request.
    pub doing: String,
    /// The kernel's reason.
    pub source: io::Error,
}

impl NetlinkError {
    /// Adds the description of the request to the reason.
    pub fn while_doing(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self { doing, source }
    }

    /// Returns whether the kernel's reason is `errno`.
    pub fn is(&self, errno: nix::errno::Errno) -> bool {
        self.source.raw_os_error() == Some(errno as i32)
    }
}

/// One message from the kernel, its payload undecoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    /// `RTM_*` or `NLMSG_*`.
    pub kind: u16,
    /// Number of the request it answers.
    pub sequence: u32,
    /// Bytes after the netlink header.
    pub payload: Vec<u8>,
}

/// Socket of one netlink family.
pub struct Netlink {
    socket: Socket,
    sequence: u32,
}

impl Netlink {
    /// Opens the routing family.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn route() -> Result<Self, NetlinkError> {
        Self::open(NETLINK_ROUTE)
    }

    /// Opens the family with this protocol number.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn open(protocol: isize) -> Result<Self, NetlinkError> {
        let open = || {
            let mut socket = Socket::new(protocol)?;
            socket.bind_auto()?;
            socket.connect(&SocketAddr::new(0, 0))?;
            // The kernel answers within the send itself, or while its answer is being read; an
            // answer that is not there will never come.
            socket.set_non_blocking(true)?;
            Ok(socket)
        };
        let socket = open().map_err(NetlinkError::while_doing("opening a netlink socket"))?;
        Ok(Self {
            socket,
            sequence: 0,
        })
    }

    /// Requests a change and waits until it is made.
    ///
    /// # Errors
    /// The kernel's refusal, after `doing`.
    pub fn change(
        &mut self,
        message: RouteNetlinkMessage,
        flags: u16,
        doing: impl Into<String>,
    ) -> Result<(), NetlinkError> {
        self.changed(message, flags)
            .map_err(NetlinkError::while_doing(doing))
    }

    /// Requests all objects of a kind.
    ///
    /// # Errors
    /// The kernel's refusal, after `doing`.
    pub fn dump(
        &mut self,
        message: RouteNetlinkMessage,
        doing: impl Into<String>,
    ) -> Result<Vec<Received>, NetlinkError> {
        self.dumped(message)
            .map_err(NetlinkError::while_doing(doing))
    }

    fn changed(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<()> {
        let number = self.send(message, NLM_F_ACK | flags)?;
        loop {
            let answers = self.receive()?;
            if let Some(result) = answers.iter().find_map(|answer| answer.result_of(number)) {
                return result;
            }
        }
    }

    fn dumped(&mut self, message: RouteNetlinkMessage) -> io::Result<Vec<Received>> {
        let number = self.send(message, NLM_F_DUMP)?;
        let mut objects = Vec::new();
        loop {
            for answer in self.receive()? {
                if answer.sequence != number {
                    continue;
                }
                match answer.kind {
                    NLMSG_DONE => return Ok(objects),
                    NLMSG_ERROR => answer.result_of(number).unwrap_or(Ok(()))?,
                    _ => objects.push(answer),
                }
            }
        }
    }

    /// Sends serialised messages.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn send_bytes(&self, bytes: &[u8]) -> io::Result<()> {
        self.socket.send(bytes, 0).map(|_| ())
    }

    /// Receives the next datagram and splits it into messages.
    ///
    /// # Errors
    /// The kernel's, among them `WouldBlock` if there is none.
    pub fn receive(&self) -> io::Result<Vec<Received>> {
        let mut buffer = Vec::with_capacity(ANSWER_LEN);
        self.socket.recv(&mut buffer, 0)?;
        Ok(split(&buffer))
    }

    fn send(&mut self, message: RouteNetlinkMessage, flags: u16) -> io::Result<u32> {
        self.sequence = self.sequence.wrapping_add(1);
        self.send_bytes(&serialize(message, flags, self.sequence))?;
        Ok(self.sequence)
    }
}

impl Received {
    /// Returns the outcome of request `number` if this message contains it.
    pub fn result_of(&self, number: u32) -> Option<io::Result<()>> {
        (self.kind == NLMSG_ERROR && self.sequence == number).then(|| self.result())
    }

    /// Returns the outcome in this message; success if it contains none.
    ///
    /// # Errors
    /// The kernel's refusal.
    pub fn result(&self) -> io::Result<()> {
        let code = ErrorBuffer::new_checked(self.payload.as_slice())
            .ok()
            .and_then(|e| e.code());
        match code {
            Some(code) if self.kind == NLMSG_ERROR => {
                Err(io::Error::from_raw_os_error(code.get().saturating_neg()))
            }
            _ => Ok(()),
        }
    }
}

/// Serialises a message with its netlink header.
pub(crate) fn serialize<T: NetlinkSerializable>(message: T, flags: u16, sequence: u32) -> Vec<u8> {
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    header.sequence_number = sequence;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Splits a datagram; stops at the first message with an invalid length.
pub(crate) fn split(mut bytes: &[u8]) -> Vec<Received> {
    const ALIGN: usize = 4;
    let mut messages = Vec::new();
    while let Ok(message) = NetlinkBuffer::new_checked(bytes) {
        messages.push(Received {
            kind: message.message_type(),
            sequence: message.sequence_number(),
            payload: message.payload().to_vec(),
        });
        let len = usize::try_from(message.length()).unwrap_or(usize::MAX);
        let Some(rest) = len
            .checked_next_multiple_of(ALIGN)
            .and_then(|end| bytes.get(end..))
        else {
            break;
        };
        bytes = rest;
    }
    messages
}
