//! Executes console commands: reads states, sends requests to PID 1 and commands to services.

use std::{path::Path, time::SystemTime};

use failberry_config::ConsoleConfig;
use failberry_service::{
    Reply, Request, Service, SlotsOrder, ask,
    orders::{Order, OrderReply, Ordered, UpdateOrder, give},
    read_config,
};
use failberry_state::{BootMillis, State, UplinkState, read};
use smol::unblock;

use crate::{
    command::Command,
    pages::{self, LiveModemInfo, Snapshot, States, plain},
    sensors::Sensors,
};

/// The reason in requests to PID 1.
const REASON: &str = "asked for at the serial console";

/// Returns the banner shown at the start of a session.
pub(crate) async fn greet() -> Vec<String> {
    pages::banner(&states().await)
}

/// Executes the command and returns the lines to show.
pub(crate) async fn execute(command: Command) -> Vec<String> {
    match command {
        // Handled by the session.
        Command::Help | Command::Log { .. } | Command::Exit => Vec::new(),
        Command::Status => pages::status(&states().await, &snapshot().await),
        Command::Modem => modem().await,
        Command::ModemAt(command) => order(&Order::Ask { command }, "").await,
        Command::Redial => {
            let done = "the call ends and is dialled anew; status tells how it goes";
            order(&Order::Redial, done).await
        }
        Command::PowerCycle => {
            let done = "the sockets lose their power; status tells how it goes";
            order(&Order::PowerCycle, done).await
        }
        Command::Autorun { on } => order(&Order::Autorun { on }, "").await,
        Command::ConfigShow => match config().await {
            Ok(config) => pages::settings(&config.in_force),
            Err(why) => vec![why],
        },
        Command::ConfigCheck => match config().await {
            Ok(config) => pages::problems(&config.problems, config.has_previous),
            Err(why) => vec![why],
        },
        Command::ConfigRevert => request(Request::RevertConfig, "reverted").await,
        Command::Slots => pages::slots(&states().await),
        Command::SlotsChoose(slot) => {
            let choose = Request::Slots(SlotsOrder::Choose { slot });
            request(choose, "chosen; reboot starts it").await
        }
        Command::Update => pages::update(&states().await),
        Command::UpdateCheck => order(&UpdateOrder::Check, "").await,
        Command::Restart(service) => {
            let reason = REASON.into();
            request(Request::Restart { service, reason }, "it is restarted").await
        }
        Command::Reboot => {
            let reason = REASON.into();
            request(Request::Reboot { reason }, "the box reboots").await
        }
        Command::FactoryReset => {
            request(Request::FactoryReset, "the box forgets and reboots").await
        }
    }
}

async fn modem() -> Vec<String> {
    let mut live = LiveModemInfo::default();
    for (command, lines) in [("ATI", &mut live.identity), ("AT+CSQ", &mut live.signal)] {
        let command = command.into();
        *lines = match give(&Order::Ask { command }).await {
            Ok(OrderReply::Answer { mut lines }) => {
                // The final result.
                lines.pop();
                lines
            }
            Ok(OrderReply::Refused { why }) => vec![why],
            Ok(OrderReply::Accepted) => Vec::new(),
            Err(error) => vec![error.to_string()],
        };
        if lines.is_empty() {
            break;
        }
    }
    let uplink = unblock(read::<UplinkState>).await.unwrap_or_default();
    pages::modem(&uplink, &live, BootMillis::now().0)
}

async fn order(order: &impl Ordered, accepted: &str) -> Vec<String> {
    match give(order).await {
        Ok(OrderReply::Accepted) => vec![accepted.into()],
        Ok(OrderReply::Refused { why }) => vec![format!("refused: {}", plain(&why))],
        Ok(OrderReply::Answer { lines }) => lines.iter().map(|line| plain(line)).collect(),
        Err(error) => vec![plain(&error.to_string())],
    }
}

async fn request(request: Request, accepted: &str) -> Vec<String> {
    vec![match unblock(move || ask(&request)).await {
        Ok(Reply::Accepted) => accepted.into(),
        Ok(Reply::Refused { why }) => format!("refused: {}", plain(&why)),
        Err(error) => plain(&error.to_string()),
    }]
}

/// Reads the configuration again: PID 1 may have reverted to the previous settings.
async fn config() -> Result<ConsoleConfig, String> {
    let read = unblock(|| read_config(Service::Console)).await;
    read.map_err(|error| plain(&error.to_string()))
}

async fn snapshot() -> Snapshot {
    let sensors = unblock(|| Sensors::read(Path::new("/sys"))).await;
    Snapshot {
        boot: BootMillis::now(),
        wall: SystemTime::now(),
        sensors,
    }
}

async fn states() -> States {
    unblock(|| {
        let mut unreadable = Vec::new();
        let bad = &mut unreadable;
        let mut states = States {
            supervisor: read_or_default(bad),
            network: read_or_default(bad),
            uplink: read_or_default(bad),
            clock: read_or_default(bad),
            dyndns: read_or_default(bad),
            health: read_or_default(bad),
            update: read_or_default(bad),
            slots: read_or_default(bad),
            unreadable: Vec::new(),
        };
        states.unreadable = unreadable;
        states
    })
    .await
}

fn read_or_default<T: State>(unreadable: &mut Vec<String>) -> T {
    read().unwrap_or_else(|error| {
        unreadable.push(error.to_string());
        T::default()
    })
}
