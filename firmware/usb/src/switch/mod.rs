//! What turns a stick's CD-ROM into a modem, as data: a row for each CD-ROM that is known.
//!
//! Pure. [`cdrom`](crate::cdrom) carries the actions out; sysfs decides whether a device is in a
//! state in which it gets any.

mod huawei;
mod option;
mod others;
// One sequence a line, as in a table.
#[rustfmt::skip]
mod words;
mod zte;

pub(crate) use self::words::inquiry;

/// Length of a command block wrapper (USB mass storage, bulk only transport 1.0, 5.1).
pub const CBW: usize = 31;

/// ZTE's vendor id.
pub(crate) const VENDOR_ZTE: u16 = 0x19d2;
/// Huawei's.
pub(crate) const VENDOR_HUAWEI: u16 = 0x12d1;

/// A command block wrapper, byte for byte as a public table has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrapper {
    tag: [u8; 4],
    data: u32,
    flags: u8,
    lun: u8,
    length: u8,
    command: [u8; 16],
}

/// Whom a control request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipient {
    /// The device; `wIndex` is 0.
    Device,
    /// The mass storage interface, whose number `wIndex` is.
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
    /// What `wIndex` says.
    pub recipient: Recipient,
    /// Bytes to the host.
    pub answer: u16,
    /// Bytes from the host.
    pub data: &'static [u8],
}

/// A step of a mode switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// A bulk word. Its status is always awaited, as `usb_modeswitch` does from 2.4 on (its option
    /// `NeedResponse` has no effect any more).
    Word(Wrapper),
    /// A control request.
    Control(Control),
    /// `SET_CONFIGURATION` to this `bConfigurationValue`, by way of none.
    Configure(u8),
    /// A delay in milliseconds.
    Wait(u16),
}

/// Where a row's facts are from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The file of that id in Debian's package usb-modeswitch-data 20191128-5.
    UsbModeswitchData,
}

/// What must stand in a device's own text for a row to hold, beside its ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    None,
    /// Part of the `manufacturer` string.
    Manufacturer(&'static str),
    /// Part of the `product` string.
    Product(&'static str),
}

/// What a stick is after its switch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Vendor id.
    pub vendor: u16,
    /// Product ids, any of them; none where only its interfaces change.
    pub products: &'static [u16],
}

/// A CD-ROM and what makes it a modem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Vendor id as a CD-ROM.
    pub vendor: u16,
    /// Product id as a CD-ROM.
    pub product: u16,
    condition: Condition,
    /// What to do, in this order.
    pub actions: &'static [Action],
    /// What it becomes, where that is known.
    pub target: Target,
    /// Where this is from.
    pub source: Source,
}

/// Not known from the source: the ids stay, or differ from stick to stick.
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

    /// The `bConfigurationValue` that it chooses, where it does nothing else: what such a row is for
    /// has no CD-ROM, but a configuration without modem ports.
    pub const fn configuration(&self) -> Option<u8> {
        match self.actions {
            [Action::Configure(value)] => Some(*value),
            _ => None,
        }
    }
}

/// A device's ids and what it says of itself, the key of the table.
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

/// What to do with a CD-ROM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// In this order.
    pub actions: &'static [Action],
    /// The product has a row. Where it has none the actions are its maker's usual ones, and the
    /// drive has to say that it is a CD-ROM before it gets any.
    pub known: bool,
}

/// All rows, by maker.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    zte::ROWS
        .iter()
        .chain(&huawei::ROWS)
        .chain(&option::ROWS)
        .chain(&others::ROWS)
}

/// The row for a device, by its ids and, where those are shared, its texts.
pub fn row(identity: Identity<'_>) -> Option<&'static Row> {
    rows().find(|row| {
        (row.vendor, row.product) == (identity.vendor, identity.product)
            && match row.condition {
                Condition::None => true,
                Condition::Manufacturer(text) => says(identity.manufacturer, text),
                Condition::Product(text) => says(identity.name, text),
            }
    })
}

/// What to do with the CD-ROM of a device: its row's actions, else the usual ones of its maker.
pub fn switch(identity: Identity<'_>) -> Option<Switch> {
    if let Some(row) = row(identity) {
        let (actions, known) = (row.actions, true);
        return Some(Switch { actions, known });
    }
    let actions = usual(identity.vendor)?;
    // Telephones of these makers show their memory by the same interface.
    (!says(identity.manufacturer, "Android") && !says(identity.name, "Android")).then_some(Switch {
        actions,
        known: false,
    })
}

/// Whether a row says that a stick becomes this.
pub fn is_target(vendor: u16, product: u16) -> bool {
    rows().any(|row| row.target.vendor == vendor && row.target.products.contains(&product))
}

/// What most sticks of a maker take: ZTE's the sequence of 2000, its words for all (each that is
/// not needed comes when the stick has left, or is refused); Huawei's the word that
/// usb-modeswitch-data's udev rule lets any CD-ROM of `12d1` have.
const fn usual(vendor: u16) -> Option<&'static [Action]> {
    match vendor {
        VENDOR_ZTE => Some(words::ZTE),
        VENDOR_HUAWEI => Some(words::HUAWEI),
        _ => None,
    }
}

/// Whether `text` stands in `said`. The table's underscores may be blanks.
fn says(said: &str, text: &str) -> bool {
    let same = |(a, b): (u8, u8)| a == b || (b == b'_' && a == b' ');
    said.as_bytes()
        .windows(text.len().max(1))
        .any(|part| part.iter().copied().zip(text.bytes()).all(same))
}

impl Wrapper {
    /// Returns the 31 bytes that go over the bus.
    pub fn bytes(&self) -> [u8; CBW] {
        let mut bytes = [0; CBW];
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
