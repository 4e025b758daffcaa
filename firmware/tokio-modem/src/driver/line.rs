//! The modem port as a serial line.

use std::{
    fs::OpenOptions,
    io,
    os::{
        fd::{AsFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
    path::Path,
};

use nix::{
    errno::Errno,
    libc,
    sys::termios::{
        BaudRate, ControlFlags, InputFlags, SetArg, SpecialCharacterIndices, Termios, cfmakeraw,
        cfsetspeed, tcgetattr, tcsetattr,
    },
};

use super::{DriverError, ioctl};

/// Opens a modem port: raw, eight bits, no parity, for nobody else, without blocking.
///
/// Closing the port drops DTR, which hangs up. Until `CONNECT` the line counts as there whatever
/// the carrier line says. The descriptor is closed on `exec`.
///
/// # Errors
/// [`DriverError::Open`], or [`DriverError::Configure`] where it is no tty or one that is gone.
pub fn open(path: impl AsRef<Path>) -> Result<OwnedFd, DriverError> {
    let path = path.as_ref();
    // The standard library adds O_CLOEXEC. Without O_NONBLOCK opening could wait for a carrier.
    let tty: OwnedFd = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
        .open(path)
        .map_err(|source| DriverError::Open {
            path: path.to_owned(),
            source,
        })?
        .into();
    let mut termios =
        tcgetattr(&tty).map_err(|errno| refused("read the line's settings", errno))?;
    make_raw(&mut termios).map_err(|errno| refused("choose the line's rate", errno))?;
    tcsetattr(&tty, SetArg::TCSANOW, &termios)
        .map_err(|errno| refused("change the line's settings", errno))?;
    ioctl::set_exclusive(tty.as_fd()).map_err(|errno| refused("claim the port", errno))?;
    // Refused without privilege, and unknown to some drivers: closing may take its time then.
    let _ = skip_closing_wait(&tty);
    Ok(tty)
}

/// Keeps a close of this port from waiting for output that a hung stick never takes, which lasts
/// half a minute otherwise.
///
/// The kernel asks for `CAP_SYS_ADMIN`. What is set stays with the port until the stick goes, so
/// a privileged process can do it for one without privilege; [`open`] tries it by itself.
///
/// # Errors
/// The kernel's answer: no privilege, or a driver without such a setting.
pub fn skip_closing_wait(tty: &impl AsFd) -> io::Result<()> {
    let tty = tty.as_fd();
    let mut serial = ioctl::serial(tty)?;
    if serial.closing_wait != ioctl::CLOSING_WAIT_NONE {
        serial.closing_wait = ioctl::CLOSING_WAIT_NONE;
        ioctl::set_serial(tty, &serial)?;
    }
    Ok(())
}

/// Raises or drops DTR. A port without such a line is left as it is.
pub(super) fn set_dtr(tty: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    match ioctl::set_dtr(tty, on) {
        Ok(()) | Err(Errno::ENOTTY | Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// From `CONNECT` on, a carrier that is lost hangs the tty up, where the driver reports it.
pub(super) fn heed_carrier(tty: BorrowedFd<'_>) -> io::Result<()> {
    let mut termios = tcgetattr(tty)?;
    termios.control_flags.remove(ControlFlags::CLOCAL);
    // Draining would wait, and nothing was written since the stick answered.
    Ok(tcsetattr(tty, SetArg::TCSANOW, &termios)?)
}

fn make_raw(termios: &mut Termios) -> nix::Result<()> {
    cfmakeraw(termios);
    termios
        .input_flags
        .insert(InputFlags::IGNBRK | InputFlags::IGNPAR);
    termios
        .control_flags
        .remove(ControlFlags::CSIZE | ControlFlags::CSTOPB | ControlFlags::CRTSCTS);
    termios.control_flags.insert(
        ControlFlags::CS8 | ControlFlags::CREAD | ControlFlags::CLOCAL | ControlFlags::HUPCL,
    );
    // With a minimum of none, a read of no bytes would not tell a hang-up from silence.
    let minimum = SpecialCharacterIndices::VMIN as usize;
    if let Some(minimum) = termios.control_chars.get_mut(minimum) {
        *minimum = 1;
    }
    // USB sticks go at their own rate; zero, which drops DTR, is the only one that matters.
    cfsetspeed(termios, BaudRate::B115200)
}

fn refused(action: &'static str, errno: Errno) -> DriverError {
    DriverError::Configure {
        action,
        source: errno.into(),
    }
}
