//! Which ports take commands where the descriptors leave that open: a row for each product.
//!
//! Interfaces as the udev rules of `ModemManager` 1.20.4 (`77-mm-*-port-types.rules`,
//! `77-mm-sierra.rules`) tag them: what is tagged for PPP dials, else what is tagged as the primary
//! port for AT commands.

/// A product's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) vendor: u16,
    pub(super) product: u16,
    /// `bInterfaceNumber` of the port that dials.
    pub(super) modem: u8,
    /// `bInterfaceNumber` of another port for AT commands.
    pub(super) command_ports: Option<u8>,
}

/// A row from `ModemManager`'s rules, with two ports for commands.
const fn mm(vendor: u16, product: u16, modem: u8, command_ports: u8) -> Row {
    Row {
        vendor,
        product,
        modem,
        command_ports: Some(command_ports),
    }
}

/// A row from there, with one.
const fn mm_one(vendor: u16, product: u16, modem: u8) -> Row {
    Row {
        vendor,
        product,
        modem,
        command_ports: None,
    }
}

/// The row of a product.
pub(super) fn row(vendor: u16, product: u16) -> Option<&'static Row> {
    let key = (vendor, product);
    let found = ROWS.binary_search_by_key(&key, |row| (row.vendor, row.product));
    found.ok().and_then(|at| ROWS.get(at))
}

