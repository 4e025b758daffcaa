//! Power switching by the kernel: `<hub>:1.0/<hub>-port<n>/disable`, since Linux 6.0.

use std::{fs, path::PathBuf};

use super::{Hub, PortPower, PowerError, SocketPort};
use crate::Sysfs;

/// Switches ports through sysfs. Needs root.
#[derive(Clone, Debug, Default)]
pub struct SysfsPower {
    sysfs: Sysfs,
}

impl SysfsPower {
    /// Creates a switch for this sysfs tree.
    pub const fn new(sysfs: Sysfs) -> Self {
        Self { sysfs }
    }

    fn attribute(&self, port: SocketPort) -> PathBuf {
        let SocketPort { hub, port } = port;
        self.sysfs
            .usb_devices()
            .join(interface(hub))
            .join(format!("{hub}-port{port}"))
            .join("disable")
    }
}

impl PortPower for SysfsPower {
    fn set(&self, port: SocketPort, on: bool) -> Result<(), PowerError> {
        let path = self.attribute(port);
        let expected = if on { "0" } else { "1" };
        let failed = |source| PowerError::Sysfs {
            path: path.clone(),
            source,
        };
        // Not `fs::write`: it would create the file for a port that does not exist.
        let mut file = fs::OpenOptions::new()
            .write(true)
            .open(&path)
            .map_err(failed)?;
        std::io::Write::write_all(&mut file, expected.as_bytes()).map_err(failed)?;
        drop(file);
        let got = fs::read_to_string(&path).map_err(failed)?.trim().to_owned();
        if got == expected {
            Ok(())
        } else {
            Err(PowerError::NotTaken {
                path,
                expected,
                got,
            })
        }
    }
}

/// Returns the name of a hub's interface: the configuration is 0 for root hubs and 1 for others.
fn interface(hub: Hub) -> String {
    if hub.route.is_empty() {
        format!("{}-0:1.0", hub.bus)
    } else {
        format!("{hub}:1.0")
    }
}
