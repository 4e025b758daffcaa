//! Table of mode switches: the actions that turn a known CD-ROM into a modem, one row per product.
//!
//! Pure. [`cdrom`](crate::cdrom) executes the actions; sysfs decides whether a device is in a state
//! to get any.

mod huawei;
mod option;
mod others;
// One sequence a line, as in a table.
#[rustfmt::skip]
mod sequences;
mod zte;

pub(crate) use self::sequences::inquiry;

/// Length of a command block wrapper, in bytes (USB mass storage, bulk only transport 1.0, 5.1).
pub const CBW_LEN: usize = 31;

/// ZTE's vendor id.
pub(crate) const VENDOR_ZTE: u16 = 0x19d2;
/// Huawei's vendor id.
pub(crate) const VENDOR_HUAWEI: u16 = 0x12d1;

/// Command block wrapper (CBW) of bulk-only transport, byte for byte as in a public table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CommandBlockWrapper {
    tag: [u8; 4],
    data: u32,
    flags: u8,
    lun: u8,
    length: u8,
    command: [u8; 16],
}

/// Recipient of a control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The device; `wIndex` is 0.
    Device,
    /// The mass storage interface; `wIndex` is its number.
    Interface,
}

/// A control request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control {
    /// `bmRequestType`.
    pub request_type: u8,
    /// `bRequest`.
    pub request: u8,
    /// `wValue`.
    pub value: u16,
    /// Recipient, which defines `wIndex`.
    pub recipient: Recipient,
    /// Bytes to the host.
    pub answer: u16,
    /// Bytes from the host.
    pub data: &'static [u8],
}

/// A step of a mode switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A command block wrapper. Its status is always read, as `usb_modeswitch` does from 2.4 on (its
    /// option `NeedResponse` has no effect any more).
    Command(CommandBlockWrapper),
    /// A control request.
    Control(Control),
    /// `SET_CONFIGURATION` to this `bConfigurationValue`, after configuration 0.
    Configure(u8),
    /// A delay in milliseconds.
    Wait(u16),
}

/// Source of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file of that id in Debian's package usb-modeswitch-data 20191128-5.
    UsbModeswitchData,
}

/// Condition on a device's text descriptors, besides its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    /// Part of the `manufacturer` string.
    Manufacturer(&'static str),
    /// Part of the `product` string.
    Product(&'static str),
}

/// Ids of a stick after its mode switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Vendor id.
    pub vendor: u16,
    /// Possible product ids; none if only its interfaces change.
    pub products: &'static [u16],
}

/// Mode switch of one CD-ROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Vendor id as a CD-ROM.
    pub vendor: u16,
    /// Product id as a CD-ROM.
    pub product: u16,
    condition: Condition,
    /// Actions, in this order.
    pub actions: &'static [Action],
    /// Ids after the switch, if known.
    pub target: Target,
    /// Source of the row.
    pub source: Source,
}

/// Target not known from the source: the ids stay, or differ between sticks.
const SAME: Target = to(0, &[]);

const fn to(vendor: u16, products: &'static [u16]) -> Target {
    Target { vendor, products }
}

/// A row from usb-modeswitch-data.
const fn ums(vendor: u16, product: u16, actions: &'static [Action], target: Target) -> Row {
    Row {
        vendor,
        product,
        condition: Condition::None,
        actions,
        target,
        source: Source::UsbModeswitchData,
    }
}

impl Row {
    const fn made_by(mut self, text: &'static str) -> Self {
        self.condition = Condition::Manufacturer(text);
        self
    }

    const fn called(mut self, text: &'static str) -> Self {
        self.condition = Condition::Product(text);
        self
    }

    /// Returns the `bConfigurationValue` that it sets, if that is its only action: such a device has no
    /// CD-ROM, but a configuration without modem ports.
    pub const fn configuration(&self) -> Option<u8> {
        match self.actions {
            [Action::Configure(value)] => Some(*value),
            _ => None,
        }
    }
}

/// Ids and text descriptors of a device, the key of the table.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identity<'a> {
    /// USB vendor id.
    pub vendor: u16,
    /// USB product id.
    pub product: u16,
    /// The `manufacturer` string; empty where there is none.
    pub manufacturer: &'a str,
    /// The `product` string, likewise.
    pub name: &'a str,
}

/// Mode switch that applies to a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// Actions, in this order.
    pub actions: &'static [Action],
    /// Whether the product has a row. If not, the actions are its vendor's usual ones, and the drive
    /// has to identify as a CD-ROM before it gets any.
    pub known: bool,
}

/// Returns all rows, by vendor.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    zte::ROWS
        .iter()
        .chain(&huawei::ROWS)
        .chain(&option::ROWS)
        .chain(&others::ROWS)
}

/// Returns the row for a device, by its ids and, if those are shared, its text descriptors.
pub fn row(identity: Identity<'_>) -> Option<&'static Row> {
    rows().find(|row| {
        (row.vendor, row.product) == (identity.vendor, identity.product)
            && match row.condition {
                Condition::None => true,
                Condition::Manufacturer(text) => contains(identity.manufacturer, text),
                Condition::Product(text) => contains(identity.name, text),
            }
    })
}

/// Returns the mode switch for a device: its row's actions, else the usual ones of its vendor.
pub fn switch(identity: Identity<'_>) -> Option<Switch> {
    if let Some(row) = row(identity) {
        let (actions, known) = (row.actions, true);
        return Some(Switch { actions, known });
    }
    let actions = usual(identity.vendor)?;
    // Telephones of these vendors show their memory by the same interface.
    (!contains(identity.manufacturer, "Android") && !contains(identity.name, "Android")).then_some(
        Switch {
            actions,
            known: false,
        },
    )
}

/// Returns whether these are the ids of a stick after a known mode switch.
pub fn is_target(vendor: u16, product: u16) -> bool {
    rows().any(|row| row.target.vendor == vendor && row.target.products.contains(&product))
}

/// Returns the actions that most sticks of a vendor accept: for ZTE the sequence of product 2000 with
/// all its commands (one that is not needed comes after the stick has left the bus, or is refused);
/// for Huawei the command that usb-modeswitch-data's udev rule sends to any CD-ROM of `12d1`.
const fn usual(vendor: u16) -> Option<&'static [Action]> {
    match vendor {
        VENDOR_ZTE => Some(sequences::ZTE),
        VENDOR_HUAWEI => Some(sequences::HUAWEI),
        _ => None,
    }
}

/// Returns whether `text` is part of `descriptor`. Underscores of the table also match blanks.
fn contains(descriptor: &str, text: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || (b == b'_' && a == b' ');
    descriptor
        .as_bytes()
        .windows(text.len().max(1))
        .any(|part| part.iter().copied().zip(text.bytes()).all(same))
}

impl CommandBlockWrapper {
    /// Returns the 31 bytes that go over the bus.
    pub fn bytes(&self) -> [u8; CBW_LEN] {
        let mut bytes = [0; CBW_LEN];
        let data = self.data.to_le_bytes();
        let all = b"USBC".iter().chain(&self.tag).chain(&data);
        let all = all.chain([&self.flags, &self.lun, &self.length]);
        for (to, from) in bytes.iter_mut().zip(all.chain(&self.command)) {
            *to = *from;
        }
        bytes
    }

    /// Bytes that the drive sends before its status.
    pub const fn data_in(&self) -> u32 {
        if self.flags == 0 { 0 } else { self.data }
    }
}

#[cfg(test)]
mod tests;
