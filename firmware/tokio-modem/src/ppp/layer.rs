//! What LCP, IPCP and IPv6CP differ in: their options.

use heapless::Vec;

use super::packet::{Body, ConfigOption};
use super::protocol::Protocol;
use super::random::Random;
use super::reason::Reason;

/// Longest options of any request of ours: LCP with everything has 25 bytes. An acceptable request
/// of a peer is longer only if it repeats options.
const REQUEST_LEN: usize = 32;

/// The options of our Configure-Request.
pub(super) type Request = Vec<u8, REQUEST_LEN, u8>;

/// What a layer thinks of one option of the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Opinion {
    Accept,
    /// Not with this value; a better one was put into the Nak.
    Nak,
    /// Not known, or not wanted.
    Reject,
}

/// What is particular to one protocol.
pub(super) trait Layer {
    const PROTOCOL: Protocol;

    /// A negotiation begins: wish for everything again.
    fn restart(&mut self, random: &mut Random);
    /// Writes the options we ask for.
    fn request(&self, out: &mut Request);
    /// The peer's options will follow, all of them.
    fn begin_peer(&mut self);
    /// Judges one of them; a Nak's replacement goes to `naks`.
    fn judge(&mut self, option: ConfigOption<'_>, naks: &mut Body, random: &mut Random) -> Opinion;
    /// The peer wants another value for one of our options.
    fn naked(&mut self, option: ConfigOption<'_>, random: &mut Random);
    /// The peer does not take one of our options.
    fn rejected(&mut self, option: ConfigOption<'_>);
    /// Whether an option that is refused again and again may be left out of our request.
    fn is_optional(&self, _option: ConfigOption<'_>) -> bool {
        false
    }
    /// Milliseconds to wait before the next request, after a refusal at `now`.
    fn pace(&mut self, _now: u64) -> Option<u64> {
        None
    }
    /// What makes it impossible to go on.
    fn take_fault(&mut self) -> Option<Reason>;
}
