//! Server side of the dialler's control socket: one command at a time, with its reply.

use std::{future::Future, path::Path, pin::Pin};

use failberry_service::orders::{Given, Order, OrderReply, Orders};
use failberry_state::RUN;
use smol::future::{self, FutureExt};

/// An event of the control socket.
pub(crate) enum ControlEvent {
    Command(Order),
    /// The AT passthrough is complete, or its client has closed the connection.
    PassthroughDone,
}

/// The control socket, its present client and the AT passthrough in progress.
#[derive(Default)]
pub(crate) struct ControlServer {
    listener: Option<Orders>,
    client: Option<Given>,
    passthrough: Option<Pin<Box<dyn Future<Output = OrderReply>>>>,
}

impl ControlServer {
    /// Opens the socket. Without it the dialler runs on and no command ever arrives.
    pub(crate) fn open() -> Self {
        let listener = Orders::listen(Path::new(RUN))
            .inspect_err(|error| log::warn!("nobody can give orders: {error}"))
            .ok();
        Self {
            listener,
            ..Self::default()
        }
    }

    /// Waits for the next command, or for the end of the passthrough in progress.
    pub(crate) async fn next(&mut self) -> ControlEvent {
        if let (Some(passthrough), Some(client)) = (&mut self.passthrough, &self.client) {
            let answer = async { Some(passthrough.await) };
            let hang_up = async {
                client.hung_up().await;
                None
            };
            let reply = answer.or(hang_up).await;
            self.passthrough = None;
            match reply {
                Some(reply) => self.reply(&reply),
                None => self.client = None,
            }
            return ControlEvent::PassthroughDone;
        }
        match &mut self.listener {
            Some(listener) => {
                let given = listener.next().await;
                let command = given.order.clone();
                self.client = Some(given);
                ControlEvent::Command(command)
            }
            None => future::pending().await,
        }
    }

    /// Sends the reply to the present client.
    pub(crate) fn reply(&mut self, reply: &OrderReply) {
        if let Some(client) = self.client.take() {
            client.answer(reply);
        }
    }

    /// Starts a passthrough, which [`ControlServer::next`] drives and replies for.
    pub(crate) fn start_passthrough(
        &mut self,
        passthrough: impl Future<Output = OrderReply> + 'static,
    ) {
        self.passthrough = Some(Box::pin(passthrough));
    }

    /// Cancels the passthrough, which closes its port.
    pub(crate) fn cancel_passthrough(&mut self) {
        self.passthrough = None;
        let why = "the dialler needs the stick, which comes first".into();
        self.reply(&OrderReply::Refused { why });
    }
}
