//! The person's terminal: key by key, and as it was in the end.

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

/// What a person wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To type this at the box.
    Type(Vec<u8>),
    /// To pull the stick out.
    Unplug,
    /// To plug it in.
    Plug,
    /// To be told the keys.
    Help,
    /// To stop.
    Quit,
}

/// The terminal in raw mode while this lives; a pipe is left alone.
pub(crate) struct Terminal {
    input: Stdin,
    before: Option<Termios>,
}

impl Terminal {
    /// Takes the keyboard, if there is one; gives out what is wished with it.
    ///
    /// Signals are wishes too. They are caught from here on, so it must come before any thread.
    pub(crate) fn take() -> io::Result<(Self, Receiver<Wish>)> {
        let (tell, wishes) = channel();
        let mut ends = SigSet::empty();
        for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
            ends.add(signal);
        }
        ends.thread_block()?;
        let signalled = tell.clone();
        thread::spawn(move || {
            if ends.wait().is_ok() {
                let _ = signalled.send(Wish::Quit);
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
            thread::spawn(move || listen(stdin(), &tell));
        } else {
            // Nobody types; the sender must live on all the same.
            thread::spawn(move || {
                let _keep = tell;
                loop {
                    thread::park();
                }
            });
        }
        Ok((Self { input, before }, wishes))
    }

    /// How a line ends there.
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

fn listen(mut input: impl Read, tell: &Sender<Wish>) {
    let mut keys = Keys::default();
    let mut buffer = [0; 256];
    while let Ok(length @ 1..) = input.read(&mut buffer) {
        for wish in keys.press(buffer.get(..length).unwrap_or_default()) {
            if tell.send(wish).is_err() {
                return;
            }
        }
    }
    let _ = tell.send(Wish::Quit);
}

/// What keys mean.
#[derive(Default)]
struct Keys {
    escaped: bool,
}

impl Keys {
    fn press(&mut self, bytes: &[u8]) -> Vec<Wish> {
        let mut wishes = Vec::new();
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
            let wish = match byte {
                b'q' => Wish::Quit,
                b'u' => Wish::Unplug,
                b'p' => Wish::Plug,
                ESCAPE => {
                    typed.push(ESCAPE);
                    continue;
                }
                _ => Wish::Help,
            };
            if !typed.is_empty() {
                wishes.push(Wish::Type(std::mem::take(&mut typed)));
            }
            wishes.push(wish);
        }
        if !typed.is_empty() {
            wishes.push(Wish::Type(typed));
        }
        wishes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_go_to_the_box_but_for_those_after_the_escape() {
        let mut keys = Keys::default();
        let text = |bytes: &[u8]| Wish::Type(bytes.to_vec());
        assert_eq!(keys.press(b"ls\x1d"), [text(b"ls")]);
        assert_eq!(keys.press(b"ux\x1d\x1d"), [Wish::Unplug, text(b"x\x1d")]);
        assert_eq!(
            keys.press(b"\x1d?\x1dp\x1dq"),
            [Wish::Help, Wish::Plug, Wish::Quit]
        );
    }
}
