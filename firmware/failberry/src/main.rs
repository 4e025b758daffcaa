//! The one binary: PID 1 is the supervisor, `failberry <service>` is a service.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

use std::{env, error::Error, path::Path, process::ExitCode};

use failberry_service::{Service, ServiceResult, SlotsOrder, confine, init_log};
use failberry_supervisor::{card_device, storage, unblock_signals};

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
        Ok((service, arguments)) => serve(service, arguments),
        Err(reason) => {
            eprintln!("failberry: {reason}");
            ExitCode::from(USAGE)
        }
    }
}

/// The service named by the first argument, or by the name the program was called by, and what is
/// left for it.
fn chosen(arguments: &[String]) -> Result<(Service, &[String]), String> {
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

fn startable(name: &str) -> Option<Service> {
    Service::from_name(name).filter(|service| *service != Service::Supervisor)
}

fn serve(service: Service, arguments: &[String]) -> ExitCode {
    init_log();
    if let Err(error) = unblock_signals() {
        log::warn!("signals stay blocked: {error}");
    }
    for trouble in confine(service) {
        log::warn!("{trouble}");
    }
    let run: fn() -> ServiceResult = match service {
        Service::Storage => return ended(storage(arguments)),
        Service::Slots => return ended(slots(arguments)),
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

/// The end of a one-shot: PID 1 hands its last error to who asked.
fn ended(outcome: Result<(), Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Without an order it is the first of all, and then the boot loader's slots are told of as well.
fn storage(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    storage::run(arguments)?;
    if arguments.is_empty()
        && let Err(error) = failberry_update::slots::publish_from_card(&card_device())
    {
        log::warn!("what the boot loader does next is not known: {error}");
    }
    Ok(())
}

/// Carries out the order in the only argument, which is JSON.
fn slots(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let [argument] = arguments else {
        let count = arguments.len();
        return Err(format!("expected one order about the slots, got {count}").into());
    };
    let order: SlotsOrder = serde_json::from_str(argument)?;
    Ok(failberry_update::slots::carry_out(&order, &card_device())?)
}
