//! Serial console: records every line, and waits for expected ones.

use std::{
    fs::File,
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use super::BoardError;

/// Position in the console's output, in lines.
#[derive(Clone, Copy, Debug, Default)]
pub struct Mark(usize);

/// Live copy of the output, for an interactive terminal.
type Sink = Box<dyn Write + Send>;

#[derive(Default)]
struct Output {
    lines: Vec<String>,
    partial: Vec<u8>,
    ended: bool,
    sink: Option<Sink>,
}

/// Handle to the recorded console; clones share one record.
#[derive(Clone)]
pub struct Console {
    output: Arc<(Mutex<Output>, Condvar)>,
    stream: Arc<UnixStream>,
}

impl Console {
    /// Starts a thread that records `stream` until it ends and appends a copy to the file `log`.
    ///
    /// # Errors
    /// The log cannot be opened.
    pub fn listen(stream: UnixStream, log: &Path) -> Result<Self, BoardError> {
        let mut log_file = File::options()
            .append(true)
            .create(true)
            .open(log)
            .map_err(BoardError::io(log.display()))?;
        let mut source = stream.try_clone().map_err(BoardError::io("console"))?;
        let console = Self {
            output: Arc::default(),
            stream: Arc::new(stream),
        };
        let output = console.output.clone();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = source.read(&mut buffer) {
                let bytes = buffer.get(..length).unwrap_or_default();
                // A full disk must not abort the run; the copy is only for reading.
                let _ = log_file.write_all(bytes);
                lock(&output.0).append(bytes);
                output.1.notify_all();
            }
            lock(&output.0).ended = true;
            output.1.notify_all();
        });
        Ok(console)
    }

    /// Returns the current end of the output.
    pub fn mark(&self) -> Mark {
        Mark(lock(&self.output.0).lines.len())
    }

    /// Returns the first line since power-up that contains `text`, waiting up to `bound`.
    ///
    /// # Errors
    /// No such line in time, or the board ended; contains the last lines.
    pub fn wait(&self, text: &str, bound: Duration) -> Result<String, BoardError> {
        self.wait_from(Mark::default(), text, bound)
    }

    /// As [`Console::wait`], beginning at `mark`.
    ///
    /// # Errors
    /// As [`Console::wait`].
    pub fn wait_from(&self, mark: Mark, text: &str, bound: Duration) -> Result<String, BoardError> {
        let until = Instant::now() + bound;
        let mut output = lock(&self.output.0);
        // A mark beyond the end dates from before a power cycle.
        let start = if mark.0 > output.lines.len() {
            0
        } else {
            mark.0
        };
        let mut seen = start;
        loop {
            let fresh = output.lines.get(seen..).unwrap_or_default();
            if let Some(line) = fresh.iter().find(|line| line.contains(text)) {
                return Ok(line.clone());
            }
            seen = output.lines.len();
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || output.ended {
                return Err(BoardError::NotSaid {
                    text: text.to_owned(),
                    bound,
                    ended: output.ended,
                    last: output.tail(),
                });
            }
            output = self
                .output
                .1
                .wait_timeout(output, left)
                .unwrap_or_else(PoisonError::into_inner)
                .0;
        }
    }

    /// Returns the lines after `mark` once there is at least one and the partial line ends with
    /// `prompt`.
    ///
    /// # Errors
    /// No such prompt in time, or the board ended; contains the last lines.
    pub fn wait_prompt(
        &self,
        mark: Mark,
        prompt: &str,
        bound: Duration,
    ) -> Result<Vec<String>, BoardError> {
        let until = Instant::now() + bound;
        let mut output = lock(&self.output.0);
        loop {
            let fresh = output.lines.get(mark.0..).unwrap_or_default();
            if !fresh.is_empty() && output.partial.ends_with(prompt.as_bytes()) {
                return Ok(fresh.to_vec());
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || output.ended {
                return Err(BoardError::NotSaid {
                    text: prompt.to_owned(),
                    bound,
                    ended: output.ended,
                    last: output.tail(),
                });
            }
            let waited = self.output.1.wait_timeout(output, left);
            output = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Returns all recorded lines that contain `text`.
    pub fn lines_with(&self, text: &str) -> Vec<String> {
        let output = lock(&self.output.0);
        let lines = output.lines.iter().filter(|line| line.contains(text));
        lines.cloned().collect()
    }

    /// Sends `bytes` to the board.
    ///
    /// # Errors
    /// The board has ended.
    pub fn send(&self, bytes: &[u8]) -> io::Result<()> {
        (&*self.stream).write_all(bytes)
    }

    /// Copies all further output to `sink`, beginning with the current partial line.
    pub fn copy_to(&self, mut sink: impl Write + Send + 'static) {
        let mut output = lock(&self.output.0);
        let _ = sink.write_all(&output.partial);
        output.sink = Some(Box::new(sink));
    }
}

impl Output {
    fn append(&mut self, bytes: &[u8]) {
        if let Some(sink) = &mut self.sink
            && sink.write_all(bytes).and_then(|()| sink.flush()).is_err()
        {
            self.sink = None;
        }
        for &byte in bytes {
            match byte {
                b'\n' => {
                    let line = String::from_utf8_lossy(&self.partial).into_owned();
                    self.lines.push(line);
                    self.partial.clear();
                }
                b'\r' => {}
                _ => self.partial.push(byte),
            }
        }
    }

    fn tail(&self) -> String {
        /// Number of lines in an error; enough to see what happened instead.
        const LINES: usize = 25;
        let from = self.lines.len().saturating_sub(LINES);
        self.lines.get(from..).unwrap_or_default().join("\n")
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(5);

    #[test]
    fn wait_finds_past_and_future_lines() {
        let (ours, mut board) = UnixStream::pair().unwrap();
        let dir = tempfile::tempdir().unwrap();
        let console = Console::listen(ours, &dir.path().join("log")).unwrap();
        board.write_all(b"one\r\ntwo\r\nthr").unwrap();
        assert_eq!(console.wait("tw", SOON).unwrap(), "two");
        let mark = console.mark();
        assert!(console.wait_prompt(mark, "thr", Duration::ZERO).is_err());
        let before = Mark::default();
        assert_eq!(
            console.wait_prompt(before, "thr", SOON).unwrap(),
            ["one", "two"]
        );
        let waiting = console.clone();
        let found = thread::spawn(move || waiting.wait_from(mark, "o", SOON));
        board.write_all(b"ee\nfour\n").unwrap();
        assert_eq!(found.join().unwrap().unwrap(), "four");
        assert_eq!(console.lines_with("o"), ["one", "two", "four"]);
        drop(board);
        let error = console.wait("five", SOON).unwrap_err().to_string();
        assert!(error.contains("five") && error.contains("four"), "{error}");
    }
}
