//! Mass storage function of a stick, bulk-only: the CD-ROM until it is ejected, with an empty disc,
//! or the card reader, without a card.
//!
//! Takes in command blocks; gives out data and status, one transfer at a time. Pure.

use std::collections::VecDeque;

/// Length of a command block wrapper.
const CBW: usize = 31;
const CBW_SIGNATURE: &[u8; 4] = b"USBC";
const CSW_SIGNATURE: &[u8; 4] = b"USBS";

/// A CD's block.
const BLOCK: usize = 2048;
/// Blocks of the disc.
const BLOCKS: u32 = 100;
/// Most data that one command moves: the kernel asks for 120 KiB at most.
const DATA_MAX: usize = 256 * 1024;

/// Sense keys with their additional codes.
const NO_SENSE: [u8; 2] = [0, 0];
const ILLEGAL_REQUEST: [u8; 2] = [5, 0x20];
const NO_MEDIUM: [u8; 2] = [2, 0x3a];

/// Device type and removable medium, and the product's name, of an inquiry.
const CDROM: ([u8; 2], &[u8]) = ([5, 0x80], b"ZTE     USB SCSI CD-ROM 2.31");
const CARD_READER: ([u8; 2], &[u8]) = ([0, 0x80], b"ZTE     MMC Storage     2.31");

/// A drive.
pub(super) struct Drive {
    kind: ([u8; 2], &'static [u8]),
    transfers: VecDeque<Vec<u8>>,
    sense: [u8; 2],
    ejected: bool,
}

impl Default for Drive {
    fn default() -> Self {
        Self::card_reader()
    }
}

impl Drive {
    /// The CD-ROM.
    pub(super) fn cdrom() -> Self {
        Self {
            kind: CDROM,
            transfers: VecDeque::new(),
            sense: NO_SENSE,
            ejected: false,
        }
    }

    /// The card reader: a drive whose medium is gone.
    pub(super) fn card_reader() -> Self {
        Self {
            kind: CARD_READER,
            ejected: true,
            ..Self::cdrom()
        }
    }

    /// Handles a command block; anything else is ignored.
    pub(super) fn receive(&mut self, bytes: &[u8]) {
        let Some(wrapper) = bytes.first_chunk::<CBW>() else {
            return;
        };
        let [
            s0,
            s1,
            s2,
            s3,
            t0,
            t1,
            t2,
            t3,
            l0,
            l1,
            l2,
            l3,
            flags,
            _,
            _,
            block @ ..,
        ] = *wrapper;
        if [s0, s1, s2, s3] != *CBW_SIGNATURE {
            return;
        }
        let expected = u32::from_le_bytes([l0, l1, l2, l3]);
        let length = usize::try_from(expected).unwrap_or(DATA_MAX).min(DATA_MAX);
        let (mut data, failed) = match self.command(block) {
            Ok(data) => (data, false),
            Err(sense) => {
                self.sense = sense;
                (Vec::new(), true)
            }
        };
        let mut moved = 0;
        if flags & 0x80 != 0 && length > 0 {
            data.truncate(length);
            moved = u32::try_from(data.len()).unwrap_or_default();
            if data.is_empty() {
                // The host reads before it looks at the status.
                data = vec![0; length];
            }
            self.transfers.push_back(data);
        }
        let mut status = CSW_SIGNATURE.to_vec();
        status.extend_from_slice(&[t0, t1, t2, t3]);
        status.extend_from_slice(&expected.saturating_sub(moved).to_le_bytes());
        status.push(failed.into());
        self.transfers.push_back(status);
    }

    /// Returns the next transfer to the host.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.transfers.pop_front()
    }

    /// Returns whether the disc is ejected and the host has read the status.
    pub(super) fn is_ejected(&self) -> bool {
        self.ejected && self.transfers.is_empty()
    }

