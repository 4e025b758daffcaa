//! Execution of the actions of a mode switch on a drive, whatever it answers. Decides whether the
//! switch worked: the drive accepted an action, or left the bus.

use std::time::Duration;

use crate::switch::{Action, CommandBlockWrapper, Control, inquiry};

/// Length of a command status wrapper, in bytes.
const CSW_LEN: usize = 13;
/// First byte of an `INQUIRY`'s answer: a drive that is there (qualifier 0) and a CD-ROM (SPC-2 7.3.2).
const CDROM: u8 = 0x05;
/// First byte of an `INQUIRY`'s answer: no drive at this LUN.
const NO_DRIVE: u8 = 0x7f;
/// Most data accepted from a drive before its status, in bytes; the rows have no more than 192.
const DATA_MAX: usize = 512;

/// Error of a transfer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DriveError {
    /// The device has left the bus.
    Left,
    /// Timeout.
    Silent(rusb::Error),
    /// The endpoint is stalled: a refusal.
    Stalled,
    /// Any other error.
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

/// Transfers to the device to switch.
pub(super) trait Drive {
    /// Sends a command block wrapper.
    fn send(&mut self, bytes: &[u8]) -> Result<(), DriveError>;
    /// Reads data or a status.
    fn receive(&mut self, room: &mut [u8]) -> Result<usize, DriveError>;
    /// Clears the halts of both bulk endpoints.
    fn clear_halts(&mut self);
    /// Sends a control request.
    fn control(&mut self, control: &Control) -> Result<(), DriveError>;
    /// Sets a configuration.
    fn configure(&mut self, value: u8) -> Result<(), DriveError>;
    /// Waits.
    fn wait(&mut self, time: Duration);
}

/// Executes `actions` in order. A drive that refuses one gets the next; one that leaves the bus, or
/// times out after it accepted an action, has begun to switch.
///
/// # Errors
/// The first refusal if no action was accepted; the timeout if none was accepted before it and more
/// would follow, since the drive may still be starting.
pub(super) fn run(actions: &[Action], drive: &mut impl Drive) -> Result<(), rusb::Error> {
    let mut taken = false;
    let mut refusal = None;
    let mut rest = actions.iter();
    while let Some(action) = rest.next() {
        let done = match action {
            Action::Command(wrapper) => word(wrapper, drive, &mut []).map(drop),
            // Some sticks stall the request and switch anyway.
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

/// Reason why a drive is not switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotCdRom {
    /// First byte of the first drive's answer to `INQUIRY`.
    Disk(u8),
    /// It did not answer.
    Unanswered(rusb::Error),
}

/// Checks that one of the device's first two drives is a CD-ROM.
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
    // Many have no second drive, and report that in different ways.
    if first == CDROM || kind(drive, 1) == Ok(CDROM) {
        return Ok(());
    }
    Err(NotCdRom::Disk(first))
}

/// Transfers a command block wrapper, the drive's data (as much as fits `data`), and its status, which
/// is ignored: a drive that refuses a command may switch anyway.
fn word(
    wrapper: &CommandBlockWrapper,
    drive: &mut impl Drive,
    data: &mut [u8],
) -> Result<(), DriveError> {
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
            // It has no data, and sends its status after the stall (6.7.2).
            Err(DriveError::Stalled) => drive.clear_halts(),
            Err(error) => return Err(error),
        }
    }
    let mut status = [0; CSW_LEN];
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
