//! Parser and formatter of `/dev/kmsg` records.

use super::plain;

/// Syslog facility of user space; the kernel's is 0.
const USER: u32 = 1;

/// The writer of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Writer {
    /// The kernel.
    Kernel,
    /// A service, or PID 1.
    Service(String),
}

impl Writer {
    /// Returns the name, as typed in the command `log`.
    pub fn name(&self) -> &str {
        match self {
            Self::Kernel => "kernel",
            Self::Service(name) => name,
        }
    }
}

/// One log record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Severity as in RFC 5424.
    pub severity: u8,
    /// Microseconds since boot.
    pub micros: u64,
    /// The kernel, or a service.
    pub writer: Writer,
    /// The text, with the service's name in front.
    pub text: String,
}

impl Record {
    /// Parses one read of `/dev/kmsg`: `6,339,5140900,-;text`, escaped, with lines of properties after
    /// it. None if it has another form.
    pub fn parse(read: &[u8]) -> Option<Self> {
        let read = String::from_utf8_lossy(read);
        let (head, body) = read.split_once(';')?;
        let mut numbers = head.split(',');
        let priority: u32 = numbers.next()?.parse().ok()?;
        let _sequence = numbers.next()?;
        let micros = numbers.next()?.parse().ok()?;
        let text = unescaped(body.lines().next()?);
        let writer = match text.split_once(": ") {
            Some((name, _)) if priority / 8 == USER => Writer::Service(name.into()),
            _ if priority / 8 == USER => Writer::Service(String::new()),
            _ => Writer::Kernel,
        };
        Some(Self {
            severity: u8::try_from(priority % 8).ok()?,
            micros,
            writer,
            text,
        })
    }

    /// Returns whether `of` wrote it; true for all records if it is none.
    pub fn is_of(&self, of: Option<&str>) -> bool {
        of.is_none_or(|name| self.writer.name() == name)
    }
}

/// Decodes the kernel's escapes (`\x1b`) of unprintable and non-ASCII bytes.
fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        if let Some(byte) = byte {
            bytes.push(byte);
            rest = after.get(2..).unwrap_or_default();
        } else {
            bytes.extend_from_slice(b"\\x");
            rest = after;
        }
    }
    bytes.extend_from_slice(rest.as_bytes());
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Formats a record as a line, similar to the kernel's own format.
pub fn log_line(record: &Record) -> String {
    let Record { micros, text, .. } = record;
    let (seconds, millis) = (micros / 1_000_000, micros / 1000 % 1000);
    let mark = match record.severity {
        0..=3 => "!",
        4 => "*",
        _ => " ",
    };
    format!("[{seconds:5}.{millis:03}]{mark}{}", plain(text))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn record_is_parsed_and_shown_sanitised() {
        let read = b"12,339,5140900,-;uplink: T\\xc3\\xbcrk \\x1b[2J \\xzz\n SUBSYSTEM=x\n";
        let record = Record::parse(read).unwrap();
        assert_eq!(record.severity, 4);
        assert_eq!(record.writer, Writer::Service("uplink".into()));
        assert_eq!(log_line(&record), "[    5.140]*uplink: Türk  [2J \\xzz");
        assert!(record.is_of(None) && record.is_of(Some("uplink")));
        assert!(!record.is_of(Some("kernel")));
    }

    #[test]
    fn kernel_records_belong_to_no_service() {
        let record = Record::parse(b"6,1,0,c;uplink: not me").unwrap();
        assert_eq!(record.writer, Writer::Kernel);
        let record = Record::parse(b"13,1,0,-;no colon").unwrap();
        assert!(!record.is_of(Some("kernel")));
        for nonsense in [
            &b""[..],
            b"6",
            b"6;x",
            b"a,b,c;x",
            b"6,1;x",
            b"\xff,1,1,-;x",
        ] {
            assert_eq!(Record::parse(nonsense), None);
        }
    }

    proptest! {
        #[test]
        fn log_lines_have_no_control_characters(text in any::<Vec<u8>>()) {
            let read = [b"6,1,1,-;".as_slice(), &text].concat();
            if let Some(record) = Record::parse(&read) {
                prop_assert!(!log_line(&record).chars().any(char::is_control));
            }
        }
    }
}
