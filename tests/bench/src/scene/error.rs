//! Errors of starting a scenario.

use std::{fmt::Display, io, path::PathBuf};

use crate::{board::BoardError, carrier::CarrierError, net::NetError, stick::StickError};

/// Error of the first part that failed.
#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    /// A file or a socket.
    #[error("{what}: {source}")]
    Io {
        /// Which.
        what: String,
        /// Why.
        source: io::Error,
    },
    /// A part of the product is not there.
    #[error("{} is not built yet: run `make cards`, for other boards `board/cards.sh`", .0.display())]
    NotBuilt(PathBuf),
    /// The card could not be prepared.
    #[error("the card: {0}")]
    Card(#[from] failberry_image::Error),
    /// The namespaces.
    #[error("the network: {0}")]
    Net(#[from] NetError),
    /// The carrier.
    #[error("the carrier: {0}")]
    Carrier(#[from] CarrierError),
    /// The board.
    #[error("the board: {0}")]
    Board(#[from] BoardError),
    /// The stick.
    #[error("the stick: {0}")]
    Stick(#[from] StickError),
}

impl SceneError {
    /// For `map_err`: an I/O error that says what it is about.
    pub(crate) fn io(what: impl Display) -> impl FnOnce(io::Error) -> Self {
        let what = what.to_string();
        move |source| Self::Io { what, source }
    }
}
