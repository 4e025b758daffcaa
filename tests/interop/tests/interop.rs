//! `cargo test --package failberry-interop [-- --all] [-- PART OF A ROW'S NAME]`; needs root, QEMU,
//! slirp and what board/setup/carrier.sh lays out.

use std::{env, error::Error, fs, process::ExitCode};

use failberry_bench::{
    carrier::{Carrier, CarrierSettings},
    net::TestNetwork,
    scene::repository,
};
use failberry_interop::{Table, run};

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let words: Vec<String> = env::args().skip(1).collect();
    let all = words.iter().any(|word| word == "--all");
    // The harness' own flags mean nothing.
    let filter = words.into_iter().find(|word| !word.starts_with('-'));
    let mut table = Table::new(all, filter);
    let network = TestNetwork::create("fbinterop")?;
    let out = repository().join("out");
    // Sockets, and the peers' logs for whoever looks for a reason.
    let dir = out.join("interop");
    let carrier = Carrier::start(&network, &dir, CarrierSettings::default())?;
    run(&mut table, &carrier, &dir);
    fs::write(dir.join("pppd.log"), carrier.log())?;
    let passed = table.finish(&out.join("interop.md"))?;
    Ok(if passed {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
