//! What the servers asked one after another say of one and the same moment.

use std::{net::IpAddr, time::Duration};

use failberry_state::BootMillis;

use crate::core::Reading;

/// Two good servers differ by less, whatever the links between.
const AGREE: Duration = Duration::from_secs(10);

/// One server's word.
#[derive(Clone, Debug)]
pub(crate) struct Opinion {
    pub(crate) server: String,
    address: IpAddr,
    /// When the kernel started, by the server's clock: the same whenever it is asked.
    pub(crate) epoch: Duration,
}

impl Opinion {
    pub(crate) fn new(server: String, reading: Reading, now: BootMillis) -> Self {
        Self {
            server,
            address: reading.address,
            epoch: reading.theirs.saturating_sub(Duration::from_millis(now.0)),
        }
    }

    fn supports(&self, other: &Self) -> bool {
        self.address != other.address && self.epoch.abs_diff(other.epoch) <= AGREE
    }
}

/// All words since the first server was asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    /// How many were asked, whether they answered or not.
    pub(crate) asked: usize,
    opinions: Vec<Opinion>,
}

impl Round {
    /// Notes a word; tells whether somebody else has said the same.
    pub(crate) fn hear(&mut self, opinion: Opinion) -> bool {
        let agreed = self.opinions.iter().any(|other| other.supports(&opinion));
        self.opinions.push(opinion);
        agreed
    }

    /// Who had the earliest time.
    pub(crate) fn earliest(&self) -> Option<Opinion> {
        let first = self.opinions.iter().min_by_key(|opinion| opinion.epoch);
        first.cloned()
    }
}
