//! Handle to an emulated stick: plug, observe, inject faults, unplug.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::Arc,
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    Options, StickError,
    machine::StickMachine,
    runner::{Runner, Shared, State},
    wire::{Capabilities, Codec, Frame, Packet},
};

/// Longest time to connect. QEMU creates its sockets early and accepts a new connection right after
/// the end of the last.
const CONNECT_BOUND: Duration = Duration::from_secs(10);

/// Retry interval of connecting.
const CONNECT_PAUSE: Duration = Duration::from_millis(20);

/// Number of commands contained in an error.
const HEARD_MAX: usize = 8;

/// Our usbredir capabilities; QEMU has all but the disconnect acknowledgement.
const CAPABILITIES: Capabilities = Capabilities::DEVICE_VERSION
    .and(Capabilities::DISCONNECT_ACK)
    .and(Capabilities::MAX_PACKET_SIZE)
    .and(Capabilities::IDS_64)
    .and(Capabilities::BULK_LENGTH_32);

/// Plugged-in stick. Dropping it unplugs it.
pub struct Stick {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Result<(), StickError>>>,
}

impl Stick {
    /// Connects to QEMU and attaches the stick to the bus, whether or not the guest is up yet.
    ///
    /// # Errors
    /// QEMU does not listen, or does not speak usbredir.
    pub fn plug(options: Options) -> Result<Self, StickError> {
        let mut redir = connect(&options.redir)?;
        let codec = hello(&mut redir).map_err(|source| match source {
            HelloError::Io(source) => StickError::Hello {
                path: options.redir.clone(),
                source,
            },
            HelloError::Wire(error) => error,
        })?;
        redir.set_nonblocking(true).map_err(StickError::Redir)?;
        let machine = StickMachine::new(&options, 0);
        let (shared, wake) = Shared::new(machine, Instant::now()).map_err(StickError::Start)?;
        let runner = Runner::new(Arc::clone(&shared), wake, redir, codec, options.line);
        let thread = thread::Builder::new()
            .name("stick".to_owned())
            .spawn(|| runner.run())
            .map_err(StickError::Start)?;
        let thread = Some(thread);
        Ok(Self { shared, thread })
    }

    /// Detaches the stick and closes QEMU's socket, so that another one can be plugged in.
    ///
    /// # Errors
    /// The stick had ended before, or QEMU does not take the disconnect.
    pub fn unplug(mut self) -> Result<(), StickError> {
        self.leave()
    }

    /// Returns all AT commands received so far on all ports, in order, SIM PINs included.
    pub fn commands(&self) -> Vec<String> {
        self.shared.lock().machine.commands().to_vec()
    }

    /// Waits for a command that contains `pattern` and returns it. Each wait begins after the
    /// command found by the previous one, so a sequence of waits matches a sequence of commands.
    ///
    /// # Errors
    /// None in time, or the stick has ended.
    pub fn wait_command(&self, pattern: &str, bound: Duration) -> Result<String, StickError> {
        let find = |state: &mut State| {
            let heard = state.machine.commands().get(state.cursor..)?;
            let place = heard.iter().position(|command| command.contains(pattern))?;
            let command = heard.get(place).cloned();
            state.cursor += place + 1;
            command
        };
        self.wait(&format!("the command {pattern}"), bound, find)
    }

    /// Waits until the guest has configured the stick.
    ///
    /// # Errors
    /// It did not in time, or the stick has ended.
    pub fn wait_configured(&self, bound: Duration) -> Result<(), StickError> {
        let configured = |state: &mut State| state.machine.is_configured().then_some(());
        self.wait("a configured stick", bound, configured)
    }

    /// Waits until a call begins (`on`) or ends.
    ///
    /// # Errors
    /// It did not in time, or the stick has ended.
    pub fn wait_call(&self, on: bool, bound: Duration) -> Result<(), StickError> {
        let expected = if on { "a call" } else { "the end of the call" };
        let changed = |state: &mut State| (state.machine.in_call() == on).then_some(());
        self.wait(expected, bound, changed)
    }

    /// Sends a line on the modem port as an URC.
    pub fn say(&self, line: &str) {
        self.inject(format!("\r\n{line}\r\n").as_bytes());
    }

    /// Sends raw bytes on the modem port, in any state.
    pub fn inject(&self, bytes: &[u8]) {
        self.shared
            .change(|machine, now| machine.inject(bytes, now));
    }

    /// Hangs the stick, or ends the hang: it accepts bytes, answers nothing and does not end its
    /// call.
    pub fn set_hung(&self, hung: bool) {
        self.shared
            .change(|machine, now| machine.set_hung(hung, now));
    }

    /// Hangs the stick until a power cycle.
    pub fn crash(&self) {
        self.shared.change(StickMachine::crash);
    }

