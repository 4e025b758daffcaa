//! The two directions of an interface's bulk endpoints.

use std::collections::VecDeque;

/// Bytes under way to the host, and the host's reads that wait for them: an unanswered read is
/// what NAK is on a wire.
#[derive(Default)]
pub(super) struct In {
    bytes: VecDeque<u8>,
    waiting: VecDeque<Read>,
    /// The host polls (interrupt transport).
    pub(super) polled: bool,
}

/// A read of the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Read {
    /// Its packet's number.
    pub(super) id: u64,
    /// At most so many bytes.
    pub(super) length: u32,
}

impl In {
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
    }

    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn clear_bytes(&mut self) {
        self.bytes.clear();
    }

    pub(super) fn wait(&mut self, read: Read) {
        self.waiting.push_back(read);
    }

    /// Whether this read was waiting; it is not any more.
    pub(super) fn cancel(&mut self, id: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|read| read.id != id);
        self.waiting.len() < before
    }

    /// A read that can be answered, and with what.
    pub(super) fn answer(&mut self) -> Option<(Read, Vec<u8>)> {
        if self.bytes.is_empty() {
            return None;
        }
        let read = self.waiting.pop_front()?;
        let length = usize::try_from(read.length).unwrap_or(usize::MAX);
        Some((read, self.take(length)))
    }

    /// Up to so many bytes.
    pub(super) fn take(&mut self, length: usize) -> Vec<u8> {
        self.bytes.drain(..length.min(self.bytes.len())).collect()
    }
}

/// Writes of the host that the function has not taken yet.
#[derive(Default)]
pub(super) struct Out {
    writes: VecDeque<Write>,
    bytes: usize,
}

/// A write of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Write {
    /// Its packet's number.
    pub(super) id: u64,
    /// The endpoint, to be told in the answer.
    pub(super) endpoint: u8,
    /// What is written.
    pub(super) data: Vec<u8>,
}

impl Out {
    pub(super) fn push(&mut self, write: Write) {
        self.bytes += write.data.len();
        self.writes.push_back(write);
    }

    pub(super) fn pop(&mut self) -> Option<Write> {
        let write = self.writes.pop_front()?;
        self.bytes -= write.data.len();
        Some(write)
    }

    pub(super) fn len(&self) -> usize {
        self.bytes
    }

    /// The write with this number, taken back.
    pub(super) fn cancel(&mut self, id: u64) -> Option<Write> {
        let place = self.writes.iter().position(|write| write.id == id)?;
        let write = self.writes.remove(place)?;
        self.bytes -= write.data.len();
        Some(write)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_wait_for_bytes_in_order() {
        let mut pipe = In::default();
        for id in [1, 2, 3] {
            pipe.wait(Read { id, length: 4 });
        }
        assert_eq!(pipe.answer(), None);
        assert!(pipe.cancel(2) && !pipe.cancel(2));
        pipe.write(b"abcdef");
        assert_eq!(
            pipe.answer().unwrap(),
            (Read { id: 1, length: 4 }, b"abcd".to_vec())
        );
        assert_eq!(
            pipe.answer().unwrap(),
            (Read { id: 3, length: 4 }, b"ef".to_vec())
        );
        assert_eq!(pipe.answer(), None);
    }

    #[test]
    fn writes_can_be_taken_back() {
        let mut pipe = Out::default();
        for id in [1, 2] {
            pipe.push(Write {
                id,
                endpoint: 3,
                data: vec![0; 10],
            });
        }
        assert_eq!(pipe.cancel(1).unwrap().id, 1);
        assert_eq!((pipe.cancel(1), pipe.len()), (None, 10));
        assert_eq!(pipe.pop().unwrap().id, 2);
        assert_eq!((pipe.pop(), pipe.len()), (None, 0));
    }
}
