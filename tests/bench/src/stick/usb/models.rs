//! The sticks that the bench can play.
//!
//! Numbers, classes and endpoints' kinds of [`MF190`] and [`MF190J`] are those of `usb-devices`
//! listings on ubuntuforums.org (19d2:2003 with serials `MF1900ZTED010000` and `MF193EZTED010000`,
//! 19d2:1544); that interface 3 dials and 1 takes commands is also in the
//! `77-mm-zte-port-types.rules` of `ModemManager`. [`MF180`] is the stick with three ttys of
//! <http://christian.amsuess.com/tutorials/zte_mf180/>. No listing has the addresses of endpoints:
//! they are counted up.

use super::{
    super::urc,
    layout::{Endpoint, Interface, Kind, Layout, Model, Role},
};

/// Largest bulk packet at full speed, the only speed behind QEMU's hub and on its dwc2.
pub(super) const PACKET: u16 = 64;

const fn bulk(address: u8) -> Endpoint {
    Endpoint {
        address,
        kind: Kind::Bulk,
        max_packet: PACKET,
        interval: 0,
    }
}

const fn interrupt(address: u8) -> Endpoint {
    Endpoint {
        address,
        kind: Kind::Interrupt,
        max_packet: 16,
        interval: 10,
    }
}

const VENDOR_SPECIFIC: [u8; 3] = [0xff, 0xff, 0xff];
/// SCSI transparent, bulk only.
const STORAGE: [u8; 3] = [8, 6, 0x50];
/// Communications, abstract control model, AT commands of V.250.
const ACM: [u8; 3] = [2, 2, 1];
const DATA: [u8; 3] = [0x0a, 0, 0];

const fn interface(class: [u8; 3], role: Role, endpoints: &'static [Endpoint]) -> Interface {
    Interface {
        class,
        endpoints,
        role,
    }
}

const fn port(role: Role, endpoints: &'static [Endpoint]) -> Interface {
    interface(VENDOR_SPECIFIC, role, endpoints)
}

const fn storage(endpoints: &'static [Endpoint]) -> Interface {
    interface(STORAGE, Role::Storage, endpoints)
}

const fn zte(product: u16, serial: &'static str, interfaces: &'static [Interface]) -> Layout {
    Layout {
        vendor: 0x19d2,
        product,
        release: 0,
        class: 0,
        strings: ["ZTE,Incorporated", "ZTE WCDMA Technologies MSM", serial],
        interfaces,
    }
}

/// The CD-ROM with the vendor's software.
const CDROM: &[Interface] = &[storage(&[bulk(0x81), bulk(0x01)])];

/// Three serial ports, the last of them with the interrupt endpoint that only modems have.
const THREE_PORTS: &[Interface] = &[
    port(Role::Mute, &[bulk(0x81), bulk(0x01)]),
    port(Role::Commands, &[bulk(0x82), bulk(0x02)]),
    port(Role::Modem, &[interrupt(0x84), bulk(0x83), bulk(0x03)]),
];

/// An MF180 with three ttys: diagnostics, commands, modem.
pub static MF180: Model = Model {
    urcs: urc::ZTE,
    modem: zte(0x2003, "MF1800ZTED010000", THREE_PORTS),
    cdrom: zte(0x2000, "MF1800ZTED010000", CDROM),
};

/// An MF190, and the MF180 as most lists have it: four serial ports of which the last dials, and a
/// card reader.
pub static MF190: Model = Model {
    urcs: urc::ZTE,
    modem: zte(
        0x2003,
        "MF1900ZTED010000",
        &[
            port(Role::Mute, &[bulk(0x81), bulk(0x01)]),
            port(Role::Commands, &[bulk(0x82), bulk(0x02)]),
            port(Role::Mute, &[bulk(0x83), bulk(0x03)]),
            port(Role::Modem, &[interrupt(0x84), bulk(0x85), bulk(0x04)]),
            storage(&[bulk(0x86), bulk(0x05)]),
        ],
    ),
    cdrom: zte(0x2000, "MF1900ZTED010000", CDROM),
};

const SERIAL_J: &str = "9BB27BAF013DFB85103C397DCB576195D5417DF5";

const fn mf190j(product: u16, class: u8, interfaces: &'static [Interface]) -> Layout {
    Layout {
        vendor: 0x19d2,
        product,
        release: 1,
        class,
        strings: ["ZTE", "MF190J", SERIAL_J],
        interfaces,
    }
}

/// An MF190J: three communications functions, for `cdc_acm`. In the listing's thread the first and
/// the second dial, and the third answers `ERROR` to everything.
pub static MF190J: Model = Model {
    urcs: urc::ICERA,
    modem: mf190j(
        0x1544,
        2,
        &[
            interface([0, 8, 0], Role::Nothing, &[]),
            interface(ACM, Role::States(2), &[interrupt(0x81)]),
            interface(DATA, Role::Modem, &[bulk(0x82), bulk(0x01)]),
            interface(ACM, Role::States(4), &[interrupt(0x83)]),
            interface(DATA, Role::Commands, &[bulk(0x84), bulk(0x02)]),
            interface(ACM, Role::States(6), &[interrupt(0x85)]),
            interface(DATA, Role::Refuses, &[bulk(0x86), bulk(0x03)]),
        ],
    ),
    cdrom: mf190j(0x1542, 0, CDROM),
};

/// An Option COLT: met by the same driver as the MF180, unknown to the box.
pub(in super::super) static FOREIGN: Layout = Layout {
    vendor: 0x0af0,
    product: 0x5000,
    release: 0,
    class: 0,
    strings: ["Option", "COLT", "1"],
    interfaces: THREE_PORTS,
};

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_model_has_one_modem_and_distinct_endpoints() {
        for (model, modem) in [(&MF180, 2), (&MF190, 3), (&MF190J, 2)] {
            let layout = &model.modem;
            assert_eq!(layout.modem(), Some(modem));
            assert_eq!((layout.storage(), model.cdrom.storage()), {
                let reader = (modem == 3).then_some(4);
                (reader, Some(0))
            });
            let ends = || layout.interfaces.iter().flat_map(|each| each.endpoints);
            let addresses: BTreeSet<u8> = ends().map(|end| end.address).collect();
            assert_eq!(addresses.len(), ends().count());
        }
    }

    #[test]
    fn line_states_lead_to_the_data_and_back() {
        let layout = &MF190J.modem;
        assert_eq!((layout.data_of(3), layout.states_of(4)), (4, 3));
        let layout = &MF190.modem;
        assert_eq!((layout.data_of(3), layout.states_of(3)), (3, 3));
    }
}
