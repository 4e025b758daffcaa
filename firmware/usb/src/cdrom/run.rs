//! Carrying out the actions of a mode switch on a drive, whatever it answers. Decides when a switch
//! has worked: the drive took something of it, or left.

use std::time::Duration;

use crate::switch::{Action, Control, Wrapper, inquiry};

/// Length of a command status wrapper.
const CSW: usize = 13;
/// First byte of an `INQUIRY`'s answer: a drive that is there (qualifier 0) and a CD-ROM (SPC-2 7.3.2).
const CDROM: u8 = 0x05;
/// The same byte of a drive that is not there.
const NO_DRIVE: u8 = 0x7f;
/// Most data that a drive is let send before its status; the rows have no more than 192 bytes.
const DATA_MAX: usize = 512;

/// What a transfer came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DriveError {
    /// The device has left the bus.
    Left,
    /// It does not answer.
    Silent(rusb::Error),
    /// It refuses: the endpoint is stalled.
    Stalled,
    /// Something else.
    Other(rusb::Error),
}

impl From<rusb::Error> for DriveError {
    fn from(error: rusb::Error) -> Self {
        match error {
            rusb::Error::NoDevice => Self::Left,
            rusb::Error::Timeout | rusb::Error::Io => Self::Silent(error),
            rusb::Error::Pipe => Self::Stalled,
            other => Self::Other(other),
        }
    }
}

impl From<DriveError> for rusb::Error {
    fn from(error: DriveError) -> Self {
        match error {
            DriveError::Left => Self::NoDevice,
            DriveError::Stalled => Self::Pipe,
            DriveError::Silent(error) | DriveError::Other(error) => error,
        }
    }
}

/// A device to switch.
pub(super) trait Drive {
    /// Sends a word.
    fn send(&mut self, bytes: &[u8]) -> Result<(), DriveError>;
    /// Reads data or a status.
    fn receive(&mut self, room: &mut [u8]) -> Result<usize, DriveError>;
    /// Ends the stalls of both bulk endpoints.
    fn clear_halts(&mut self);
    /// Sends a control request.
    fn control(&mut self, control: &Control) -> Result<(), DriveError>;
    /// Chooses a configuration.
    fn configure(&mut self, value: u8) -> Result<(), DriveError>;
    /// Lets time pass.
    fn wait(&mut self, time: Duration);
}

/// Carries out `actions` in order. A drive that refuses one gets the next; one that leaves, or
/// falls silent after it took something, has begun to switch.
///
/// # Errors
/// The first refusal where nothing was taken; the silence where nothing was taken before it and
/// more was to come, since the drive may be starting still.
pub(super) fn run(actions: &[Action], drive: &mut impl Drive) -> Result<(), rusb::Error> {
    let mut taken = false;
    let mut refusal = None;
    let mut rest = actions.iter();
    while let Some(action) = rest.next() {
        let done = match action {
            Action::Word(wrapper) => word(wrapper, drive, &mut []).map(drop),
            // Sticks are known that stall the request and switch all the same.
            Action::Control(control) => match drive.control(control) {
                Err(DriveError::Stalled) => Ok(()),
                done => done,
            },
            Action::Configure(value) => drive.configure(*value),
            Action::Wait(millis) => {
                drive.wait(Duration::from_millis((*millis).into()));
                continue;
            }
        };
        match done {
            Ok(()) => taken = true,
            Err(DriveError::Left) => return Ok(()),
            Err(DriveError::Silent(_)) if taken || rest.as_slice().is_empty() => return Ok(()),
            Err(error @ DriveError::Silent(_)) => return Err(error.into()),
            Err(error) => refusal = refusal.or(Some(error)),
        }
    }
    match refusal {
        Some(refusal) if !taken => Err(refusal.into()),
        _ => Ok(()),
    }
}

/// Why a drive is not switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCdRom {
    /// Its first drive says this of its kind.
    Disk(u8),
    /// It did not say.
    Unanswered(rusb::Error),
}

/// Makes sure that one of the device's two first drives is a CD-ROM.
///
/// # Errors
/// Neither is, or the first does not answer.
pub(super) fn expect_cdrom(drive: &mut impl Drive) -> Result<(), NotCdRom> {
    let kind = |drive: &mut _, lun| -> Result<u8, DriveError> {
        let mut data = [NO_DRIVE];
        word(&inquiry(lun), drive, &mut data)?;
        let [kind] = data;
        Ok(kind)
    };
    let first = kind(drive, 0).map_err(|error| NotCdRom::Unanswered(error.into()))?;
    // Many have no second drive, and say so in their own ways.
    if first == CDROM || kind(drive, 1) == Ok(CDROM) {
        return Ok(());
    }
    Err(NotCdRom::Disk(first))
}

/// A word, what the drive sends for it (as much as `data` has room for), and its status, which is
/// of no interest: a drive that refuses a command may switch all the same.
fn word(wrapper: &Wrapper, drive: &mut impl Drive, data: &mut [u8]) -> Result<(), DriveError> {
    if let Err(error) = drive.send(&wrapper.bytes()) {
        if error == DriveError::Stalled {
            drive.clear_halts();
        }
        return Err(error);
    }
    if wrapper.data_in() > 0 {
        let mut buffer = [0; DATA_MAX];
        let wanted = usize::try_from(wrapper.data_in()).unwrap_or(DATA_MAX);
        let room = buffer.get_mut(..wanted.min(DATA_MAX)).unwrap_or_default();
        match drive.receive(room) {
            Ok(length) => {
                for (to, from) in data.iter_mut().zip(buffer.iter().take(length)) {
                    *to = *from;
                }
            }
            // It has no data, and tells its status after that (6.7.2).
            Err(DriveError::Stalled) => drive.clear_halts(),
            Err(error) => return Err(error),
        }
    }
    let mut status = [0; CSW];
    match drive.receive(&mut status) {
        Err(DriveError::Stalled) => {
            drive.clear_halts();
            drive.receive(&mut status).map(drop)
        }
        done => done.map(drop),
    }
}

#[cfg(test)]
mod tests;
