//! Line settings of the modem port.

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

/// Opens a modem port: raw, eight bits, no parity, exclusive, non-blocking.
///
/// Closing the port drops DTR, which hangs up. Until `CONNECT` the carrier line is
/// ignored (CLOCAL). The descriptor is closed on `exec`.
///
/// # Errors
/// [`DriverError::Open`], or [`DriverError::Configure`] if it is no tty or the stick is gone.
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
    // Refused without privilege, and unsupported by some drivers: closing may take long then.
    let _ = skip_closing_wait(&tty);
    Ok(tty)
}

/// Sets `closing_wait` to none: closing the port does not wait for output that a hung stick never
/// accepts, which takes half a minute otherwise.
///
/// It needs `CAP_SYS_ADMIN`. The setting lasts until the stick is unplugged, so a privileged process
/// can set it for an unprivileged one; [`open`] tries it, too.
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

/// Raises or drops DTR. A port without the line is left unchanged.
pub(super) fn set_dtr(tty: BorrowedFd<'_>, on: bool) -> io::Result<()> {
    match ioctl::set_dtr(tty, on) {
        Ok(()) | Err(Errno::ENOTTY | Errno::EINVAL) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// Clears CLOCAL: from `CONNECT` on, carrier loss hangs the tty up, if the driver reports it.
pub(super) fn clear_clocal(tty: BorrowedFd<'_>) -> io::Result<()> {
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
    // With a minimum of 0, an empty read would not distinguish a hang-up from silence.
    let minimum = SpecialCharacterIndices::VMIN as usize;
    if let Some(minimum) = termios.control_chars.get_mut(minimum) {
        *minimum = 1;
    }
    // USB sticks ignore the rate, except zero, which drops DTR.
    cfsetspeed(termios, BaudRate::B115200)
}

fn refused(action: &'static str, errno: Errno) -> DriverError {
    DriverError::Configure {
        action,
        source: errno.into(),
    }
}
