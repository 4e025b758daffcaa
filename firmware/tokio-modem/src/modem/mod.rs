//! Profiles of sticks, and typed commands and answers.
//!
//! Owns the table of sticks ([`VENDORS`] and their products, [`PROFILES`]), the commands and the
//! typed answers. Takes in the ids of a USB device and the lines of an answer; gives out ports to
//! use, commands to send and values. A new stick of a known vendor works without a row; a row names
//! its ports.
//!
//! Queries implement [`Query`], set commands [`SetCommand`]:
//!
//! | About | Queries | Set commands |
//! |---|---|---|
//! | the stick | [`Manufacturer`], [`Model`], [`Revision`], [`Imei`], [`Function`] | [`Function`], [`Restart`] |
//! | the SIM | [`SimState`], [`PinTries`], [`Imsi`], [`Iccid`] | [`EnterPin`], [`Unblock`] |
//! | the network | [`Signal`], [`Creg`], [`Cgreg`], [`Cereg`], [`C5greg`], `Option<`[`Operator`]`>` | [`SetReports`], [`SelectOperator`] |
//! | packets | [`Context`], [`Attachment`], [`CallEnd`] | [`Context`], [`Attachment`] |
//! | messages | [`Storage`], [`Listing`] | [`UseStorage`], [`MessageForm`], [`DeleteMessage`] |
//! | USSD | [`Ussd`] | [`UssdRequest`], [`UssdCancel`] |
//! | ZTE | [`Service`], [`RadioSignal`], [`NetworkMode`], [`Autorun`], [`AutorunOff`], [`AutorunOn`] | [`NetworkMode`], [`OperatingMode`] |
//! | Huawei | [`SystemInfo`] | |

mod cme_error;
mod context;
mod equipment;
mod huawei;
mod identity;
mod operator;
mod pin_tries;
mod profile;
mod query;
mod registration;
mod reply;
mod signal;
mod sim;
mod sms;
mod table;
mod text;
mod ussd;
mod zte;

pub use cme_error::CmeError;
pub use context::{APN_MAX, Attachment, Context, ContextError, PacketKind};
pub use equipment::{CallEnd, Function, Restart, Storage, UseStorage};
pub use huawei::{ServiceStatus, SystemInfo};
pub use identity::{
    Digits, Iccid, Imei, Imsi, Manufacturer, Model, Revision, identity, imei, imsi,
};
pub use operator::{Operator, SelectOperator, Technology};
pub use pin_tries::PinTries;
pub use profile::{Port, Profile, Question, UrcSuppression, profile_for};
pub use query::{Query, SetCommand};
pub use registration::{
    C5greg, Cereg, Cgreg, Creg, Location, NetworkState, Registration, Reports, SetReports,
};
pub use reply::ReplyError;
pub use signal::Signal;
pub use sim::{CodeError, EnterPin, SimState, Unblock};
pub use sms::{
    DeleteMessage, ListMessages, Listing, Message, MessageError, MessageForm, MessageStatus, Part,
    PduError, ReadMessage, Timestamp,
};
pub use table::{GENERIC, PROFILES, STANDARD_PIN_TRIES, VENDORS};
pub use text::{PROSE_MAX, Prose, Shown};
pub(crate) use text::{gsm_character, is_obeyed};
pub use ussd::{Ussd, UssdCancel, UssdCodeError, UssdCoding, UssdRequest, UssdState};
pub use zte::{Autorun, AutorunOff, AutorunOn, NetworkMode, OperatingMode, RadioSignal, Service};
