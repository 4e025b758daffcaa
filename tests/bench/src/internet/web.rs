//! Web server with one page; logs the address of each client.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    time::Duration,
};

use crate::internet::{
    acceptor::ServiceThread,
    event_log::{EventLog, TimedOut},
    http,
};

/// Logged request: source address, after masquerading, and path.
pub type Page = (SocketAddr, String);

/// Server of one page; dropping it stops the server.
#[derive(Debug)]
pub struct Web {
    requests: Arc<EventLog<Page>>,
    _thread: ServiceThread,
}

impl Web {
    /// Starts a server that answers every `GET` on `listener` with `body`.
    pub fn serve(listener: TcpListener, body: &str) -> Self {
        let requests = Arc::new(EventLog::new());
        let journal = Arc::clone(&requests);
        let body = body.to_owned();
        let thread = ServiceThread::accept(listener, move |stream, peer| {
            // A client that disconnects or sends garbage gets no response.
            let _ = exchange(stream, peer, &body, &journal);
        });
        Self {
            requests,
            _thread: thread,
        }
    }

    /// Returns all requests so far.
    pub fn requests(&self) -> Vec<Page> {
        self.requests.all()
    }

    /// Waits for the first request from `source`.
    ///
    /// # Errors
    /// None within `bound`.
    pub fn wait_request(&self, source: IpAddr, bound: Duration) -> Result<Page, TimedOut> {
        let expected = format!("a request from {source}");
        self.requests
            .wait(&expected, bound, |(peer, _)| peer.ip() == source)
    }
}

fn exchange(
    mut stream: TcpStream,
    peer: SocketAddr,
    body: &str,
    journal: &EventLog<Page>,
) -> io::Result<()> {
    let Some(request) = http::read(&mut stream)? else {
        return Ok(());
    };
    journal.push((peer, request.target));
    if request.method == "GET" {
        http::answer(&mut stream, 200, "text/html", &[], body)
    } else {
        http::answer(
            &mut stream,
            405,
            "text/plain",
            &[("Allow", "GET")],
            "only GET\n",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    #[test]
    fn page_served_and_client_address_logged() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let web = Web::serve(listener, "<p>hello");
        let mut stream = TcpStream::connect(address).unwrap();
        let source = stream.local_addr().unwrap();
        stream
            .write_all(b"GET /x HTTP/1.1\r\nHost: x\r\n\r\n")
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\n<p>hello"), "{answer}");
        let asked = web
            .wait_request(source.ip(), Duration::from_secs(10))
            .unwrap();
        assert_eq!(asked, (source, "/x".to_owned()));
        drop(web);
        assert!(TcpStream::connect(address).is_err(), "stopped when dropped");
    }
}
