//! Shows the stick, its network, the prepaid balance and the messages in it:
//! `status_smol /dev/ttyUSB1 [*100#]`.

use std::{env, error::Error};

use tokio_modem::{
    driver,
    modem::{Creg, GENERIC, Manufacturer, MessageForm, Model, Operator, Shown, Signal},
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let path = arguments.next().ok_or("expected: PORT [CODE]")?;
    smol::block_on(show(&path, arguments.next()))
}

async fn show(path: &str, code: Option<String>) -> Result<(), Box<dyn Error>> {
    // `modem::profile_for` finds the row of a stick whose USB ids are known.
    let mut stick = driver::smol::session(driver::open(path)?, &GENERIC).await?;
    let (Manufacturer(maker), Model(model)) = (stick.ask().await?, stick.ask().await?);
    println!("{maker} {model}");
    println!("signal: {}", stick.ask::<Signal>().await?);
    println!("network: {}", stick.ask::<Creg>().await?.0.registration);
    if let Some(operator) = stick.ask::<Option<Operator>>().await? {
        println!("operator: {operator}");
    }
    if let Some(code) = code {
        println!("{code}: {}", Shown(&stick.ussd(&code).await?.text));
    }
    let told = |message: Result<tokio_modem::modem::Message, _>| match message {
        Ok(message) => println!("from {}: {}", message.sender, Shown(&message.text)),
        Err(error) => println!("a message that cannot be read: {error}"),
    };
    stick.messages(MessageForm::Pdu, told).await?;
    Ok(())
}
