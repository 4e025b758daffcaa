//! The serial console: a prompt on the kernel's serial line, and no shell behind it.
//!
//! Owns the tty of the kernel's console. Takes in an operator's input, the kernel's log and all state
//! files; gives out pages, requests to PID 1 and commands to the dialler and to `update`. The modules
//! [`mod@line`], [`command`], [`pages`] and [`session`] are pure.
#![deny(unsafe_code)]
#![warn(missing_docs)]

pub mod command;
mod execute;
mod kernel_log;
mod klogctl;
pub mod line;
pub mod pages;
mod presence;
pub mod sensors;
mod service;
pub mod session;
mod tty;

pub use service::run;
