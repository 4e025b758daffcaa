//! PID 1 of the machine that is the mobile carrier.

fn main() {
    failberry_bench::carrier::guest::run();
}
