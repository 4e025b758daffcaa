//! What every service process shares: its log lines, its privileges, its configuration, its end.
//!
//! Takes in a [`Service`] and the capabilities it must keep; gives out a process that logs one
//! line per record to its supervisor, runs under its own user id and reads its own configuration.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod config;
mod logger;
mod privileges;

pub use config::{ConfigError, read_config, write_config};
pub use failberry_state::Service;
pub use logger::{init as init_log, parse_line};
pub use privileges::{Capability, PrivilegeError, drop_to};

/// How a service ends when it cannot go on: told to the log, then restarted by the supervisor.
pub type ServiceResult = Result<std::convert::Infallible, Box<dyn std::error::Error>>;
