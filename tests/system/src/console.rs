//! Scene of the serial console: prompt, pages, commands that affect the call, reboot.

use std::time::{Duration, Instant};

use failberry_bench::scene::{Kind, NAME, SECRET, ScenarioConfig, Scene, Settings};

use crate::{
    Suite,
    steps::{self, CARRIER_ADDRESS, address},
    suite::{Outcome, expect},
};

/// Prompt as drawn, with the cursor after it.
pub(crate) const PROMPT: &str = "failberry> \x1b[K\x1b[11C";

/// A carrier password that must not be shown.
const PASSWORD: &str = "carrier-password-of-the-test";

/// Runs the scene.
pub fn run(suite: &mut Suite) {
    let setting = ScenarioConfig {
        settings: Settings {
            login: Some(("house".into(), PASSWORD.into())),
            ..Settings::default()
        },
        ..ScenarioConfig::new("fbq", Kind::Virt)
    };
    suite.scene("console", &setting, |run| {
        run.step("eth0 leases an address", steps::lease);
        run.step("dials and agrees with pppd", steps::dials);
        run.step("the DNS record is set", steps::sets_the_record);
        run.step("Enter wakes the prompt, with a banner", wakes);
        run.step("help lists the commands, Tab completes them", help_and_tab);
        run.step("status tells how everything stands", status);
        run.step("Up brings the last line back", history);
        run.step("log shows what one service has said", log);
        run.step("log -f shows what comes, until a key", log_follows);
        run.step("config show holds no secret", config);
        run.step("slots tells what the boot loader does next", slots);
        run.step("modem tells what the stick is, in a call", modem);
        run.step("modem at asks the stick, after a warning", modem_at);
        run.step("redial ends the call and dials anew", redial);
        run.step(
            "power-cycle cuts the power, and the call comes back",
            power_cycle,
        );
        run.step("autorun on brings the stick's CD-ROM back, once", autorun);
        run.step("Ctrl-D leaves the terminal to the log", leaves);
        run.step("reboot asks, and the box comes back", reboot);
    });
}

/// Types `line`, waits for the next prompt and returns the lines in between.
pub(crate) fn say(scene: &Scene, line: &str) -> Outcome<Vec<String>> {
    let console = &scene.board.console;
    let mark = console.mark();
    console.send(line.as_bytes())?;
    console.send(b"\r")?;
    Ok(console.wait_prompt(mark, PROMPT, scene.bound(30))?)
}

/// As [`say`], for a command that asks for confirmation.
fn confirm(scene: &Scene, line: &str) -> Outcome<Vec<String>> {
    let console = &scene.board.console;
    let mark = console.mark();
    console.send(format!("{line}\r").as_bytes())?;
    console.wait_prompt(mark, "y/n: \x1b[K\x1b[5C", scene.bound(10))?;
    say(scene, "y")
}

/// Checks that each of `texts` is in one of `lines`.
pub(crate) fn expect_all(lines: &[String], texts: &[&str]) -> Outcome {
    for text in texts {
        if !lines.iter().any(|line| line.contains(text)) {
            return Err(format!("expected {text:?}, got:\n{}", lines.join("\n")).into());
        }
    }
    Ok(())
}

fn wakes(scene: &mut Scene) -> Outcome {
    let lan = address(scene)?;
    let banner = say(scene, "")?;
    let both = format!("{lan}, carrier {CARRIER_ADDRESS}");
    expect_all(&banner, &["FailberryPi", "slot a", &both, "help lists"])
}

fn help_and_tab(scene: &mut Scene) -> Outcome {
    let page = say(scene, "hel\t")?;
    expect_all(
        &page,
        &["one screen: links", "factory-reset", "restart <service>"],
    )?;
    if page.len() > 24 {
        return Err(format!("expected one screen, got {} lines", page.len()).into());
    }
    let console = &scene.board.console;
    let mark = console.mark();
    console.send(b"config \t")?;
    let typed = "failberry> config \x1b[K\x1b[18C";
    let listed = console.wait_prompt(mark, typed, scene.bound(10))?;
    expect_all(&listed, &["show  check  revert"])?;
    // Ctrl-U.
    Ok(console.send(b"\x15")?)
}

fn status(scene: &mut Scene) -> Outcome {
    let lan = address(scene)?;
    let page = say(scene, "sta\t")?;
    expect_all(
        &page,
        &[
            "slot a, up ",
            &format!("on ppp0, address {CARRIER_ADDRESS}"),
            "Bench Mobile, signal -",
            "MF180 19d2:2003 at ",
            "1 connected, 0 failed",
            &format!("{lan}/24 by DHCP, router 192.168.88.1"),
            "default route via ppp0, firewall up",
            &format!("{NAME} is {CARRIER_ADDRESS}"),
            "UTC, from ntp.failberry.test",
            "port 9000 answers",
            "all 7 run",
        ],
    )
}

fn history(scene: &mut Scene) -> Outcome {
    let page = say(scene, "\x1b[A")?;
    expect_all(&page, &["services    all 7 run"])
}

fn log(scene: &mut Scene) -> Outcome {
    let lines = say(scene, "log uplink")?;
    expect_all(&lines, &["uplink: USB: ", "uplink: carrier link is up"])?;
    let others = lines
        .iter()
        .filter(|line| line.contains("] clock: "))
        .count();
    expect("lines of another service", 0, others)?;
    let lines = say(scene, "log supervisor")?;
    expect_all(&lines, &["is PID 1, slot a"])
}