    fn command(&mut self, block: [u8; 16]) -> Result<Vec<u8>, [u8; 2]> {
        let [operation, _, _, _, fourth, _, _, high, low, ..] = block;
        match operation {
            // TEST UNIT READY and what is read, without a medium
            0x00 | 0x25 | 0x28 if self.ejected => Err(NO_MEDIUM),
            // TEST UNIT READY; PREVENT ALLOW MEDIUM REMOVAL
            0x00 | 0x1e => Ok(Vec::new()),
            // REQUEST SENSE
            0x03 => {
                let [key, code] = std::mem::replace(&mut self.sense, NO_SENSE);
                let mut sense = vec![0; 18];
                sense.splice(..3, [0x70, 0, key]);
                sense.splice(7..8, [10]);
                sense.splice(12..13, [code]);
                Ok(sense)
            }
            // INQUIRY
            0x12 => {
                let ([kind, medium], name) = self.kind;
                let mut inquiry = vec![kind, medium, 2, 2, 31, 0, 0, 0];
                inquiry.extend_from_slice(name);
                Ok(inquiry)
            }
            // MODE SENSE(6), which the kernel needs for a drive: no pages.
            0x1a => Ok(vec![3, 0, 0x80, 0]),
            // START STOP UNIT
            0x1b => {
                self.ejected |= fourth & 3 == 2;
                Ok(Vec::new())
            }
            // READ CAPACITY(10)
            0x25 => {
                let mut capacity = (BLOCKS - 1).to_be_bytes().to_vec();
                capacity.extend_from_slice(&2048_u32.to_be_bytes());
                Ok(capacity)
            }
            // READ(10): an empty disc
            0x28 => {
                let length = usize::from(u16::from_be_bytes([high, low])) * BLOCK;
                Ok(vec![0; length.min(DATA_MAX)])
            }
            _ => Err(ILLEGAL_REQUEST),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapper(length: u32, command: &[u8]) -> Vec<u8> {
        let mut bytes = b"USBC\x01\x02\x03\x04".to_vec();
        bytes.extend_from_slice(&length.to_le_bytes());
        bytes.extend_from_slice(&[if length > 0 { 0x80 } else { 0 }, 0, 6]);
        bytes.extend_from_slice(command);
        bytes.resize(CBW, 0);
        bytes
    }

    /// Data, residue and status of a command.
    fn run(drive: &mut Drive, length: u32, command: &[u8]) -> (Vec<u8>, u8, u8) {
        drive.receive(&wrapper(length, command));
        let data = if length > 0 {
            drive.next().unwrap()
        } else {
            Vec::new()
        };
        let status = drive.next().unwrap();
        assert_eq!(status.len(), 13);
        assert_eq!(&status[..8], b"USBS\x01\x02\x03\x04");
        (data, status[8], status[12])
    }

    #[test]
    fn it_is_a_zte_cdrom_with_blocks() {
        let mut drive = Drive::cdrom();
        let (inquiry, residue, status) = run(&mut drive, 36, &[0x12]);
        assert_eq!((inquiry.len(), inquiry[0], residue, status), (36, 5, 0, 0));
        let (_, residue, _) = run(&mut drive, 96, &[0x12]);
        assert_eq!(residue, 60);
        let (capacity, ..) = run(&mut drive, 8, &[0x25]);
        assert_eq!(capacity, [0, 0, 0, 99, 0, 0, 8, 0]);
        let read = [0x28, 0, 0, 0, 0, 0, 0, 0, 2, 0];
        assert_eq!(run(&mut drive, 4096, &read).0.len(), 4096);
    }

    #[test]
    fn refusals_are_explained() {
        let mut drive = Drive::cdrom();
        assert_eq!(run(&mut drive, 8, &[0x46]).2, 1);
        let (sense, ..) = run(&mut drive, 18, &[0x03]);
        assert_eq!((sense[2], sense[12]), (5, 0x20));
        let (sense, ..) = run(&mut drive, 18, &[0x03]);
        assert_eq!(sense[2], 0);
    }

    #[test]
    fn the_eject_is_confirmed_first() {
        let mut drive = Drive::cdrom();
        run(&mut drive, 0, &[0x1e]);
        drive.receive(&wrapper(0, &[0x1b, 0, 0, 0, 2]));
        assert!(!drive.is_ejected());
        assert_eq!(drive.next().unwrap()[12], 0);
        assert!(drive.is_ejected());
        drive.receive(b"USBCgarbage");
        assert_eq!(drive.next(), None);
    }

    #[test]
    fn the_card_reader_has_no_card() {
        let mut drive = Drive::card_reader();
        assert_eq!(run(&mut drive, 36, &[0x12]).0[0], 0);
        assert_eq!(run(&mut drive, 0, &[0x00]).2, 1);
        assert_eq!(run(&mut drive, 8, &[0x25]).2, 1);
        let (sense, ..) = run(&mut drive, 18, &[0x03]);
        assert_eq!((sense[2], sense[12]), (2, 0x3a));
    }
}
