//! PPP in the Linux kernel: framing by the line discipline, IP packets through the interface.
//!
//! Takes in a tty whose modem just said `CONNECT`; gives out two descriptors for control frames
//! and a network interface. LCP, PAP and CHAP frames travel over the channel, frames of the
//! network control protocols over the unit; IP packets never leave the kernel.

mod attachment;
#[allow(unsafe_code)]
mod ioctl;

pub use attachment::{Attachment, KernelError};
