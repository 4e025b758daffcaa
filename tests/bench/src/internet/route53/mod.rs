//! Emulated Amazon Route 53: one hosted zone and `ChangeResourceRecordSets`.
//!
//! Owns a TLS port. Takes in signed requests; gives out the real service's responses, the changes
//! made and the requests refused.

mod behaviour;
mod change;
mod refusal;
mod signature;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

pub use crate::internet::route53::{behaviour::Behaviour, change::Change};
use crate::internet::{
    acceptor::ServiceThread,
    clock,
    event_log::{EventLog, TimedOut},
    http::{self, Request},
    route53::{
        change::{Records, apply, parse},
        refusal::Refusal,
        signature::{Scope, verify},
    },
};

const NAMESPACE: &str = "https://route53.amazonaws.com/doc/2013-04-01/";

/// Goes with every answer of the real service.
const REQUEST_ID: &str = "b25f48e8-84fd-11e6-80d9-574e0c4664cb";

/// What Route 53 wants signed, wherever the asker is.
const SCOPE: Scope<'_> = Scope {
    region: "us-east-1",
    service: "route53",
};

/// The keys of the one account there is.
#[derive(Clone, Debug)]
pub struct Keys {
    /// Access key id.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
}

/// A running service; dropping it stops the service.
#[derive(Debug)]
pub struct Route53 {
    shared: Arc<Shared>,
    _thread: ServiceThread,
}

#[derive(Debug)]
struct Shared {
    path: String,
    keys: Keys,
    behaviour: Mutex<Behaviour>,
    records: Mutex<Records>,
    changes: EventLog<Change>,
    refusals: EventLog<String>,
}

impl Route53 {
    /// Serves the zone with the id `zone` to holders of `keys`.
    pub fn serve(listener: TcpListener, tls: Arc<ServerConfig>, zone: &str, keys: Keys) -> Self {
        let shared = Arc::new(Shared {
            path: format!("/2013-04-01/hostedzone/{zone}/rrset"),
            keys,
            behaviour: Mutex::default(),
            records: Mutex::new(BTreeMap::new()),
            changes: EventLog::new(),
            refusals: EventLog::new(),
        });
        let serving = Arc::clone(&shared);
        let thread = ServiceThread::accept(listener, move |stream, peer| {
            if let Err(error) = serving.connection(stream, &tls) {
                serving
                    .refusals
                    .push(format!("connection from {peer}: {error}"));
            }
        });
        Self {
            shared,
            _thread: thread,
        }
    }

    /// Sets the behaviour towards later requests.
    pub fn set_behaviour(&self, behaviour: Behaviour) {
        *self
            .shared
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Returns all changes made so far.
    pub fn changes(&self) -> Vec<Change> {
        self.shared.changes.all()
    }

    /// Returns all refusals of requests and connections so far, as `code: message`.
    pub fn refusals(&self) -> Vec<String> {
        self.shared.refusals.all()
    }

    /// Waits for the first change that sets a record to `value`.
    ///
    /// # Errors
    /// None within `bound`.
    pub fn wait_change(&self, value: Ipv4Addr, bound: Duration) -> Result<Change, TimedOut> {
        let expected = format!("a record set to {value} (refused: {:?})", self.refusals());
        self.shared
            .changes
            .wait(&expected, bound, |change| change.value == value.to_string())
    }

    /// Waits for the first refusal that begins with `code`, for instance `SignatureDoesNotMatch`.
    ///
    /// # Errors
    /// None within `bound`.
    pub fn wait_refusal(&self, code: &str, bound: Duration) -> Result<String, TimedOut> {
        self.shared
            .refusals
            .wait(&format!("a refusal {code}"), bound, |refusal| {
                refusal.starts_with(code)
            })
    }
}

impl Shared {
    fn connection(&self, stream: TcpStream, tls: &Arc<ServerConfig>) -> io::Result<()> {
        let behaviour = self
            .behaviour
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let tls = match &behaviour {
            Behaviour::CloseConnection => return Err(io::Error::other("hung up")),
            Behaviour::WrongCertificate(tls) => tls,
            _ => tls,
        };
        let connection = ServerConnection::new(Arc::clone(tls)).map_err(io::Error::other)?;
        let mut stream = StreamOwned::new(connection, stream);
        if let Some(request) = http::read(&mut stream)? {
            if let Behaviour::Garbage(bytes) = &behaviour {
                self.refusals.push("babble".to_owned());
                stream.write_all(bytes)?;
                return stream.flush();
            }
            let outcome = match behaviour {
                Behaviour::Refuse(refusal) => Err(refusal),
                _ => self.change(&request),
            };
            let (status, body) = match outcome {
                Ok(body) => (200, body),
                Err(refusal) => {
                    self.refusals.push(refusal.to_string());
                    (refusal.status(), refusal.body())
                }
            };
            let id = [("x-amzn-RequestId", REQUEST_ID)];
            http::answer(&mut stream, status, "text/xml", &id, &body)?;
        }
        stream.conn.send_close_notify();
        stream.flush()
    }

    /// Checks in the order of the real service: signature, zone, validity of the batch.
    fn change(&self, request: &Request) -> Result<String, Refusal> {
        let now = clock::now();
        verify(request, &self.keys, &SCOPE, now.as_secs())?;
        let (path, query) = request.split_target();
        if path != self.path || !query.is_empty() {
            let message = format!("No hosted zone found with ID: {path}");
            return Err(Refusal::new(404, "NoSuchHostedZone", message));
        }
        if request.method != "POST" {
            let message = format!("expected POST, got {}", request.method);
            return Err(Refusal::new(400, "InvalidInput", message));
        }
        let changes = parse(&request.body)?;
        {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            *records = apply(&records, &changes)?;
        }
        for change in changes {
            self.changes.push(change);
        }
        let submitted = clock::extended(now);
        Ok(format!(
            "<?xml version=\"1.0\"?>\n<ChangeResourceRecordSetsResponse xmlns=\"{NAMESPACE}\">\
             <ChangeInfo><Id>/change/C2682N5HXP0BZ4</Id><Status>PENDING</Status>\
             <SubmittedAt>{submitted}</SubmittedAt></ChangeInfo>\
             </ChangeResourceRecordSetsResponse>"
        ))
    }
}
