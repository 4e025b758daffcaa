//! Where a person's orders come in: one at a time, with who waits for what comes of it.

use std::{future::Future, path::Path, pin::Pin};

use failberry_service::orders::{Given, Order, OrderReply, Orders};
use failberry_state::RUN;
use smol::future::{self, FutureExt};

/// What came in.
pub(crate) enum Heard {
    Order(Order),
    /// The question to the stick has its answer, or nobody waits for it any longer.
    Answered,
}

/// The desk.
#[derive(Default)]
pub(crate) struct Desk {
    orders: Option<Orders>,
    client: Option<Given>,
    question: Option<Pin<Box<dyn Future<Output = OrderReply>>>>,
}

impl Desk {
    /// An open desk; one that nobody comes to where the socket cannot be made.
    pub(crate) fn open() -> Self {
        let orders = Orders::listen(Path::new(RUN))
            .inspect_err(|error| log::warn!("nobody can give orders: {error}"))
            .ok();
        Self {
            orders,
            ..Self::default()
        }
    }

    /// The next order, or the end of the question under way.
    pub(crate) async fn next(&mut self) -> Heard {
        if let (Some(question), Some(client)) = (&mut self.question, &self.client) {
            let answer = async { Some(question.await) };
            let leave = async {
                client.hung_up().await;
                None
            };
            let reply = answer.or(leave).await;
            self.question = None;
            match reply {
                Some(reply) => self.reply(&reply),
                None => self.client = None,
            }
            return Heard::Answered;
        }
        match &mut self.orders {
            Some(orders) => {
                let given = orders.next().await;
                let order = given.order.clone();
                self.client = Some(given);
                Heard::Order(order)
            }
            None => future::pending().await,
        }
    }

    /// Tells who waits what comes of the order.
    pub(crate) fn reply(&mut self, reply: &OrderReply) {
        if let Some(client) = self.client.take() {
            client.answer(reply);
        }
    }

    /// Begins to wait for the answer to a question.
    pub(crate) fn ask(&mut self, question: impl Future<Output = OrderReply> + 'static) {
        self.question = Some(Box::pin(question));
    }

    /// Gives the question up, which closes its port.
    pub(crate) fn drop_question(&mut self) {
        self.question = None;
        let why = "the dialler needs the stick, which comes first".into();
        self.reply(&OrderReply::Refused { why });
    }
}
