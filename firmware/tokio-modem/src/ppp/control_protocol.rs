//! Interface of a control protocol: the options in which LCP, IPCP and IPv6CP differ.

use heapless::Vec;

use super::packet::{Body, ConfigOption};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

/// Longest option list of our requests, in bytes: LCP with all options has 25. An acceptable request
/// of a peer is longer only if it repeats options.
const REQUEST_LEN: usize = 32;

/// The options of our Configure-Request.
pub(super) type Request = Vec<u8, REQUEST_LEN, u8>;

/// Verdict on one option of the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OptionVerdict {
    Accept,
    /// The value is not accepted; a better one was put into the Nak.
    Nak,
    /// Unknown or unwanted option.
    Reject,
}

/// Option handling of one control protocol.
pub(super) trait ControlProtocol {
    const PROTOCOL: Protocol;

    /// Restarts the negotiation with all options.
    fn restart(&mut self, random: &mut Random);
    /// Writes the options of our request.
    fn request(&self, out: &mut Request);
    /// Begins a Configure-Request of the peer; all its options follow.
    fn begin_peer(&mut self);
    /// Returns the verdict on one of them; the value for a Nak goes to `naks`.
    fn judge(
        &mut self,
        option: ConfigOption<'_>,
        naks: &mut Body,
        random: &mut Random,
    ) -> OptionVerdict;
    /// Handles a Configure-Nak of one of our options.
    fn naked(&mut self, option: ConfigOption<'_>, random: &mut Random);
    /// Handles a Configure-Reject of one of our options.
    fn rejected(&mut self, option: ConfigOption<'_>);
    /// Returns whether an option that is refused repeatedly may be omitted from our request.
    fn is_optional(&self, _option: ConfigOption<'_>) -> bool {
        false
    }
    /// Returns the time from a refusal at `now` to the next request, in milliseconds.
    fn pace(&mut self, _now: u64) -> Option<u64> {
        None
    }
    /// Takes the reason why the negotiation cannot go on, if there is one.
    fn take_fault(&mut self) -> Option<Reason>;
}
