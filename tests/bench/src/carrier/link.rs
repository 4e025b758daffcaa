//! Protocol between host and guest on the virtio-serial port: one ordered stream of frames, so that
//! data of a call never overtakes its beginning or end.

use std::{
    io::{self, Read, Write},
    net::Ipv4Addr,
};

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::CarrierSettings;

/// Longest body of a frame in bytes; senders use far shorter ones.
const MAX_BODY: usize = 64 * 1024;

const MESSAGE: u8 = b'M';
const DATA: u8 = b'D';

/// Commands from the host to the guest.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToGuest {
    /// A call comes in.
    Call {
        call: u32,
        settings: CarrierSettings,
    },
    /// The caller hung up.
    HangUp { call: u32 },
    /// Makes pppd end the call.
    Terminate,
    /// IP packets are, or are no longer, dropped.
    Blackhole(bool),
}

/// Events from the guest to the host.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum FromGuest {
    /// The guest is ready to answer calls.
    Ready,
    /// A line of pppd's log.
    Log(String),
    /// pppd opened IPCP.
    Up {
        call: u32,
        local: Ipv4Addr,
        remote: Ipv4Addr,
    },
    /// pppd exited with this status; `None` if killed by a signal.
    Down { call: u32, status: Option<i32> },
    /// IP packets are, or are no longer, dropped.
    Blackhole(bool),
    /// A command failed.
    Problem(String),
}

/// One frame.
#[derive(Debug)]
pub(super) enum Frame<M> {
    /// A command or an event.
    Message(M),
    /// Bytes of a call.
    Data { call: u32, bytes: Vec<u8> },
}

impl<M: Serialize + DeserializeOwned> Frame<M> {
    /// Writes the frame in one call.
    pub(super) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (kind, body) = match self {
            Self::Message(message) => (MESSAGE, serde_json::to_vec(message)?),
            Self::Data { call, bytes } => (DATA, [&call.to_le_bytes(), bytes.as_slice()].concat()),
        };
        let length = u32::try_from(body.len()).map_err(io::Error::other)?;
        let frame = [&[kind], length.to_le_bytes().as_slice(), &body].concat();
        to.write_all(&frame)
    }

    /// Reads a frame; `None` at the end of the stream.
    pub(super) fn read(from: &mut impl Read) -> io::Result<Option<Self>> {
        let (mut kind, mut length) = ([0], [0; 4]);
        if from.read(&mut kind)? == 0 {
            return Ok(None);
        }
        from.read_exact(&mut length)?;
        let length = usize::try_from(u32::from_le_bytes(length)).map_err(io::Error::other)?;
        if length > MAX_BODY {
            let problem = format!("a frame of at most {MAX_BODY} bytes expected, got {length}");
            return Err(io::Error::other(problem));
        }
        let mut body = vec![0; length];
        from.read_exact(&mut body)?;
        match kind {
            [MESSAGE] => Ok(Some(Self::Message(serde_json::from_slice(&body)?))),
            [DATA] => match body.split_first_chunk() {
                Some((call, bytes)) => Ok(Some(Self::Data {
                    call: u32::from_le_bytes(*call),
                    bytes: bytes.to_vec(),
                })),
                None => Err(io::Error::other("data without the number of its call")),
            },
            [other] => Err(io::Error::other(format!(
                "frame M or D expected, got {other:#04x}"
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_round_trip_and_truncated_frame_fails() {
        let mut wire = Vec::new();
        Frame::Message(ToGuest::HangUp { call: 7 })
            .write(&mut wire)
            .unwrap();
        Frame::<ToGuest>::Data {
            call: 8,
            bytes: vec![0x7e, 0xff],
        }
        .write(&mut wire)
        .unwrap();
        let mut rest = wire.as_slice();
        let first = Frame::<ToGuest>::read(&mut rest).unwrap();
        assert!(matches!(
            first,
            Some(Frame::Message(ToGuest::HangUp { call: 7 }))
        ));
        let second = Frame::<ToGuest>::read(&mut rest).unwrap();
        assert!(matches!(second, Some(Frame::Data { call: 8, bytes }) if bytes == [0x7e, 0xff]));
        assert!(Frame::<ToGuest>::read(&mut rest).unwrap().is_none());
        let mut cut = &wire[..wire.len() - 1];
        Frame::<ToGuest>::read(&mut cut).unwrap();
        Frame::<ToGuest>::read(&mut cut).unwrap_err();
    }

    #[test]
    fn oversized_frame_refused_before_allocation() {
        let mut wire: &[u8] = &[b'D', 0xff, 0xff, 0xff, 0xff];
        Frame::<ToGuest>::read(&mut wire).unwrap_err();
    }
}
