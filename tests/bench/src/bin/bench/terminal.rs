//! User's terminal in raw mode, restored on drop.

use std::{
    io::{self, IsTerminal, Read, Stdin, stdin},
    sync::mpsc::{Receiver, Sender, channel},
    thread,
};

use nix::sys::{
    signal::{SigSet, Signal},
    termios::{SetArg, Termios, cfmakeraw, tcgetattr, tcsetattr},
};

/// Ctrl-], as in telnet: no console uses it.
const ESCAPE: u8 = 0x1d;

/// Action requested by the user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserAction {
    /// Send these bytes to the box.
    Type(Vec<u8>),
    /// Unplug the stick.
    Unplug,
    /// Plug the stick in.
    Plug,
    /// Show the keys.
    Help,
    /// Quit.
    Quit,
}

/// Terminal in raw mode until dropped; a pipe is left unchanged.
pub(crate) struct Terminal {
    input: Stdin,
    before: Option<Termios>,
}

impl Terminal {
    /// Opens the terminal; returns it with the channel of user actions.
    ///
    /// Termination signals are actions too. They are blocked from here on, so call this before any
    /// thread starts.
    pub(crate) fn open() -> io::Result<(Self, Receiver<UserAction>)> {
        let (sender, actions) = channel();
        let mut ends = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ends.add(signal);
        }
        ends.thread_block()?;
        let signalled = sender.clone();
        thread::spawn(move || {
            if ends.wait().is_ok() {
                let _ = signalled.send(UserAction::Quit);
            }
        });
        let input = stdin();
        let mut before = None;
        if input.is_terminal() {
            let attributes = tcgetattr(&input)?;
            let mut raw = attributes.clone();
            cfmakeraw(&mut raw);
            tcsetattr(&input, SetArg::TCSANOW, &raw)?;
            before = Some(attributes);
            thread::spawn(move || listen(stdin(), &sender));
        } else {
            // There is no input; the sender must not be dropped all the same.
            thread::spawn(move || {
                let _keep = sender;
                loop {
                    thread::park();
                }
            });
        }
        Ok((Self { input, before }, actions))
    }

    /// Returns the line ending of the terminal.
    pub(crate) fn line_end(&self) -> &'static str {
        if self.before.is_some() { "\r\n" } else { "\n" }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = tcsetattr(&self.input, SetArg::TCSANOW, before);
        }
    }
}

fn listen(mut input: impl Read, sender: &Sender<UserAction>) {
    let mut keys = Keys::default();
    let mut buffer = [0; 256];
    while let Ok(length @ 1..) = input.read(&mut buffer) {
        for action in keys.press(buffer.get(..length).unwrap_or_default()) {
            if sender.send(action).is_err() {
                return;
            }
        }
    }
    let _ = sender.send(UserAction::Quit);
}

/// Parser of key presses.
#[derive(Default)]
struct Keys {
    escaped: bool,
}

impl Keys {
    fn press(&mut self, bytes: &[u8]) -> Vec<UserAction> {
        let mut actions = Vec::new();
        let mut typed = Vec::new();
        for &byte in bytes {
            if !std::mem::take(&mut self.escaped) {
                if byte == ESCAPE {
                    self.escaped = true;
                } else {
                    typed.push(byte);
                }
                continue;
            }
            let action = match byte {
                b'q' => UserAction::Quit,
                b'u' => UserAction::Unplug,
                b'p' => UserAction::Plug,
                ESCAPE => {
                    typed.push(ESCAPE);
                    continue;
                }
                _ => UserAction::Help,
            };
            if !typed.is_empty() {
                actions.push(UserAction::Type(std::mem::take(&mut typed)));
            }
            actions.push(action);
        }
        if !typed.is_empty() {
            actions.push(UserAction::Type(typed));
        }
        actions
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sent_to_console_except_after_escape() {
        let mut keys = Keys::default();
        let text = |bytes: &[u8]| UserAction::Type(bytes.to_vec());
        assert_eq!(keys.press(b"ls\x1d"), [text(b"ls")]);
        assert_eq!(
            keys.press(b"ux\x1d\x1d"),
            [UserAction::Unplug, text(b"x\x1d")]
        );
        assert_eq!(
            keys.press(b"\x1d?\x1dp\x1dq"),
            [UserAction::Help, UserAction::Plug, UserAction::Quit]
        );
    }
}
