//! Dials under tokio, shows frames that came with `CONNECT`, and hangs up:
//! `dial_tokio /dev/ttyUSB2 internet [PIN]`.

use std::{env, error::Error};

use tokio::runtime::Builder;
use tokio_modem::{dial::Settings, driver, hdlc::Decoder, modem::GENERIC};

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(dial())
}

async fn dial() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (path, apn, pin) = match arguments.as_slice() {
        [path, apn] => (path, apn, None),
        [path, apn, pin] => (path, apn, Some(pin.as_str())),
        _ => return Err("expected: PORT APN [PIN]".into()),
    };
    let settings = Settings::new(apn, "*99#", pin)?;
    let tty = driver::open(path)?;
    let told = |progress: &_| println!("{progress}");
    let online = driver::tokio::dial(tty, &GENERIC, settings, told).await?;
    println!("CONNECT {}", online.rate);

    // The port speaks PPP now; a decoder goes on with what is read from `online.tty`.
    let mut decoder = Decoder::new();
    let mut early = online.early.as_slice();
    while let Some(frame) = decoder.receive(&mut early) {
        match frame {
            Ok(frame) => println!("frame: {frame:02x?}"),
            Err(error) => println!("{error}"),
        }
    }
    Ok(())
}
