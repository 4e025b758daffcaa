//! The one binary: PID 1 is the supervisor, `failberry <service>` is a service.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::{env, path::Path, process::ExitCode};

use failberry_service::{Service, ServiceResult, confine, init_log};
use failberry_supervisor::{storage, unblock_signals};

// A 32-bit time ends in 2038, and breaks libusb's timeouts silently long before.
const _: () = assert!(size_of::<nix::libc::time_t>() == 8);

/// Exit code for a command line that makes no sense, as in most tools.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // Whatever the words: the kernel hands PID 1 those of its command line that it does not know.
    if std::process::id() == 1 {
        failberry_supervisor::run();
    }
    let arguments: Vec<String> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match chosen(&arguments) {
        Ok(service) => serve(service),
        Err(reason) => {
            eprintln!("failberry: {reason}");
            ExitCode::from(USAGE)
        }
    }
}

/// The service named by the first argument, or by the name the program was called by.
fn chosen(arguments: &[String]) -> Result<Service, String> {
    let mut words = arguments.iter();
    let own = words
        .next()
        .and_then(|path| Path::new(path).file_name()?.to_str());
    if let Some(service) = own.and_then(startable) {
        return Ok(service);
    }
    let names: Vec<_> = Service::SUPERVISED
        .into_iter()
        .chain([Service::Storage])
        .map(Service::name)
        .collect();
    let expected = format!("expected one of {}", names.join(", "));
    let name = words
        .next()
        .ok_or_else(|| format!("{expected}, got nothing (and this is not PID 1)"))?;
    startable(name).ok_or_else(|| format!("{expected}, got \"{}\"", name.escape_debug()))
}

fn startable(name: &str) -> Option<Service> {
    Service::from_name(name).filter(|service| *service != Service::Supervisor)
}

fn serve(service: Service) -> ExitCode {
    init_log();
    if let Err(error) = unblock_signals() {
        log::warn!("signals stay blocked: {error}");
    }
    for trouble in confine(service) {
        log::warn!("{trouble}");
    }
    let run: fn() -> ServiceResult = match service {
        Service::Storage => {
            storage::run();
            return ExitCode::SUCCESS;
        }
        Service::Supervisor => return ExitCode::from(USAGE),
        Service::Network => failberry_network::run,
        Service::Uplink => failberry_uplink::run,
        Service::Health => failberry_health::run,
        Service::Clock => failberry_clock::run,
        Service::Dyndns => failberry_dyndns::run,
    };
    let Err(error) = run();
    log::error!("cannot go on: {error}");
    ExitCode::FAILURE
}
