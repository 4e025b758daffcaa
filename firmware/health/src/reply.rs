//! Fixed replies, as sent over the wire.

use crate::request::{Method, Request};

/// Fixed reply.
///
/// Each byte on port 9000 costs money: 16 checkers, two links, every 10 to 30 s, for years. None
/// names the program or the time of day: a stranger has no use for either.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// 200: the box is alive.
    Alive,
    /// 200 without a body, for HEAD.
    AliveHead,
    NotFound,
    /// Neither GET nor HEAD.
    Method,
    /// Not HTTP/1.
    Malformed,
    LineTooLong,
    HeadTooLong,
    /// The pages' server is busy, or does not answer.
    Unavailable,
}

impl Reply {
    /// Returns port 9000's reply to the request `line`.
    pub(crate) fn to_checker(line: &[u8]) -> Self {
        match Request::parse(line) {
            None => Self::Malformed,
            Some(Request {
                method: Method::Other,
                ..
            }) => Self::Method,
            Some(Request { method, path: "/" }) => match method {
                Method::Head => Self::AliveHead,
                _ => Self::Alive,
            },
            Some(_) => Self::NotFound,
        }
    }

    pub(crate) const fn bytes(self) -> &'static [u8] {
        match self {
            Self::Alive => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\
                  Connection: close\r\n\r\nok\n"
            }
            Self::AliveHead => {
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\
                  Connection: close\r\n\r\n"
            }
            Self::NotFound => {
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            Self::Method => {
                b"HTTP/1.1 405 Method Not Allowed\r\nAllow: GET, HEAD\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n"
            }
            Self::Malformed => {
                b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            Self::LineTooLong => {
                b"HTTP/1.1 414 URI Too Long\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            Self::HeadTooLong => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n"
            }
            Self::Unavailable => {
                b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nContent-Length: 0\r\n\
                  Connection: close\r\n\r\n"
            }
        }
    }

    /// Returns why the request counts as malformed; none if it was answered as HTTP.
    pub(crate) const fn fault(self) -> Option<&'static str> {
        match self {
            Self::Alive | Self::AliveHead | Self::NotFound | Self::Method => None,
            Self::Malformed => Some("not HTTP/1"),
            Self::LineTooLong => Some("request line too long"),
            Self::HeadTooLong => Some("head too long"),
            Self::Unavailable => Some("status pages are busy"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_are_short_and_say_no_name_and_no_time() {
        for (line, reply, status) in [
            ("GET / HTTP/1.1", Reply::Alive, "200 OK"),
            ("GET /?x=1 HTTP/1.0", Reply::Alive, "200 OK"),
            ("HEAD / HTTP/1.1", Reply::AliveHead, "200 OK"),
            ("GET /status HTTP/1.1", Reply::NotFound, "404 Not Found"),
            ("GET // HTTP/1.1", Reply::NotFound, "404 Not Found"),
            ("GET /%2e HTTP/1.1", Reply::NotFound, "404 Not Found"),
            ("POST /x HTTP/1.1", Reply::Method, "405 Method Not Allowed"),
            (
                "OPTIONS * HTTP/1.1",
                Reply::Method,
                "405 Method Not Allowed",
            ),
            ("GET / HTTP/9.9", Reply::Malformed, "400 Bad Request"),
        ] {
            assert_eq!(Reply::to_checker(line.as_bytes()), reply, "{line}");
            let bytes = std::str::from_utf8(reply.bytes()).unwrap();
            let start = format!("HTTP/1.1 {status}\r\n");
            assert!(bytes.starts_with(&start), "{line}: {bytes}");
        }
        for reply in [
            Reply::Alive,
            Reply::AliveHead,
            Reply::NotFound,
            Reply::Method,
            Reply::Malformed,
            Reply::LineTooLong,
            Reply::HeadTooLong,
            Reply::Unavailable,
        ] {
            let text = std::str::from_utf8(reply.bytes()).unwrap();
            let (head, body) = text.split_once("\r\n\r\n").unwrap();
            assert!(text.len() < 200, "{} bytes", text.len());
            assert!(head.contains("\r\nConnection: close"), "{head}");
            assert!(!head.contains("Server:") && !head.contains("Date:"));
            let length = if reply == Reply::AliveHead {
                3
            } else {
                body.len()
            };
            let field = format!("\r\nContent-Length: {length}");
            assert!(head.contains(&field), "{head}");
        }
    }
}
