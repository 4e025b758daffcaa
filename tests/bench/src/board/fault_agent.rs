//! Client of the fault agent (`tests/saboteur`), which runs inside the box: sends commands, reads
//! replies and process samples.
//!
//! One connection serves all boots of the box: after a reset the new boot's agent answers on it.

use std::{
    io::{self, BufRead, BufReader, Write},
    os::unix::net::UnixStream,
    sync::Mutex,
    time::Duration,
};

/// Longest time from a command to its reply. Covers a box under load that is still booting; filling
/// the card takes longest.
const ANSWER: Duration = Duration::from_secs(60);

/// Connection to the fault agent; commands are sent one at a time.
pub struct FaultAgent(Mutex<Connection>);

struct Connection {
    requests: UnixStream,
    answers: BufReader<UnixStream>,
    last_id: u32,
}

/// A process of the product, as the kernel sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// The service; `supervisor` is PID 1.
    pub name: String,
    /// Its process id.
    pub pid: u32,
    /// Proportional set size in KiB.
    pub pss: u64,
    /// Anonymous part of `pss` in KiB: heap, stacks, changed data.
    pub anonymous: u64,
    /// Resident set size in KiB.
    pub rss: u64,
    /// Number of open file descriptors.
    pub files: u64,
    /// Number of child processes that are not reaped yet.
    pub children: u64,
    /// Number of threads, the main thread included.
    pub threads: u64,
}

/// Snapshot of the product's processes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// PID 1 and the running services.
    pub processes: Vec<Process>,
    /// Number of zombie processes.
    pub dead: u64,
}

impl FaultAgent {
    pub(super) fn new(requests: UnixStream) -> io::Result<Self> {
        requests.set_read_timeout(Some(ANSWER))?;
        let answers = BufReader::new(requests.try_clone()?);
        Ok(Self(Mutex::new(Connection {
            requests,
            answers,
            last_id: 0,
        })))
    }

    /// Sends a command and returns the text of its reply. The agent replies after execution, or
    /// before it if the command leaves nothing that could reply (a kernel panic).
    ///
    /// # Errors
    /// The agent reports a failure, or does not reply in time.
    pub fn execute(&self, command: &str) -> io::Result<String> {
        let mut line = self
            .0
            .lock()
            .map_err(|_| io::Error::other("an order has panicked"))?;
        line.request(command).map_err(|error| {
            let why = format!("the order {command:?} to the hand in the box: {error}");
            io::Error::new(error.kind(), why)
        })
    }

    /// Returns a snapshot of the product's processes.
    ///
    /// # Errors
    /// As [`Self::execute`], or a malformed sample.
    pub fn sample(&self) -> io::Result<Sample> {
        let text = self.execute("sample")?;
        parse(&text).ok_or_else(|| {
            let why = format!("expected a sample from the hand in the box, got {text:?}");
            io::Error::new(io::ErrorKind::InvalidData, why)
        })
    }
}

impl Connection {
    fn request(&mut self, command: &str) -> io::Result<String> {
        self.last_id += 1;
        let number = self.last_id.to_string();
        self.requests
            .write_all(format!("{number} {command}\n").as_bytes())?;
        loop {
            let mut line = String::new();
            if self.answers.read_line(&mut line)? == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            // A late reply from before a reset has another number.
            let Some((of, answer)) = line.trim_end_matches('\n').split_once(' ') else {
                continue;
            };
            if of != number {
                continue;
            }
            return match answer.split_once(' ') {
                Some(("ok", text)) => Ok(text.to_owned()),
                Some(("error", why)) => Err(io::Error::other(why.to_owned())),
                _ => Err(io::Error::other(format!("answered {answer:?}"))),
            };
        }
    }
}

fn parse(text: &str) -> Option<Sample> {
    let mut sample = Sample::default();
    for word in text.split(' ') {
        let (name, rest) = word.split_once(':')?;
        let numbers: Vec<u64> = rest
            .split(':')
            .map(|number| number.parse().ok())
            .collect::<Option<_>>()?;
        match *numbers.as_slice() {
            [dead] if name == "dead" => sample.dead = dead,
            [pid, pss, anonymous, rss, files, children, threads] => {
                sample.processes.push(Process {
                    name: name.to_owned(),
                    pid: u32::try_from(pid).ok()?,
                    pss,
                    anonymous,
                    rss,
                    files,
                    children,
                    threads,
                });
            }
            _ => return None,
        }
    }
    Some(sample)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn reply_is_matched_by_request_number() {
        let (ours, box_side) = UnixStream::pair().unwrap();
        let fault_agent = FaultAgent::new(ours).unwrap();
        let answering = thread::spawn(move || {
            let mut requests = BufReader::new(box_side.try_clone().unwrap());
            let mut heard = Vec::new();
            for answer in ["0 ok of an earlier life\n1 ok \n", "2 error no\n"] {
                let mut line = String::new();
                requests.read_line(&mut line).unwrap();
                heard.push(line);
                (&box_side).write_all(answer.as_bytes()).unwrap();
            }
            heard
        });
        assert_eq!(fault_agent.execute("freeze").unwrap(), "");
        let error = fault_agent
            .execute("signal x SIGKILL")
            .unwrap_err()
            .to_string();
        assert!(error.ends_with("no"), "{error}");
        let heard = answering.join().unwrap();
        assert_eq!(heard, ["1 freeze\n", "2 signal x SIGKILL\n"]);
    }

    #[test]
    fn sample_parses_and_rejects_malformed() {
        let sample = parse("supervisor:1:385:68:884:20:6:1 dead:2").unwrap();
        assert_eq!(sample.dead, 2);
        let one = sample.processes.first().unwrap();
        assert_eq!((one.name.as_str(), one.pid), ("supervisor", 1));
        assert_eq!((one.pss, one.anonymous, one.rss), (385, 68, 884));
        assert_eq!((one.files, one.children, one.threads), (20, 6, 1));
        for text in ["", "dead", "dead:x", "supervisor:1:2"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
