//! Parser of the HTTP request line (RFC 9112, section 3).

use crate::head::is_token;

/// A well-formed request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    pub(crate) method: Method,
    /// Path without its query; empty if the target has none, such as `*`.
    pub(crate) path: &'a str,
}

/// HTTP methods distinguished here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    /// Any other.
    Other,
}

impl<'a> Request<'a> {
    /// Parses `line`; none if it is not HTTP/1.
    pub(crate) fn parse(line: &'a [u8]) -> Option<Self> {
        let mut words = std::str::from_utf8(line).ok()?.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if words.next().is_some() || target.is_empty() {
            return None;
        }
        // An unknown minor version extends 1.1 (RFC 9110, section 2.5).
        let minor = version.strip_prefix("HTTP/1.")?;
        if minor.len() != 1 || !minor.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let method = match method {
            "GET" => Method::Get,
            "HEAD" => Method::Head,
            "" => return None,
            other if other.bytes().all(is_token) => Method::Other,
            _ => return None,
        };
        let path = path(target);
        Some(Self { method, path })
    }
}

/// Returns the path of a request target in origin or absolute form (RFC 9112, section 3.2).
fn path(target: &str) -> &str {
    const SCHEME: &str = "http://";
    let absolute = target
        .get(..SCHEME.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(SCHEME));
    let target = if absolute {
        let rest = target.get(SCHEME.len()..).unwrap_or_default();
        match rest.find(['/', '?']) {
            Some(end) => rest.get(end..).unwrap_or_default(),
            None => "/",
        }
    } else {
        target
    };
    match target.split_once('?') {
        // `http://host?query` has the path `/`.
        Some(("", _)) if absolute => "/",
        Some((path, _)) => path,
        None => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn request_lines_come_apart() {
        for (line, method, path) in [
            ("GET / HTTP/1.1", Method::Get, "/"),
            ("GET /?a=b?c HTTP/1.0", Method::Get, "/"),
            ("HEAD /status HTTP/1.9", Method::Head, "/status"),
            ("POST / HTTP/1.1", Method::Other, "/"),
            ("get / HTTP/1.1", Method::Other, "/"),
            ("OPTIONS * HTTP/1.1", Method::Other, "*"),
            ("GET http://box HTTP/1.1", Method::Get, "/"),
            ("GET HTTP://box:9000/x?y HTTP/1.1", Method::Get, "/x"),
            ("GET http://box?y HTTP/1.1", Method::Get, "/"),
            ("GET ?y HTTP/1.1", Method::Get, ""),
        ] {
            let expected = Request { method, path };
            assert_eq!(Request::parse(line.as_bytes()), Some(expected), "{line}");
        }
    }

    #[test]
    fn what_is_not_http_1_is_refused() {
        for line in [
            "",
            "GET",
            "GET /",
            " GET / HTTP/1.1",
            "GET  / HTTP/1.1",
            "GET  HTTP/1.1",
            "GET / HTTP/1.1 ",
            "GET / x HTTP/1.1",
            "G(T / HTTP/1.1",
            "GET / HTTP/0.9",
            "GET / HTTP/9.9",
            "GET / HTTP/1.",
            "GET / HTTP/1.10",
            "GET / http/1.1",
            "PRI * HTTP/2.0",
        ] {
            assert_eq!(Request::parse(line.as_bytes()), None, "{line:?}");
        }
        assert_eq!(Request::parse(b"GET /\xff HTTP/1.1"), None);
    }
}
