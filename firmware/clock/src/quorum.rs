//! Agreement between the SNTP servers of one polling round.

use std::{net::IpAddr, time::Duration};

use failberry_state::BootMillis;

use crate::sync::Reading;

/// Largest difference between two correct servers, whatever the links between.
const AGREEMENT_LIMIT: Duration = Duration::from_secs(10);

/// One server's answer, made comparable with others.
#[derive(Clone, Debug)]
pub(crate) struct Sample {
    pub(crate) server: String,
    address: IpAddr,
    /// Boot time by the server's clock: independent of when it is queried.
    pub(crate) epoch: Duration,
}

impl Sample {
    pub(crate) fn new(server: String, reading: Reading, now: BootMillis) -> Self {
        Self {
            server,
            address: reading.address,
            epoch: reading
                .server_time
                .saturating_sub(Duration::from_millis(now.0)),
        }
    }

    fn agrees_with(&self, other: &Self) -> bool {
        self.address != other.address && self.epoch.abs_diff(other.epoch) <= AGREEMENT_LIMIT
    }
}

/// All answers of one round of polling.
#[derive(Clone, Debug, Default)]
pub(crate) struct PollRound {
    /// Number of servers queried, whether they answered or not.
    pub(crate) asked: usize,
    samples: Vec<Sample>,
}

impl PollRound {
    /// Adds an answer. Returns whether another server agrees with it.
    pub(crate) fn add(&mut self, sample: Sample) -> bool {
        let agreed = self.samples.iter().any(|other| other.agrees_with(&sample));
        self.samples.push(sample);
        agreed
    }

    /// Returns the answer with the earliest time.
    pub(crate) fn earliest(&self) -> Option<Sample> {
        let first = self.samples.iter().min_by_key(|sample| sample.epoch);
        first.cloned()
    }
}
