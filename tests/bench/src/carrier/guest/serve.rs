//! Poll loop over link, line and pppd's log.

use std::{fs::File, os::fd::AsFd};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::{GuestError, at, call::Call, unit};
use crate::carrier::link::{Frame, FromGuest, ToGuest};

struct Server {
    link: File,
    call: Option<Call>,
    blackhole: bool,
}

/// Files that are ready.
struct Turn {
    link: bool,
    line: PollFlags,
    output: bool,
}

/// Answers calls until the host goes away.
pub(super) fn serve(link: File) -> Result<(), GuestError> {
    let mut server = Server {
        link,
        call: None,
        blackhole: false,
    };
    server.send(FromGuest::Ready)?;
    loop {
        let turn = server.wait()?;
        // The line before the log: pppd's last bytes to the caller precede its exit.
        if !turn.line.is_empty() {
            server.line()?;
        }
        if turn.output {
            server.output()?;
        }
        if turn.link {
            match Frame::read(&mut server.link).map_err(at("link"))? {
                Some(Frame::Message(command)) => server.execute(command)?,
                Some(Frame::Data { call, bytes }) => server.data(call, &bytes)?,
                None => return Ok(()),
            }
        }
    }
}

impl Server {
    fn wait(&self) -> Result<Turn, GuestError> {
        let mut files = vec![PollFd::new(self.link.as_fd(), PollFlags::POLLIN)];
        if let Some(call) = &self.call {
            files.push(PollFd::new(call.output.as_fd(), PollFlags::POLLIN));
            if let Some(line) = &call.line {
                let out = if line.is_pushing() {
                    PollFlags::POLLOUT
                } else {
                    PollFlags::empty()
                };
                files.push(PollFd::new(line.master.as_fd(), PollFlags::POLLIN | out));
            }
        }
        poll(&mut files, PollTimeout::NONE).map_err(at("poll"))?;
        let mut events = files
            .iter()
            .map(|file| file.revents().unwrap_or(PollFlags::empty()));
        let mut next = || events.next().unwrap_or(PollFlags::empty());
        Ok(Turn {
            link: !next().is_empty(),
            output: !next().is_empty(),
            line: next(),
        })
    }

    fn send(&mut self, event: FromGuest) -> Result<(), GuestError> {
        Frame::Message(event)
            .write(&mut self.link)
            .map_err(at("link"))
    }

    fn execute(&mut self, command: ToGuest) -> Result<(), GuestError> {
        let done = match command {
            ToGuest::Call { call, settings } => match Call::begin(call, &settings) {
                Ok(begun) => {
                    self.call = Some(begun);
                    Ok(())
                }
                Err(error) => {
                    self.send(FromGuest::Problem(error.to_string()))?;
                    return self.send(FromGuest::Down { call, status: None });
                }
            },
            ToGuest::HangUp { call: number } => {
                if let Some(call) = self.call.as_mut().filter(|call| call.number == number) {
                    // The kernel hangs up the tty of a pty whose master is closed.
                    call.line = None;
                }
                Ok(())
            }
            ToGuest::Terminate => self.call.as_ref().map_or(Ok(()), Call::terminate),
            ToGuest::Blackhole(on) => {
                self.blackhole = on;
                // Without an interface it applies to the next call.
                let done = if self.is_up() {
                    unit::drop_packets(on)
                } else {
                    Ok(())
                };
                if done.is_ok() {
                    self.send(FromGuest::Blackhole(on))?;
                }
                done
            }
        };
        match done {
            Ok(()) => Ok(()),
            Err(error) => self.send(FromGuest::Problem(error.to_string())),
        }
    }

    fn is_up(&self) -> bool {
        self.call.as_ref().is_some_and(|call| call.up)
    }

    fn data(&mut self, number: u32, bytes: &[u8]) -> Result<(), GuestError> {
        let call = self.call.as_mut().filter(|call| call.number == number);
        match call.and_then(|call| call.line.as_mut()) {
            Some(line) => {
                line.put(bytes);
                line.push()
            }
            // Sent before the caller learned that the call is over.
            None => Ok(()),
        }
    }

    /// Moves the bytes of the line; returns whether pppd had sent some.
    fn line(&mut self) -> Result<bool, GuestError> {
        let Some(call) = &mut self.call else {
            return Ok(false);
        };
        let Some(line) = &mut call.line else {
            return Ok(false);
        };
        line.push()?;
        let bytes = line.pull()?;
        if bytes.is_empty() {
            return Ok(false);
        }
        let frame = Frame::<FromGuest>::Data {
            call: call.number,
            bytes,
        };
        frame.write(&mut self.link).map_err(at("link"))?;
        Ok(true)
    }

    fn output(&mut self) -> Result<(), GuestError> {
        let Some(call) = &mut self.call else {
            return Ok(());
        };
        let number = call.number;
        let Some(event) = call.read_log()? else {
            return self.end();
        };
        for event in event {
            self.send(FromGuest::Log(event.line))?;
            if let Some((local, remote)) = event.up {
                if let Some(call) = &mut self.call {
                    call.up = true;
                }
                let dropping = self.blackhole;
                let prepared = unit::lengthen_queue().and_then(|()| {
                    if dropping {
                        unit::drop_packets(true)
                    } else {
                        Ok(())
                    }
                });
                // It fails only if the interface has gone again.
                if let Err(error) = prepared {
                    self.send(FromGuest::Log(format!("carrier: {error}")))?;
                }
                self.send(FromGuest::Up {
                    call: number,
                    local,
                    remote,
                })?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), GuestError> {
        while self.line()? {}
        let Some(mut call) = self.call.take() else {
            return Ok(());
        };
        let status = call.status()?;
        self.send(FromGuest::Down {
            call: call.number,
            status,
        })
    }
}
