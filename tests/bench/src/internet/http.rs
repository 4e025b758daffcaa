//! Minimal HTTP/1.1 server (RFC 9112): one request and one response per connection.

use std::{
    io::{self, Read, Write},
    time::SystemTime,
};

/// Longest accepted head and body, in bytes.
const MAX: usize = 64 * 1024;

/// Received request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Header fields in order of arrival, names in lower case.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    /// Returns the value of a header; `None` if there are several.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let (_, value) = values.next()?;
        values.next().is_none().then_some(value)
    }

    /// Returns path and query.
    pub(crate) fn split_target(&self) -> (&str, &str) {
        self.target.split_once('?').unwrap_or((&self.target, ""))
    }
}

/// Reads one request. `None` if the client closes without sending.
pub(crate) fn read(stream: &mut impl Read) -> io::Result<Option<Request>> {
    let mut bytes = Vec::new();
    let (head, rest) = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            let rest = bytes.split_off(at + 4);
            break (bytes, rest);
        }
        if bytes.len() > MAX {
            return Err(malformed("the head is too long"));
        }
        if fill(stream, &mut bytes)? == 0 {
            return if bytes.is_empty() {
                Ok(None)
            } else {
                Err(malformed("it ended within the head"))
            };
        }
    };
    let mut request = parse_head(&head)?;
    if request.header("transfer-encoding").is_some() {
        return Err(malformed("a transfer coding is not understood here"));
    }
    let length = match request.header("content-length") {
        None => 0,
        Some(text) => text
            .parse::<usize>()
            .ok()
            .filter(|length| *length <= MAX)
            .ok_or_else(|| malformed("content-length"))?,
    };
    let mut body = rest;
    while body.len() < length {
        if fill(stream, &mut body)? == 0 {
            return Err(malformed("it ended within the body"));
        }
    }
    body.truncate(length);
    request.body = body;
    Ok(Some(request))
}

fn parse_head(head: &[u8]) -> io::Result<Request> {
    let text = std::str::from_utf8(head).map_err(|_| malformed("the head is not text"))?;
    let mut lines = text.trim_end_matches("\r\n").split("\r\n");
    let start = lines.next().unwrap_or_default();
    let mut parts = start.split(' ');
    let (Some(method), Some(target), Some("HTTP/1.1" | "HTTP/1.0"), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(malformed("the request line"));
    };
    let headers = lines
        .map(|line| {
            let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header"))?;
            if name.is_empty() || name.contains(char::is_whitespace) {
                return Err(malformed("a header's name"));
            }
            Ok((name.to_ascii_lowercase(), value.trim().to_owned()))
        })
        .collect::<io::Result<_>>()?;
    Ok(Request {
        method: method.to_owned(),
        target: target.to_owned(),
        headers,
        body: Vec::new(),
    })
}

/// Writes one response and announces the close.
pub(crate) fn answer(
    stream: &mut impl Write,
    status: u16,
    kind: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> io::Result<()> {
    let reason = match status {
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Status",
    };
    let mut text = format!(
        "HTTP/1.1 {status} {reason}\r\nDate: {}\r\nContent-Type: {kind}\r\n\
         Content-Length: {}\r\nConnection: close\r\n",
        httpdate::fmt_http_date(SystemTime::now()),
        body.len()
    );
    for (name, value) in headers {
        text.extend([name, ": ", value, "\r\n"]);
    }
    text.extend(["\r\n", body]);
    stream.write_all(text.as_bytes())?;
    stream.flush()
}

fn fill(stream: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk)?;
    bytes.extend(chunk.iter().take(count));
    Ok(count)
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("bad request: {what}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives a byte at a time, as a slow link may.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else {
                return Ok(0);
            };
            buf[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }

    #[test]
    fn a_request_is_whole_however_it_is_cut() {
        let wire = b"POST /a?b=c HTTP/1.1\r\nHost: x:1\r\nContent-Length: 3\r\n\r\nabc";
        let request = read(&mut Drip(wire)).unwrap().unwrap();
        assert_eq!(request.split_target(), ("/a", "b=c"));
        assert_eq!(request.header("host"), Some("x:1"));
        assert_eq!(request.body, b"abc");
        assert_eq!(read(&mut &wire[..]).unwrap(), Some(request));
    }

    #[test]
    fn what_is_no_request_is_refused() {
        assert_eq!(read(&mut &b""[..]).unwrap(), None);
        for wire in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"GET /\r\n\r\n",
            b"GET / x HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
            b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc",
            b"GET / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n",
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"\xff\xff\r\n\r\n",
        ] {
            assert!(read(&mut &wire[..]).is_err(), "{wire:?}");
        }
    }
}