fn log_follows(scene: &mut Scene) -> Outcome {
    let console = scene.board.console.clone();
    let mark = console.mark();
    console.send(b"log -f network\r")?;
    console.wait_from(mark, "network: eth0: leased", scene.bound(10))?;
    scene.board.set_cable(false)?;
    console.wait_from(mark, "cable out", scene.bound(10))?;
    scene.board.set_cable(true)?;
    console.wait_from(mark, "cable in", scene.bound(10))?;
    console.send(b"q")?;
    console.wait_prompt(mark, PROMPT, scene.bound(10))?;
    // The key ended the command and is not part of the next one.
    expect_all(&say(scene, "help")?, &["this page"])
}

fn config(scene: &mut Scene) -> Outcome {
    let shown = say(scene, "config show")?;
    expect_all(&shown, &["[carrier]", "apn = \"internet\"", NAME])?;
    for secret in [SECRET, PASSWORD] {
        if shown.iter().any(|line| line.contains(secret)) {
            return Err(format!("{secret} stands on the console").into());
        }
    }
    let checked = say(scene, "config check")?;
    expect_all(&checked, &["nothing is wrong"])
}

fn slots(scene: &mut Scene) -> Outcome {
    let page = say(scene, "slots")?;
    // This board is started without U-Boot.
    let none = "next start  its order could not be read";
    expect_all(&page, &["a runs, b is the other one", none])
}

fn modem(scene: &mut Scene) -> Outcome {
    let page = say(scene, "modem")?;
    expect_all(
        &page,
        &[
            "19d2:2003",
            "Revision: BD_MF180",
            "IMEI: 351234567890123",
            "dBm",
        ],
    )?;
    in_call(scene)
}

fn modem_at(scene: &mut Scene) -> Outcome {
    let answer = confirm(scene, "modem at AT+CGMM")?;
    expect_all(&answer, &["MF180", "OK"])?;
    // Asked once.
    let answer = say(scene, "modem at AT+NONSENSE")?;
    expect_all(&answer, &["ERROR"])?;
    let answer = say(scene, "modem at ATD*99#")?;
    expect_all(
        &answer,
        &["refused: expected a command, got one that begins a call"],
    )?;
    in_call(scene)
}

fn in_call(scene: &Scene) -> Outcome {
    let stick = scene.stick.as_ref().ok_or("no stick is plugged in")?;
    expect("a call", true, stick.in_call())
}

fn redial(scene: &mut Scene) -> Outcome {
    let stick = scene.stick.as_ref().ok_or("no stick is plugged in")?;
    let told = || scene.board.console.lines_with("carrier link is up").len();
    let before = told();
    let said = say(scene, "redial")?;
    expect_all(&said, &["the call ends and is dialled anew"])?;
    stick.wait_call(false, scene.bound(10))?;
    stick.wait_call(true, scene.bound(30))?;
    wait_status(scene, &["2 connected, 0 failed; 1 redials", "up for "])?;
    // Only warnings are shown at the prompt.
    expect("lines of the log at the prompt", before, told())
}

/// Repeats `status` until it contains all of `texts`.
fn wait_status(scene: &Scene, texts: &[&str]) -> Outcome {
    let until = Instant::now() + scene.bound(60);
    loop {
        let told = expect_all(&say(scene, "status")?, texts);
        if told.is_ok() || Instant::now() > until {
            return told;
        }
        // Rendering the page costs the box more than waiting.
        std::thread::sleep(Duration::from_millis(500));
    }
}

fn autorun(scene: &mut Scene) -> Outcome {
    let told = say(scene, "autorun on")?;
    expect_all(&told, &["the stick shows its CD-ROM at its start"])?;
    let mark = scene.board.console.mark();
    let console = &scene.board.console;
    console.send(b"modem at AT+CFUN=1,1\r")?;
    // Shown above the prompt, as a warning; then the call is up again.
    console.wait_from(mark, "stick is gone", scene.bound(20))?;
    wait_status(scene, &["up for "])?;
    let lines = say(scene, "log uplink")?;
    expect_all(
        &lines,
        &[
            "shows its CD-ROM, ejecting it",
            "CD-ROM is switched off for good",
        ],
    )?;
    in_call(scene)
}

fn power_cycle(scene: &mut Scene) -> Outcome {
    let mark = scene.board.console.mark();
    let said = confirm(scene, "power-cycle")?;
    expect_all(&said, &["the sockets lose their power"])?;
    let console = &scene.board.console;
    // A warning, shown above the prompt.
    console.wait_from(
        mark,
        "cutting the power of the USB sockets",
        scene.bound(10),
    )?;
    wait_status(scene, &["1 USB power cycles", "up for "])?;
    in_call(scene)
}

fn leaves(scene: &mut Scene) -> Outcome {
    let console = &scene.board.console;
    let mark = console.mark();
    console.send(b"\x04")?;
    console.wait_from(mark, "Enter wakes the prompt", scene.bound(10))?;
    let mark = console.mark();
    scene.board.set_cable(false)?;
    let console = &scene.board.console;
    console.wait_from(mark, "network: eth0: cable out", scene.bound(10))?;
    scene.board.set_cable(true)?;
    let console = &scene.board.console;
    console.wait_from(mark, "network: eth0: cable in", scene.bound(30))?;
    Ok(())
}

fn reboot(scene: &mut Scene) -> Outcome {
    say(scene, "")?;
    let mark = scene.board.console.mark();
    scene.board.console.send(b"reboot\ry\r")?;
    let console = &scene.board.console;
    console.wait_from(mark, "is PID 1", scene.bound(90))?;
    console.wait_from(mark, "asked for at the serial console", scene.bound(60))?;
    console.wait_from(mark, "carrier link is up", scene.bound(90))?;
    let banner = say(scene, "")?;
    expect_all(&banner, &["FailberryPi"])
}
