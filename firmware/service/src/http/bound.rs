//! The HTTP client over one link: its sockets are bound to the link's interface, its names are
//! looked up at the link's resolvers, and each wait for the peer is bounded.

use std::{
    io::{self, Read, Write},
    net::TcpStream,
    time::{Duration, Instant},
};

use ureq::{
    Agent, Error, Timeout,
    config::Config,
    http::Uri,
    unversioned::{
        resolver::{ResolvedSocketAddrs, Resolver},
        transport::{
            Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, RustlsConnector,
            Transport,
        },
    },
};

use super::{Floor, host_and_port, with_port};
use crate::{Bearer, LookUpError};

/// Returns a client for one exchange over `bearer`. `config` has the time-outs of the phases: of
/// resolving, of connecting with the TLS handshake, of sending the request, of receiving the head,
/// and of each read and write. `floor` bounds the body.
pub fn agent_by(config: Config, bearer: &Bearer, floor: &Floor) -> Agent {
    let connector = BoundConnector {
        bearer: bearer.clone(),
        floor: floor.clone(),
    };
    let connector = connector.chain(RustlsConnector::default());
    Agent::with_parts(config, connector, BoundResolver(bearer.clone()))
}

/// Asks the link's own resolvers.
#[derive(Debug)]
struct BoundResolver(Bearer);

impl Resolver for BoundResolver {
    fn resolve(
        &self,
        uri: &Uri,
        _config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let (host, port) = host_and_port(uri)?;
        let found = self.0.look_up(host, *timeout.after);
        let found = found.map_err(|error| match error {
            LookUpError::Unanswered { source, .. } if source.kind() == io::ErrorKind::TimedOut => {
                Error::Timeout(Timeout::Resolve)
            }
            other => Error::Other(Box::new(other)),
        })?;
        Ok(with_port(self.empty(), found, port))
    }
}

#[derive(Debug)]
struct BoundConnector {
    bearer: Bearer,
    floor: Floor,
}

impl Connector for BoundConnector {
    type Out = BoundTransport;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        _chained: Option<()>,
    ) -> Result<Option<BoundTransport>, Error> {
        let began = Instant::now();
        let mut last = Error::HostNotFound;
        let mut untried = u32::try_from(details.addrs.len()).unwrap_or(u32::MAX);
        for address in &details.addrs {
            // What the others leave of the time is shared, so that one silent host is not all.
            let left = details.timeout.after.saturating_sub(began.elapsed());
            let share = left / untried.max(1);
            untried = untried.saturating_sub(1);
            if share.is_zero() {
                return Err(Error::Timeout(Timeout::Connect));
            }
            match self.bearer.connect(*address, share) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Some(BoundTransport {
                        stream,
                        floor: self.floor.clone(),
                        buffers: LazyBuffers::new(
                            details.config.input_buffer_size(),
                            details.config.output_buffer_size(),
                        ),
                    }));
                }
                Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                    last = Error::Timeout(Timeout::Connect);
                }
                Err(error) => last = Error::Io(error),
            }
        }
        Err(last)
    }
}

#[derive(Debug)]
struct BoundTransport {
    stream: TcpStream,
    floor: Floor,
    buffers: LazyBuffers,
}

impl Transport for BoundTransport {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        let timeout = timeout.for_write();
        let began = Instant::now();
        let mut output = self.buffers.output().get(..amount).unwrap_or_default();
        while !output.is_empty() {
            let left = timeout.after.saturating_sub(began.elapsed());
            self.stream.set_write_timeout(bound(left, timeout)?)?;
            match self.stream.write(output) {
                Ok(length) => output = output.get(length..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(failed(error, timeout)),
            }
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        let timeout = timeout.for_read();
        let floor = self.floor.left().unwrap_or(Duration::MAX);
        let left = floor.min(*timeout.after);
        self.stream.set_read_timeout(bound(left, timeout)?)?;
        let began = Instant::now();
        let read = loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => break other,
            }
        };
        let waited = self.floor.waited(began.elapsed());
        waited.map_err(|slow| Error::Other(Box::new(slow)))?;
        let length = read.map_err(|error| failed(error, timeout))?;
        self.buffers.input_appended(length);
        Ok(length > 0)
    }

    fn is_open(&mut self) -> bool {
        // One exchange a connection.
        false
    }
}

/// A socket's time-out; none where the wait is not bounded.
fn bound(left: Duration, timeout: NextTimeout) -> Result<Option<Duration>, Error> {
    if left.is_zero() {
        return Err(Error::Timeout(timeout.reason));
    }
    // The kernel counts in microseconds, and takes zero for no bound.
    let left = left.max(Duration::from_millis(1));
    Ok((left < Duration::from_secs(u64::from(u32::MAX))).then_some(left))
}

fn failed(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
