//! `tiny_http` on a Unix socket, where only the gate reaches it.

use std::{
    fs, io,
    path::{Path, PathBuf},
    rc::Rc,
    thread,
};

use tiny_http::{Header, Method, Response, Server};

use crate::pages::{Page, Site};

/// A running HTTP server for one site.
#[derive(Clone)]
pub(crate) struct Backend {
    path: Rc<Path>,
}

/// A server that could not be started.
#[derive(Debug, thiserror::Error)]
#[error("HTTP server at {path}: {reason}")]
pub(crate) struct BackendError {
    path: PathBuf,
    reason: String,
}

impl Backend {
    /// Starts answering for `site` at `path`, which is replaced where an earlier run left it.
    pub(crate) fn start(path: &Path, site: Site) -> Result<Self, BackendError> {
        let failed = |reason: String| BackendError {
            path: path.to_owned(),
            reason,
        };
        match fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed(error.to_string()));
            }
            _ => {}
        }
        let server = Server::http_unix(path).map_err(|error| failed(error.to_string()))?;
        thread::Builder::new()
            .name(format!("{site:?}"))
            .spawn(move || answer(&server, site))
            .map_err(|error| failed(error.to_string()))?;
        Ok(Self { path: path.into() })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

fn answer(server: &Server, site: Site) {
    for request in server.incoming_requests() {
        let page = match request.method() {
            Method::Get | Method::Head => site.page(request.url()),
            _ => Page::text(405, "only GET and HEAD\n"),
        };
        let mut response = Response::from_string(page.body).with_status_code(page.status);
        if let Ok(kind) = Header::from_bytes("Content-Type", page.kind) {
            response.add_header(kind);
        }
        // The asker going away meanwhile is no news.
        let _ = request.respond(response);
    }
}
