//! Sensors of the board: temperature and supply voltage, from sysfs below a given root.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// Name of the driver that reports the Pi's supply voltage, which the firmware measures.
const VOLTAGE: &str = "rpi_volt";

/// Sensor readings; none if the board or its kernel has no such sensor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sensors {
    /// Temperature of the processor in thousandths of a degree Celsius.
    pub millidegrees: Option<i32>,
    /// Whether an under-voltage was detected recently.
    pub under_voltage: Option<bool>,
}

impl Sensors {
    /// Reads all sensors.
    pub fn read(sys: &Path) -> Self {
        let zones = entries(&sys.join("class/thermal"));
        let hwmons = entries(&sys.join("class/hwmon"));
        let temperature = |directory: &PathBuf, name| number(&directory.join(name));
        Self {
            millidegrees: zones
                .iter()
                .find_map(|zone| temperature(zone, "temp"))
                .or_else(|| hwmons.iter().find_map(|m| temperature(m, "temp1_input"))),
            under_voltage: hwmons
                .iter()
                .find(|monitor| {
                    fs::read_to_string(monitor.join("name"))
                        .is_ok_and(|name| name.trim() == VOLTAGE)
                })
                .and_then(|monitor| number(&monitor.join("in0_lcrit_alarm")))
                .map(|alarm| alarm != 0),
        }
    }
}

fn number(path: &Path) -> Option<i32> {
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(directory)
        .into_iter()
        .flatten()
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn pi_has_both_sensors_and_other_boards_none() {
        let sys = tempfile::tempdir().unwrap();
        assert_eq!(Sensors::read(sys.path()), Sensors::default());
        for (path, text) in [
            ("class/thermal/thermal_zone0/temp", "48312\n"),
            ("class/hwmon/hwmon0/name", "cpu_thermal\n"),
            ("class/hwmon/hwmon1/name", "rpi_volt\n"),
            ("class/hwmon/hwmon1/in0_lcrit_alarm", "1\n"),
        ] {
            let path = sys.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let expected = Sensors {
            millidegrees: Some(48_312),
            under_voltage: Some(true),
        };
        assert_eq!(Sensors::read(sys.path()), expected);
    }
}
