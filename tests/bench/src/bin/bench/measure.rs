//! The figures of docs/benchmarks.md, measured on what `make image` left.

use std::{
    error::Error,
    fs,
    io::Write as _,
    net::Ipv4Addr,
    path::Path,
    thread,
    time::{Duration, Instant},
};

use failberry_bench::{
    laptop::Laptop,
    probe,
    scene::{Kind, ScenarioConfig, Scene, Settings, repository},
    status::Status,
};

type Outcome<T> = Result<T, Box<dyn Error>>;

pub(crate) fn measure() -> Outcome<()> {
    let sizes = sizes()?;
    let directory = repository().join("out/measure");
    let keys = tempfile::tempdir()?;
    let laptop = Laptop::new(keys.path())?;
    let setting = ScenarioConfig {
        settings: Settings {
            more: format!("[update]\nkeys = [\"{}\"]\n", laptop.public()),
            ..Settings::default()
        },
        ..ScenarioConfig::new("fbm", Kind::Rpi2)
    };
    let scene = Scene::start(&setting, &directory, |text| eprintln!("==> {text}"))?;
    let times = times(&scene)?;
    let memory = memory(&scene)?;
    let update = update(&scene, &laptop)?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "| figure | value |\n|---|---|")?;
    for (what, value) in sizes.into_iter().chain(times).chain(memory).chain(update) {
        writeln!(out, "| {what} | {value} |")?;
    }
    Ok(())
}

fn sizes() -> Outcome<Vec<(&'static str, String)>> {
    let out = repository().join("out");
    let size = |path: &str| -> Outcome<u64> {
        let path = out.join(path);
        let file = fs::metadata(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(file.len())
    };
    let packed = fs::read_dir(&out)?
        .filter_map(|entry| entry.ok()?.path().file_name()?.to_str().map(str::to_owned))
        .find(|name| name.ends_with(".img.xz"))
        .ok_or("no .img.xz in out/")?;
    Ok(vec![
        (
            "binary (armv7, static)",
            mib(size("firmware/armv7/failberry")?),
        ),
        (
            "root file system, packed",
            mib(size("rpi2/userland.cpio.zst")?),
        ),
        (
            "slot (kernel, device tree, root)",
            mib(size("rpi2/slot.fit")?),
        ),
        ("card image", mib(size("rpi2/card.img")?)),
        ("card image, packed", mib(size(&packed)?)),
    ])
}

#[allow(clippy::cast_precision_loss)] // files here are far below 2^52 bytes
fn mib(bytes: u64) -> String {
    format!("{:.2} MiB", bytes as f64 / f64::from(1 << 20))
}

/// Boot milestones: label, and text of the console line.
const MOMENTS: [(&str, &str); 3] = [
    ("kernel start to PID 1", "is PID 1"),
    ("kernel start to eth0 lease", "leased"),
    ("kernel start to PPP up", "carrier link is up"),
];

fn times(scene: &Scene) -> Outcome<Vec<(&'static str, String)>> {
    let mut figures = Vec::new();
    for (what, line) in MOMENTS {
        let line = scene.board.console.wait(line, scene.bound(60))?;
        figures.push((what, format!("{:.1} s", guest_seconds(&line)?)));
    }
    let address = scene.network.wait_lease(Duration::from_secs(5))?;
    let health = probe::get_within(scene.network.lan(), address, 9000, "/", scene.bound(30))?;
    if health.status != 200 {
        return Err(format!("expected 200 on port 9000, got {health:?}").into());
    }
    let line = scene
        .board
        .console
        .wait("answering on port 9000", scene.bound(1))?;
    // The port is unreachable before there is an address.
    let lease = figures
        .get(1)
        .map(|(_, value)| value.clone())
        .unwrap_or_default();
    let lease: f64 = lease.trim_end_matches(" s").parse()?;
    let answering = guest_seconds(&line)?.max(lease);
    figures.push((
        "kernel start to port 9000 answering",
        format!("{answering:.1} s"),
    ));
    Ok(figures)
}

/// Returns the kernel's time stamp in seconds, `[   12.345678]`.
fn guest_seconds(line: &str) -> Outcome<f64> {
    let stamp = line
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    let (seconds, _) = stamp.ok_or_else(|| format!("expected a time stamp in {line:?}"))?;
    Ok(seconds.trim().parse()?)
}

fn memory(scene: &Scene) -> Outcome<Vec<(&'static str, String)>> {
    let address = scene.network.wait_lease(Duration::from_secs(5))?;
    // The box measures its memory once nothing has changed for ten seconds.
    let until = Instant::now() + scene.bound(30);
    let status = loop {
        let status = Status::ask(scene.network.lan(), address, Duration::from_secs(30))?;
        if status.number("/supervisor/pss_kib") > 0 {
            break status;
        }
        if Instant::now() > until {
            return Err("the box does not tell how much memory it takes".into());
        }
        thread::sleep(Duration::from_secs(1));
    };
    let figure = |place: &str| {
        let kib = u32::try_from(status.number(place)).unwrap_or(u32::MAX);
        format!("{:.1} MiB", f64::from(kib) / 1024.0)
    };
    Ok(vec![
        (
            "memory of our processes (PSS)",
            figure("/supervisor/pss_kib"),
        ),
        ("memory in use in all", figure("/supervisor/used_kib")),
    ])
}

/// A host on the internet with a page.
const PAGE_HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);

/// Pushes an update and waits until the LAN reaches the internet again.
fn update(scene: &Scene, laptop: &Laptop) -> Outcome<Vec<(&'static str, String)>> {
    let (console, lan) = (&scene.board.console, scene.network.lan());
    let image = repository().join("out/rpi2/slot.fit");
    let bundle = laptop.bundle(&image, "9.0.0")?;
    let bytes =
        |path: &Path| Ok::<_, std::io::Error>(format!("{} bytes", fs::metadata(path)?.len()));
    let sizes = (bytes(&bundle)?, bytes(&image)?);
    let address = scene.network.wait_lease(Duration::from_secs(5))?;
    scene.network.set_default_route(address)?;
    probe::get_within(lan, PAGE_HOST, 80, "/before", scene.bound(30))?;

    let mark = console.mark();
    eprintln!("==> pushing an update");
    laptop.push(lan, address, &bundle, "key.pem")?;
    // `push` returns when PID 1 has accepted the reboot request.
    let began = Instant::now();
    let mut moments = Vec::new();
    for line in ["U-Boot 20", "Linux version"] {
        console.wait_from(mark, line, scene.bound(60))?;
        moments.push(began.elapsed());
    }
    probe::get_within(lan, PAGE_HOST, 80, "/after", scene.bound(120))?;
    moments.push(began.elapsed());
    let [down, loaded, flows] = moments[..] else {
        return Err("three moments were to be measured".into());
    };
    console.wait_from(mark, "failberry.on_trial", scene.bound(1))?;
    let seconds = |time: Duration| format!("{:.1} s", time.as_secs_f64());
    Ok(vec![
        ("update bundle", sizes.0),
        ("image in it", sizes.1),
        (
            "end of a push to traffic from the new image",
            seconds(flows),
        ),
        ("of which going down", seconds(down)),
        (
            "of which U-Boot, with QEMU's slow card",
            seconds(loaded.saturating_sub(down)),
        ),
        (
            "of which kernel start to traffic",
            seconds(flows.saturating_sub(loaded)),
        ),
    ])
}