/// Sorted by vendor and product.
static ROWS: [Row; 171] = [
    mm_one(0x0421, 0x060d, 1),
    mm_one(0x0421, 0x0611, 1),
    mm_one(0x0421, 0x0619, 3),
    mm_one(0x0421, 0x061a, 1),
    mm_one(0x0421, 0x061b, 1),
    mm_one(0x0421, 0x061f, 1),
    mm_one(0x0421, 0x0620, 1),
    mm_one(0x0421, 0x0623, 1),
    mm_one(0x0421, 0x0624, 1),
    mm_one(0x0421, 0x0625, 1),
    mm_one(0x0421, 0x062a, 1),
    mm_one(0x0421, 0x062e, 1),
    mm_one(0x0421, 0x062f, 1),
    mm(0x0489, 0xe0b4, 2, 3),
    mm(0x0489, 0xe0b5, 2, 3),
    mm(0x07d1, 0x7e11, 2, 3),
    mm(0x0b3c, 0xc005, 5, 0),
    mm(0x0e8d, 0x00a1, 0, 1),
    mm(0x0e8d, 0x00a2, 0, 1),
    mm(0x0e8d, 0x00a4, 0, 2),
    mm(0x0e8d, 0x00a5, 2, 3),
    mm(0x0e8d, 0x00a7, 2, 3),
    mm_one(0x1199, 0x9071, 3),
    mm_one(0x1199, 0x9091, 3),
    mm(0x1782, 0x4d10, 0, 5),
    mm(0x1782, 0x4d11, 2, 7),
    mm(0x19d2, 0x0001, 0, 2),
    mm(0x19d2, 0x0002, 2, 4),
    mm(0x19d2, 0x0003, 0, 1),
    mm(0x19d2, 0x0004, 0, 1),
    mm(0x19d2, 0x0005, 0, 1),
    mm(0x19d2, 0x0006, 0, 1),
    mm(0x19d2, 0x0007, 0, 1),
    mm(0x19d2, 0x0008, 0, 1),
    mm(0x19d2, 0x0009, 0, 1),
    mm(0x19d2, 0x000a, 0, 1),
    mm(0x19d2, 0x0012, 2, 4),
    mm(0x19d2, 0x0015, 1, 3),
    mm(0x19d2, 0x0016, 2, 1),
    mm(0x19d2, 0x0017, 2, 1),
    mm(0x19d2, 0x0018, 2, 1),
    mm(0x19d2, 0x0019, 2, 1),
    mm(0x19d2, 0x0021, 3, 1),
    mm(0x19d2, 0x0024, 2, 4),
    mm(0x19d2, 0x0025, 2, 4),
    mm(0x19d2, 0x0030, 1, 3),
    mm(0x19d2, 0x0031, 3, 1),
    mm(0x19d2, 0x0033, 4, 1),
    mm(0x19d2, 0x0037, 3, 1),
    mm(0x19d2, 0x0039, 3, 1),
    mm(0x19d2, 0x0042, 3, 1),
    mm(0x19d2, 0x0043, 3, 2),
    mm(0x19d2, 0x0048, 4, 2),
    mm(0x19d2, 0x0049, 4, 2),
    mm(0x19d2, 0x0052, 3, 1),
    mm(0x19d2, 0x0054, 1, 3),
    mm(0x19d2, 0x0055, 2, 4),
    mm(0x19d2, 0x0057, 3, 1),
    mm(0x19d2, 0x0058, 3, 1),
    mm(0x19d2, 0x0061, 3, 1),
    mm(0x19d2, 0x0063, 3, 1),
    mm(0x19d2, 0x0064, 2, 0),
    mm(0x19d2, 0x0066, 3, 1),
    mm(0x19d2, 0x0078, 3, 1),
    mm(0x19d2, 0x0082, 3, 1),
    mm(0x19d2, 0x0091, 4, 1),
    mm(0x19d2, 0x0104, 3, 1),
    mm(0x19d2, 0x0106, 3, 1),
    mm(0x19d2, 0x0108, 3, 1),
    mm(0x19d2, 0x0113, 4, 1),
    mm(0x19d2, 0x0117, 2, 1),
    mm(0x19d2, 0x0118, 4, 1),
    mm(0x19d2, 0x0121, 4, 1),
    mm(0x19d2, 0x0122, 3, 1),
    mm(0x19d2, 0x0123, 3, 1),
    mm(0x19d2, 0x0124, 4, 1),
    mm(0x19d2, 0x0125, 5, 1),
    mm(0x19d2, 0x0126, 4, 1),
    mm(0x19d2, 0x0128, 4, 1),
    mm(0x19d2, 0x0156, 2, 1),
    mm(0x19d2, 0x1007, 3, 1),
    mm(0x19d2, 0x1008, 3, 1),
    mm(0x19d2, 0x1010, 3, 1),
    mm(0x19d2, 0x1254, 3, 1),
    mm(0x19d2, 0x1268, 3, 1),
    mm(0x19d2, 0x1515, 0, 2),
    mm(0x19d2, 0x2002, 3, 1),
    mm(0x19d2, 0x2003, 3, 1),
    mm(0x1bbb, 0x0000, 3, 1),
    mm(0x1bbb, 0x0017, 5, 0),
    mm(0x1bbb, 0x00b7, 4, 0),
    mm(0x1bbb, 0x022c, 1, 2),
    mm(0x1bc7, 0x1003, 0, 2),
    mm(0x1bc7, 0x1004, 0, 3),
    mm(0x1bc7, 0x1005, 0, 3),
    mm(0x1bc7, 0x1006, 0, 2),
    mm(0x1bc7, 0x1010, 3, 2),
    mm_one(0x1bc7, 0x1011, 1),
    mm(0x1bc7, 0x1031, 1, 2),
    mm(0x1bc7, 0x1033, 1, 2),
    mm(0x1bc7, 0x1040, 4, 5),
    mm(0x1bc7, 0x1041, 5, 6),
    mm(0x1bc7, 0x1050, 4, 5),
    mm(0x1bc7, 0x1051, 5, 6),
    mm(0x1bc7, 0x1060, 4, 5),
    mm(0x1bc7, 0x1061, 5, 6),
    mm(0x1bc7, 0x1101, 1, 2),
    mm(0x1bc7, 0x110a, 1, 2),
    mm(0x1bc7, 0x1201, 4, 5),
    mm(0x1bc7, 0x1204, 5, 6),
    mm(0x1bc7, 0x7010, 4, 3),
    mm(0x1bc7, 0x7011, 4, 3),
    mm(0x1c9e, 0x3197, 0, 1),
    mm(0x1c9e, 0x6000, 0, 2),
    mm(0x1c9e, 0x6060, 0, 2),
    mm(0x1c9e, 0x6061, 0, 2),
    mm(0x1c9e, 0x7001, 2, 0),
    mm(0x1c9e, 0x7002, 2, 0),
    mm(0x1c9e, 0x7101, 4, 0),
    mm(0x1c9e, 0x7102, 4, 0),
    mm(0x1c9e, 0x8000, 5, 0),
    mm(0x1c9e, 0x8001, 4, 0),
    mm(0x1c9e, 0x8002, 4, 0),
    mm(0x1c9e, 0x9000, 3, 1),
    mm(0x1c9e, 0x9001, 2, 0),
    mm(0x1c9e, 0x9002, 2, 0),
    mm(0x1c9e, 0x9003, 3, 0),
    mm(0x1c9e, 0x9004, 1, 0),
    mm(0x1c9e, 0x9005, 1, 0),
    mm(0x1c9e, 0x9010, 3, 0),
    mm(0x1c9e, 0x9012, 2, 0),
    mm(0x1c9e, 0x9020, 3, 0),
    mm(0x1c9e, 0x9022, 2, 0),
    mm(0x1c9e, 0x9602, 0, 1),
    mm(0x1c9e, 0x9603, 2, 0),
    mm(0x1c9e, 0x9604, 3, 0),
    mm(0x1c9e, 0x9605, 3, 0),
    mm(0x1c9e, 0x9606, 4, 0),
    mm(0x1c9e, 0x9607, 4, 0),
    mm(0x1e0e, 0x9001, 2, 3),
    mm(0x1e0e, 0x9100, 3, 1),
    mm(0x1e0e, 0x9200, 3, 1),
    mm(0x1e0e, 0x9205, 3, 2),
    mm(0x1e0e, 0x9206, 5, 2),
    mm(0x1e0e, 0xcefe, 2, 0),
    mm(0x1e2d, 0x005b, 0, 2),
    mm(0x1e2d, 0x005d, 0, 2),
    mm(0x1e2d, 0x0061, 0, 2),
    mm(0x1e2d, 0x0069, 0, 2),
    mm(0x1e2d, 0x006f, 0, 2),
    mm(0x2001, 0x7d00, 0, 1),
    mm(0x2001, 0x7e35, 1, 2),
    mm_one(0x201e, 0x10f8, 3),
    mm(0x2020, 0x2060, 1, 2),
    mm(0x230d, 0x0001, 1, 3),
    mm_one(0x2357, 0x9000, 3),
    mm(0x2c7c, 0x0125, 2, 3),
    mm(0x2c7c, 0x0191, 2, 3),
    mm(0x2c7c, 0x0195, 2, 3),
    mm(0x2c7c, 0x0296, 2, 3),
    mm(0x2c7c, 0x0306, 2, 3),
    mm(0x2c7c, 0x0800, 2, 3),
    mm(0x2cb7, 0x0104, 1, 2),
    mm(0x2cb7, 0x0106, 1, 2),
    mm(0x2cb7, 0x010a, 0, 1),
    mm(0x2cb7, 0x01a0, 2, 3),
    mm(0x2cb7, 0x01a2, 2, 3),
    mm_one(0x2cb7, 0x01a4, 3),
    mm(0x305a, 0x1405, 1, 2),
    mm(0x413c, 0x81d7, 2, 3),
    mm(0x413c, 0x81e0, 2, 3),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_unique() {
        let keys = ROWS.iter().map(|row| (row.vendor, row.product));
        assert!(keys.is_sorted_by(|before, after| before < after));
        assert!(ROWS.iter().all(|row| Some(row.modem) != row.command_ports));
    }

    #[test]
    fn rows_are_found_and_are_the_sources() {
        assert_eq!(ROWS.iter().filter(|row| row.vendor == 0x19d2).count(), 62);
        for (vendor, product, modem, command_ports) in [
            (0x19d2, 0x0001, 0, Some(2)),
            (0x19d2, 0x0002, 2, Some(4)),
            (0x19d2, 0x0003, 0, Some(1)),
            (0x19d2, 0x0012, 2, Some(4)),
            (0x19d2, 0x0015, 1, Some(3)),
            (0x19d2, 0x0024, 2, Some(4)),
            (0x19d2, 0x0025, 2, Some(4)),
            (0x19d2, 0x0030, 1, Some(3)),
            (0x19d2, 0x0054, 1, Some(3)),
            (0x19d2, 0x0055, 2, Some(4)),
            (0x19d2, 0x2003, 3, Some(1)),
            (0x1e0e, 0x9205, 3, Some(2)),
            (0x201e, 0x10f8, 3, None),
        ] {
            let found = row(vendor, product).map(|row| (row.modem, row.command_ports));
            assert_eq!(
                found,
                Some((modem, command_ports)),
                "{vendor:04x}:{product:04x}"
            );
        }
        assert_eq!(row(0x19d2, 0x2000), None);
    }
}
