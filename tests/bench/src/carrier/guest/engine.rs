//! PPP subscriber with the firmware's engine on a tty of this machine, with the kernel's PPP.
//!
//! It logs in pppd's format, so that both are observed in one way.

use std::{
    fs::File,
    io::{self, Read},
    os::fd::AsFd,
    time::Instant,
};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use tokio_modem::{
    kernel::{Attachment, KernelError},
    ppp::{Config, Credentials, Engine, Event, MAX_FRAME, Output, Via},
};

use super::{GuestError, at};

struct Subscriber {
    kernel: Attachment,
    engine: Engine,
    begun: Instant,
    over: bool,
}

/// Runs one call to its end.
pub(super) fn call(tty: &str, user: &str, password: &str) -> Result<(), GuestError> {
    let line = File::options()
        .read(true)
        .write(true)
        .open(tty)
        .map_err(at(tty))?;
    let credentials = Credentials::new(user, password)
        .map_err(|error| at("credentials")(io::Error::other(error)))?;
    let config = Config {
        credentials,
        ..Config::default()
    };
    let mut seed = [0; 8];
    File::open("/dev/urandom")
        .and_then(|mut random| random.read_exact(&mut seed))
        .map_err(at("/dev/urandom"))?;
    let mut subscriber = Subscriber {
        kernel: Attachment::attach(&line).map_err(kernel)?,
        engine: Engine::new(config, u64::from_ne_bytes(seed), 0),
        begun: Instant::now(),
        over: false,
    };
    println!("Connect: {} <--> {tty}", subscriber.kernel.interface_name());
    subscriber.handle(Event::Open)?;
    subscriber.handle(Event::LowerUp)?;
    while !subscriber.over {
        subscriber.turn()?;
    }
    Ok(())
}

fn kernel(error: KernelError) -> GuestError {
    at("kernel PPP")(io::Error::other(error))
}

impl Subscriber {
    fn now(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn turn(&mut self) -> Result<(), GuestError> {
        let wait = self
            .engine
            .next_deadline()
            .map(|deadline| deadline.saturating_sub(self.now()));
        let timeout = wait.map_or(PollTimeout::NONE, |wait| {
            PollTimeout::try_from(wait).unwrap_or(PollTimeout::MAX)
        });
        let files = [self.kernel.channel().as_fd(), self.kernel.unit().as_fd()];
        let mut files = files.map(|file| PollFd::new(file, PollFlags::POLLIN));
        poll(&mut files, timeout).map_err(at("poll"))?;
        let mut buffer = [0; MAX_FRAME];
        for via in [Via::Channel, Via::Unit] {
            loop {
                match self.kernel.receive(via, &mut buffer) {
                    Ok(Some(length)) => {
                        self.handle(Event::Frame(buffer.get(..length).unwrap_or_default()))?;
                    }
                    Ok(None) => break,
                    Err(KernelError::Gone) => {
                        self.handle(Event::LowerDown)?;
                        break;
                    }
                    Err(error) => return Err(kernel(error)),
                }
            }
        }
        self.handle(Event::Tick)
    }

    fn handle(&mut self, event: Event<'_>) -> Result<(), GuestError> {
        let now = self.now();
        self.engine.handle(event, now);
        while let Some(output) = self.engine.poll_output() {
            match output {
                // A closed line is detected on read.
                Output::Send(frame, via) => match self.kernel.send(via, frame) {
                    Ok(()) | Err(KernelError::Gone) => {}
                    Err(error) => return Err(kernel(error)),
                },
                Output::LcpOpened(options) => self.kernel.apply_lcp(&options).map_err(kernel)?,
                Output::Ipv4Up(agreed) => {
                    self.kernel.pass_ipv4(true).map_err(kernel)?;
                    println!("local  IP address {}", agreed.local);
                    if let Some(peer) = agreed.peer {
                        println!("remote IP address {peer}");
                    }
                }
                Output::Finished(reason) => {
                    println!("{reason}");
                    self.over = true;
                }
                _ => {}
            }
        }
        Ok(())
    }
}
