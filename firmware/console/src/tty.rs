//! The serial line of the kernel's console, in raw mode.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

use nix::{
    libc,
    sys::termios::{
        ControlFlags, FlushArg, InputFlags, SetArg, cfmakeraw, tcflush, tcgetattr, tcsetattr,
    },
};
use smol::Async;

/// The kernel's consoles, the one of `/dev/console` last.
const ACTIVE: &str = "/sys/class/tty/console/active";

/// An open serial line.
pub(crate) struct Tty(Async<File>);

impl Tty {
    /// Opens the line in raw mode. The speed stays as the kernel set it.
    pub(crate) fn open() -> io::Result<Self> {
        let path = path(&fs::read_to_string(ACTIVE)?)
            .ok_or_else(|| io::Error::other(format!("{ACTIVE} names no serial line")))?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK)
            .open(path)?;
        let mut termios = tcgetattr(&file)?;
        cfmakeraw(&mut termios);
        // The other end may be unconnected: no modem control line is waited for.
        termios.control_flags |= ControlFlags::CLOCAL | ControlFlags::CREAD;
        termios.control_flags &= !(ControlFlags::CRTSCTS | ControlFlags::HUPCL);
        termios.input_flags |= InputFlags::IGNBRK | InputFlags::IGNPAR;
        tcsetattr(&file, SetArg::TCSANOW, &termios)?;
        // Input from before is stale.
        tcflush(&file, FlushArg::TCIFLUSH)?;
        Async::new(file).map(Self)
    }

    /// Reads typed bytes. The end of input is an error.
    pub(crate) async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.0.read_with(|mut file| file.read(buffer)).await?;
        if length == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(length)
    }

    /// Writes some of `bytes`.
    pub(crate) async fn write(&self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_with(|mut file| file.write(bytes)).await
    }
}

/// Returns the device of the last console that is a serial line.
fn path(active: &str) -> Option<PathBuf> {
    let serial = |name: &&str| ["ttyAMA", "ttyS"].iter().any(|kind| name.starts_with(kind));
    let name = active.split_ascii_whitespace().rfind(serial)?;
    Some(Path::new("/dev").join(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_serial_console_is_used() {
        assert_eq!(path("tty0 ttyS0 ttyAMA0\n"), Some("/dev/ttyAMA0".into()));
        assert_eq!(path("ttyS1 tty1\n"), Some("/dev/ttyS1".into()));
        assert_eq!(path("tty0\n"), None);
    }
}
