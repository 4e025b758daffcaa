//! QMP client: executes monitor commands of QEMU, such as reset and cable link.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use serde_json::{Value, json};

/// Longest time from a command to its reply. QEMU replies at once unless it hangs.
const ANSWER: Duration = Duration::from_secs(20);

/// QMP connection.
pub(super) struct Qmp {
    answers: BufReader<UnixStream>,
    commands: UnixStream,
}

impl Qmp {
    /// Negotiates capabilities on a new connection.
    pub(super) fn open(commands: UnixStream) -> io::Result<Self> {
        commands.set_read_timeout(Some(ANSWER))?;
        let mut qmp = Self {
            answers: BufReader::new(commands.try_clone()?),
            commands,
        };
        qmp.line()?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Executes a command and returns its result.
    pub(super) fn execute(&mut self, name: &str, arguments: &Value) -> io::Result<Value> {
        let command = json!({ "execute": name, "arguments": arguments });
        self.commands.write_all(format!("{command}\n").as_bytes())?;
        loop {
            // Asynchronous events are skipped.
            let mut line = self.line()?;
            if let Some(error) = line.get("error") {
                return Err(io::Error::other(format!("{name}: {error}")));
            }
            if let Some(result) = line.get_mut("return") {
                return Ok(result.take());
            }
        }
    }

    fn line(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_str(&line)?)
    }
}
