//! Dials under smol and hangs up: `dial_smol /dev/ttyUSB2 internet [PIN]`.

use std::{env, error::Error};

use tokio_modem::{
    dial::{DialError, Settings},
    driver,
    modem::GENERIC,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (path, apn, pin) = match arguments.as_slice() {
        [path, apn] => (path, apn, None),
        [path, apn, pin] => (path, apn, Some(pin.as_str())),
        _ => return Err("expected: PORT APN [PIN]".into()),
    };
    let settings = Settings::new(apn, "*99#", pin)?;
    let tty = driver::open(path)?;
    let told = |progress: &_| println!("{progress}");
    let dialled = smol::block_on(driver::smol::dial(tty, &GENERIC, settings, told));
    match dialled {
        Ok(online) => println!("CONNECT {}", online.rate),
        Err(error) if error.dial().is_some_and(DialError::pin_spent) => {
            return Err(format!("{error}: do not run this again with the same PIN").into());
        }
        Err(error) => return Err(error.into()),
    }
    // From here on the port speaks PPP: `kernel::Attachment` hands it to the kernel, `hdlc` frames
    // it here. Closing it hangs up.
    Ok(())
}