    /// Hangs the stick until the reset command (`AT+CFUN=1,1`), which it accepts on any port
    /// without answering.
    pub fn hang_until_reset(&self) {
        self.shared.change(StickMachine::hang_until_reset);
    }

    /// As `hang_until_reset`, beginning at the next command with this prefix.
    pub fn hang_at_command(&self, command_prefix: &str) {
        self.shared
            .change(|machine, _| machine.hang_at_command(command_prefix));
    }

    /// Ends the call but leaves the stick stuck in data mode, ignoring DTR.
    pub fn hang_in_data_mode(&self) {
        self.shared.change(StickMachine::hang_in_data_mode);
    }

    /// Drops all later LCP echo requests.
    pub fn ignore_echo(&self) {
        self.shared.change(|machine, _| machine.ignore_echo());
    }

    /// Answers every command with this prefix with this line, until the stick restarts.
    pub fn answer_all_with(&self, command_prefix: &str, answer: &str) {
        self.shared
            .change(|machine, _| machine.answer_all_with(command_prefix, answer));
    }

    /// Starts an incoming call that rings `times` times.
    pub fn ring(&self, times: u32) {
        self.shared.change(|machine, now| machine.ring(times, now));
    }

    /// Sets whether it starts as CD-ROM: the effect of `AT+ZCDRUN=9` and `=8`.
    pub fn set_autorun(&self, on: bool) {
        self.shared.change(|machine, _| machine.set_autorun(on));
    }

    /// Returns the callback for power changes of the stick's port; it returns false once the stick
    /// is unplugged.
    pub fn power_line(&self) -> impl Fn(bool) -> bool + Send + 'static {
        let shared = Arc::downgrade(&self.shared);
        move |on| {
            let stick = shared.upgrade();
            if let Some(stick) = &stick {
                stick.change(|machine, now| machine.set_power(on, now));
            }
            stick.is_some()
        }
    }

    /// Returns whether there is a call.
    pub fn in_call(&self) -> bool {
        self.shared.lock().machine.in_call()
    }

    /// Ends the call from the network side, if there is one.
    pub fn drop_call(&self) {
        self.shared.change(StickMachine::drop_call);
    }

    /// Answers the next command with this prefix with this line, once.
    pub fn answer_next_with(&self, command_prefix: &str, answer: &str) {
        self.shared
            .change(|machine, _| machine.answer_next_with(command_prefix, answer));
    }

    fn wait<T>(
        &self,
        expected: &str,
        bound: Duration,
        found: impl FnMut(&mut State) -> Option<T>,
    ) -> Result<T, StickError> {
        self.shared.wait(bound, found)?.ok_or_else(|| {
            let commands = self.commands();
            let from = commands.len().saturating_sub(HEARD_MAX);
            StickError::TimedOut {
                expected: expected.to_owned(),
                bound,
                heard: commands.into_iter().skip(from).collect(),
            }
        })
    }

    fn leave(&mut self) -> Result<(), StickError> {
        self.shared.change(StickMachine::unplug);
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(StickError::Ended {
                why: "its thread has panicked".to_owned(),
            }),
            None => Ok(()),
        }
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        // Errors are reported by `unplug`.
        let _ = self.leave();
    }
}

fn connect(path: &Path) -> Result<UnixStream, StickError> {
    let until = Instant::now() + CONNECT_BOUND;
    loop {
        match UnixStream::connect(path) {
            Ok(socket) => return Ok(socket),
            Err(_) if Instant::now() < until => thread::sleep(CONNECT_PAUSE),
            Err(source) => {
                let path = path.to_owned();
                return Err(StickError::Connect { path, source });
            }
        }
    }
}

enum HelloError {
    Io(io::Error),
    Wire(StickError),
}

impl From<io::Error> for HelloError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn hello(redir: &mut UnixStream) -> Result<Codec, HelloError> {
    let mut codec = Codec::new(CAPABILITIES);
    let hello = Packet::Hello {
        version: concat!("failberry-bench ", env!("CARGO_PKG_VERSION")).to_owned(),
        capabilities: CAPABILITIES,
    };
    let mut bytes = Vec::new();
    codec.encode(
        &Frame {
            id: 0,
            packet: hello,
        },
        &mut bytes,
    );
    redir.write_all(&bytes)?;
    redir.set_read_timeout(Some(CONNECT_BOUND))?;
    // Byte by byte, so that nothing after the hello is consumed.
    let mut byte = [0];
    loop {
        redir.read_exact(&mut byte)?;
        codec.push(&byte);
        match codec.next() {
            Ok(Some(Frame {
                packet: Packet::Hello { .. },
                ..
            })) => return Ok(codec),
            Ok(_) => {}
            Err(error) => return Err(HelloError::Wire(error.into())),
        }
    }
}
