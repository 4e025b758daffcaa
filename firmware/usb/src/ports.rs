//! Choice of a stick's modem port and command ports among its serial ports. Pure.
//!
//! Descriptors come first, because one product id is used by sticks with different layouts: the
//! only port with an interrupt endpoint, or with AT commands as its protocol. If they leave it open,
//! tables decide; if those do not either, the vendor's usual layout.

mod table;

use tokio_modem::modem::{Profile, profile_for};

use crate::{
    interface::{Interface, Serial},
    switch::VENDOR_HUAWEI,
};

const VENDOR_SIERRA: u16 = 0x1199;
const VENDOR_QUECTEL: u16 = 0x2c7c;

/// Returns whether the product's ports are in a table, which makes it a modem.
pub(crate) fn is_known(vendor: u16, product: u16) -> bool {
    table::row(vendor, product).is_some()
}

/// Returns the `bInterfaceNumber` of the port to dial on, among `interfaces` that can be serial ports.
pub(crate) fn modem(vendor: u16, product: u16, interfaces: &[&Interface]) -> Option<u8> {
    let profile = profile_for(vendor, product);
    let qmi = profile.and_then(|profile| profile.qmi_interface);
    let ports = || {
        let ports = interfaces.iter().copied();
        ports.filter(move |port| Some(port.number) != qmi)
    };
    let is_huawei = vendor == VENDOR_HUAWEI;
    let is_there = |wanted: u8| ports().any(|port| port.number == wanted).then_some(wanted);
    let exact = profile.filter(|profile| profile.product == product);
    only(ports().filter(|port| is_huawei && port.is_huawei_modem()))
        .or_else(|| only(ports().filter(|port| port.says_modem())))
        .or_else(|| is_there(exact?.modem_interface))
        .or_else(|| is_there(table::row(vendor, product)?.modem))
        .or_else(|| first_acm(interfaces))
        .or_else(|| match vendor {
            // 0 dials (`option`; ModemManager starts there).
            VENDOR_HUAWEI => ports().map(|port| port.number).min(),
            // 0 is for diagnosis, 1 or 2 for GNSS, 3 dials (`qcserial`, `option`).
            VENDOR_SIERRA | VENDOR_QUECTEL => is_there(3),
            _ => None,
        })
        // The layout of most ZTE sticks.
        .or_else(|| {
            let rank = |port: &&Interface| (port.says_modem(), port.number);
            ports().max_by_key(rank).map(|port| port.number)
        })
}

/// Returns the AT command ports next to the one that dials, the best first.
pub(crate) fn command_ports(
    vendor: u16,
    product: u16,
    interfaces: &[&Interface],
    modem: u8,
) -> Vec<u8> {
    let known: Option<&Profile> = profile_for(vendor, product);
    let exact = known.filter(|profile| profile.product == product);
    let row = table::row(vendor, product);
    let acm = interfaces
        .iter()
        .filter(|port| port.serial() == Some(Serial::Acm));
    let mut ports: Vec<u8> = Vec::new();
    // Huawei's by their protocol; if that leaves it open, the last (`chan_dongle`'s settings
    // for the E173 and its like).
    let huawei = |any: bool| {
        let ports = interfaces.iter().filter(|_| vendor == VENDOR_HUAWEI);
        let ports = ports.filter(move |port| any || port.is_huawei_command());
        ports.map(|port| port.number).max()
    };
    let rows = [
        huawei(false),
        exact.and_then(|profile| profile.at_interface),
        row.and_then(|row| row.command_ports),
        // If another port dials than the one of the row, the row's takes commands.
        exact.map(|profile| profile.modem_interface),
        row.map(|row| row.modem),
        known.and_then(|profile| profile.at_interface),
        huawei(true),
    ];
    let all = rows.into_iter().flatten();
    let all = all.chain(acm.map(|port| port.number));
    for port in all {
        let is_there = interfaces.iter().any(|it| it.number == port);
        if port != modem && is_there && !ports.contains(&port) {
            ports.push(port);
        }
    }
    ports
}

/// Returns the number of an interface if it is the only one.
fn only<'a>(mut of: impl Iterator<Item = &'a Interface>) -> Option<u8> {
    match (of.next(), of.next()) {
        (Some(only), None) => Some(only.number),
        _ => None,
    }
}

/// Returns the first of the ports with AT as their protocol, which is the one to dial on for modules of
/// Ericsson, Telit and Cinterion; without such ports, the first of the others.
fn first_acm(interfaces: &[&Interface]) -> Option<u8> {
    let is_acm = |port: &&&Interface| port.serial() == Some(Serial::Acm);
    let acm = |says: bool| {
        let ports = interfaces.iter().filter(is_acm);
        let ports = ports.filter(move |port| port.says_modem() == says);
        ports.map(|port| port.number).min()
    };
    let others = interfaces.iter().any(|port| !is_acm(&port));
    acm(true).or_else(|| if others { None } else { acm(false) })
}
