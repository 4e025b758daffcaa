//! Backend: `tiny_http` on a Unix socket that only the gate connects to.

use std::{
    fs, io,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    thread,
};

use tiny_http::{Header, Method, Response, Server};

use crate::pages::Page;

/// Function that answers a request for a path.
pub(crate) type Pages = fn(&str) -> Page;

/// A running HTTP server.
#[derive(Debug)]
pub(crate) struct Backend {
    path: PathBuf,
}

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
#[error("HTTP server at {path}: {source}")]
pub(crate) struct BackendError {
    path: PathBuf,
    source: io::Error,
}

impl Backend {
    /// Starts serving `pages` at `path`, which is replaced if an earlier server left it.
    ///
    /// The server is started on its own thread: `tiny_http` panics if it gets no threads, and that
    /// must not be the thread that answers port 9000.
    pub(crate) fn start(path: &Path, pages: Pages) -> Result<Self, BackendError> {
        let path = path.to_owned();
        let bind = || {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            let listener = UnixListener::bind(&path)?;
            thread::Builder::new()
                .name("pages".into())
                .spawn(move || serve(listener, pages))
        };
        match bind() {
            Ok(_) => Ok(Self { path }),
            Err(source) => Err(BackendError { path, source }),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn serve(listener: UnixListener, pages: Pages) {
    let server = match Server::from_listener(listener, None) {
        Ok(server) => server,
        Err(error) => return log::error!("status pages: HTTP server not started: {error}"),
    };
    for request in server.incoming_requests() {
        let page = match request.method() {
            Method::Get | Method::Head => pages(request.url()),
            _ => Page::text(405, "only GET and HEAD\n"),
        };
        let mut response = Response::from_string(page.body).with_status_code(page.status);
        // A browser must not interpret a text from a peer as a page.
        let fields = [
            ("Content-Type", page.kind),
            ("X-Content-Type-Options", "nosniff"),
        ];
        for (name, value) in fields {
            if let Ok(field) = Header::from_bytes(name, value) {
                response = response.with_header(field);
            }
        }
        // The gate may have given up this request meanwhile.
        let _ = request.respond(response);
    }
    log::error!("status pages: HTTP server ended: accept failed");
}
