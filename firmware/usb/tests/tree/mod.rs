//! A sysfs tree as the kernel makes it, on disk.
#![allow(dead_code)] // Each test file uses a part of it.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use failberry_usb::{Look, Presence, Stick, Sysfs};
use tempfile::TempDir;

pub(crate) struct Tree {
    root: TempDir,
}

pub(crate) struct Interface<'a> {
    pub(crate) number: u8,
    pub(crate) class: u8,
    /// Subclass and protocol; the attributes are not there where they are left out.
    pub(crate) kind: Option<(u8, u8)>,
    pub(crate) endpoints: u8,
    pub(crate) driver: Option<&'a str>,
    pub(crate) tty: Option<u32>,
}

pub(crate) const fn serial(number: u8, endpoints: u8, tty: u32) -> Interface<'static> {
    Interface {
        number,
        class: 0xff,
        kind: None,
        endpoints,
        driver: Some("option"),
        tty: Some(tty),
    }
}

impl Tree {
    /// The board alone: root hub, LAN9514 with its Ethernet on port 1.
    pub(crate) fn pi2b() -> Self {
        let tree = Self {
            root: TempDir::new().unwrap(),
        };
        fs::create_dir_all(tree.devices()).unwrap();
        tree.device("usb1", 0x1d6b, 0x0002, 1);
        tree.device("1-1", 0x0424, 0x9514, 1);
        tree.device("1-1.1", 0x0424, 0xec00, 1);
        tree.interface(
            "1-1.1",
            &Interface {
                number: 0,
                class: 0xff,
                kind: Some((0x00, 0xff)),
                endpoints: 3,
                driver: Some("smsc95xx"),
                tty: None,
            },
        );
        for port in 1..=5 {
            let directory = tree.devices().join(format!("1-1:1.0/1-1-port{port}"));
            fs::create_dir_all(&directory).unwrap();
            fs::write(directory.join("disable"), "0\n").unwrap();
        }
        tree
    }

    pub(crate) fn devices(&self) -> PathBuf {
        self.root.path().join("bus/usb/devices")
    }

    pub(crate) fn sysfs(&self) -> Sysfs {
        Sysfs::at(self.root.path())
    }

    pub(crate) fn look(&self) -> Presence {
        self.sysfs().stick(Look::Complete, None, None).presence
    }

    /// The kernel's real directories lie deep; the flat listing has links to them.
    pub(crate) fn real(&self, name: &str) -> PathBuf {
        let real = self
            .root
            .path()
            .join("devices/platform/soc/3f980000.usb")
            .join(name);
        fs::create_dir_all(&real).unwrap();
        let link = self.devices().join(name);
        if !link.exists() {
            symlink(&real, link).unwrap();
        }
        real
    }

    pub(crate) fn device(&self, path: &str, vendor: u16, product: u16, interfaces: usize) {
        let real = self.real(path);
        fs::write(real.join("idVendor"), format!("{vendor:04x}\n")).unwrap();
        fs::write(real.join("idProduct"), format!("{product:04x}\n")).unwrap();
        fs::write(real.join("bNumInterfaces"), format!("{interfaces:2}\n")).unwrap();
        fs::write(real.join("product"), "ZTE WCDMA Technologies MSM\n").unwrap();
    }

    pub(crate) fn interface(&self, device: &str, interface: &Interface<'_>) {
        let real = self.real(&format!("{device}:1.{}", interface.number));
        fs::write(
            real.join("bInterfaceNumber"),
            format!("{:02x}\n", interface.number),
        )
        .unwrap();
        fs::write(
            real.join("bInterfaceClass"),
            format!("{:02x}\n", interface.class),
        )
        .unwrap();
        fs::write(
            real.join("bNumEndpoints"),
            format!("{:02x}\n", interface.endpoints),
        )
        .unwrap();
        if let Some((subclass, protocol)) = interface.kind {
            fs::write(real.join("bInterfaceSubClass"), format!("{subclass:02x}\n")).unwrap();
            fs::write(real.join("bInterfaceProtocol"), format!("{protocol:02x}\n")).unwrap();
        }
        if let Some(driver) = interface.driver {
            symlink(Path::new("../drivers").join(driver), real.join("driver")).unwrap();
        }
        if let Some(tty) = interface.tty {
            // usb-serial has a port between the interface and its tty, `cdc_acm` has none.
            let path = match interface.driver {
                Some("cdc_acm") => format!("tty/ttyACM{tty}"),
                _ => format!("ttyUSB{tty}/tty/ttyUSB{tty}"),
            };
            fs::create_dir_all(real.join(path)).unwrap();
        }
    }

    pub(crate) fn mf180(&self, path: &str, first_tty: u32) {
        self.device(path, 0x19d2, 0x2003, 3);
        self.interface(path, &serial(0, 2, first_tty));
        self.interface(path, &serial(1, 2, first_tty + 1));
        self.interface(path, &serial(2, 3, first_tty + 2));
    }

    pub(crate) fn unplug(&self, path: &str) {
        for entry in fs::read_dir(self.devices()).unwrap() {
            let link = entry.unwrap().path();
            let name = link.file_name().unwrap().to_str().unwrap().to_owned();
            if name == path || name.starts_with(&format!("{path}:")) {
                fs::remove_dir_all(fs::canonicalize(&link).unwrap()).unwrap();
                fs::remove_file(link).unwrap();
            }
        }
    }
}

pub(crate) fn ready(presence: Presence) -> Stick {
    match presence {
        Presence::Ready(stick) => stick,
        other => unreachable!("expected a ready stick, got {other:?}"),
    }
}
