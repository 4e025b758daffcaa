//! Safe wrapper of klogctl(3), for which `nix` has no function.
#![allow(unsafe_code)]

use std::{ffi::c_int, io, ptr};

use nix::libc;

/// `SYSLOG_ACTION_CONSOLE_LEVEL`, see syslog(2).
const CONSOLE_LEVEL: c_int = 8;

/// Lets the kernel print records below `level` to the console. Needs `CAP_SYSLOG`.
pub(crate) fn set_console_level(level: i32) -> io::Result<()> {
    // SAFETY: this action takes the level in place of a length and no buffer.
    let done = unsafe { libc::klogctl(CONSOLE_LEVEL, ptr::null_mut(), level) };
    if done < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(())
    }
}
