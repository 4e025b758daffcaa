//! The firmware in one binary: as PID 1 the supervisor, as `failberry <service>` that service.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::{env, error::Error, path::Path, process::ExitCode};

use failberry_service::{Service, ServiceResult, SlotsOrder, confine, init_log};
use failberry_supervisor::{card_device, storage, unblock_signals};

// A 32-bit time ends in 2038, and breaks libusb's timeouts silently long before.
const _: () = assert!(size_of::<nix::libc::time_t>() == 8);

/// Exit code of an invalid command line, as in most tools.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    // For any arguments: the kernel passes unknown parameters of its command line to PID 1.
    if std::process::id() == 1 {
        failberry_supervisor::run();
    }
    let arguments: Vec<String> = env::args_os()
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    match select_service(&arguments) {
        Ok((service, arguments)) => run_service(service, arguments),
        Err(reason) => {
            eprintln!("failberry: {reason}");
            ExitCode::from(USAGE)
        }
    }
}

/// Returns the service named by the program name or by the first argument, and its own arguments.
fn select_service(arguments: &[String]) -> Result<(Service, &[String]), String> {
    let (own, rest) = match arguments.split_first() {
        Some((own, rest)) => (own.as_str(), rest),
        None => ("", [].as_slice()),
    };
    let own = Path::new(own).file_name().and_then(|name| name.to_str());
    if let Some(service) = own.and_then(startable) {
        return Ok((service, rest));
    }
    let names: Vec<_> = Service::SUPERVISED
        .into_iter()
        .chain(Service::ONE_SHOTS)
        .map(Service::name)
        .collect();
    let expected = format!("expected one of {}", names.join(", "));
    let (name, rest) = rest
        .split_first()
        .ok_or_else(|| format!("{expected}, got nothing (and this is not PID 1)"))?;
    let service =
        startable(name).ok_or_else(|| format!("{expected}, got \"{}\"", name.escape_debug()))?;
    Ok((service, rest))
}

/// Returns the service of this name, if it can be started by it.
fn startable(name: &str) -> Option<Service> {
    Service::from_name(name).filter(|service| *service != Service::Supervisor)
}

/// Runs a service until it fails.
fn run_service(service: Service, arguments: &[String]) -> ExitCode {
    init_log();
    if let Err(error) = unblock_signals() {
        log::warn!("signals stay blocked: {error}");
    }
    for failure in confine(service) {
        log::warn!("{failure}");
    }
    let run: fn() -> ServiceResult = match service {
        Service::Storage => return exit_code(storage(arguments)),
        Service::Slots => return exit_code(slots(arguments)),
        Service::Supervisor => return ExitCode::from(USAGE),
        Service::Network => failberry_network::run,
        Service::Uplink => failberry_uplink::run,
        Service::Health => failberry_health::run,
        Service::Clock => failberry_clock::run,
        Service::Dyndns => failberry_dyndns::run,
        Service::Update => failberry_update::run,
        Service::Console => failberry_console::run,
    };
    let Err(error) = run();
    log::error!("cannot go on: {error}");
    ExitCode::FAILURE
}

/// Returns the exit code of a one-shot, and logs its error: PID 1 sends the last one to the
/// requester.
fn exit_code(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the one-shot `storage`. Without arguments, at boot, it also publishes the state of the
/// slots.
fn storage(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    storage::run(arguments)?;
    if arguments.is_empty()
        && let Err(error) = failberry_update::slots::publish_from_card(&card_device())
    {
        log::warn!("what the boot loader does next is not known: {error}");
    }
    Ok(())
}

/// Runs the one-shot `slots`, with its order as JSON in the only argument.
fn slots(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [argument] = arguments else {
        let count = arguments.len();
        return Err(format!("expected one order about the slots, got {count}").into());
    };
    let order: SlotsOrder = serde_json::from_str(argument)?;
    Ok(failberry_update::slots::carry_out(&order, &card_device())?)
}
