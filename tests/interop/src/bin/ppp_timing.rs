//! `ppp_timing [CALLS]`: from `CONNECT` to IPCP open, the engine beside pppd, as Markdown.

use std::{env, error::Error, time::Duration};

use failberry_bench::scene::repository;
use failberry_interop::timing;

/// Enough for a median.
const CALLS: usize = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let calls = env::args().nth(1).map_or(Ok(CALLS), |word| word.parse())?;
    let figures = timing::measure(&repository().join("out/ppp-timing"), calls)?;
    println!("| from CONNECT to IPCP open, median of {calls} | engine, ms | pppd, ms | ratio |");
    println!("|---|--:|--:|--:|");
    for mut these in figures {
        let (engine, pppd) = (median(&mut these.engine), median(&mut these.pppd));
        let ratio = engine / pppd;
        let auth = these.auth;
        println!("| authentication: {auth:?} | {engine:.1} | {pppd:.1} | {ratio:.2} |");
    }
    Ok(())
}

/// In milliseconds.
fn median(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    let middle = times.get(times.len() / 2).copied().unwrap_or_default();
    middle.as_secs_f64() * 1000.0
}
