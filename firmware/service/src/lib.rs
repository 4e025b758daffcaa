//! What every service process shares: its log lines, its signs of life, its privileges and
//! limits, its configuration, its files on the card, its requests to PID 1, its way to look names
//! up, its end.
//!
//! Takes in a [`Service`] and the capabilities it must keep; gives out a process that logs one
//! line per record to its supervisor, runs under its own user id within its own limits and reads
//! its own configuration.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod alive;
pub mod card_file;
mod config;
#[cfg(feature = "http")]
pub mod http;
mod limits;
mod link;
mod logger;
mod names;
pub mod orders;
pub mod pace;
mod privileges;
mod request;

pub use alive::{HEARTBEAT, Heartbeat, block_on};
pub use config::{ConfigError, read_config, write_config};
pub use failberry_state::Service;
pub use limits::confine;
pub use link::{Bearer, Link, LinkPolicy, Links, LookUpError};
pub use logger::{init as init_log, parse_line};
pub use names::look_up;
pub use privileges::{Capability, PrivilegeError, drop_to};
pub use request::{
    ATTENDED, ATTENDED_FOR, MAX_MESSAGE, REQUESTS, Reply, Request, RequestError, SlotsOrder,
    UPDATE_WRITING, UPDATE_WRITING_FOR, ask, ask_under,
};

/// How a service ends when it cannot go on: told to the log, then restarted by the supervisor.
pub type ServiceResult = Result<std::convert::Infallible, Box<dyn std::error::Error>>;
