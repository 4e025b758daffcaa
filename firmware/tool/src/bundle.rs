//! Making bundles, and looking into them.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Read},
    path::Path,
};

use failberry_config::PublicKey;
use failberry_update::{Header, Unverified};

use crate::{Bundle, Failure, key};

/// Signs an image.
pub(crate) fn make(args: &Bundle) -> Result<(), Failure> {
    let signer = key::read(&args.key)?;
    // What is no FIT image would be refused by the box, after minutes.
    let mut magic = [0; 4];
    File::open(&args.image)
        .and_then(|mut image| image.read_exact(&mut magic))
        .map_err(Failure::file(&args.image))?;
    if magic != [0xD0, 0x0D, 0xFE, 0xED] {
        return Err(Failure::Content {
            path: args.image.display().to_string(),
            reason: "expected a FIT image (slot.fit), got something else".into(),
        });
    }
    let out = File::create(&args.out).map_err(Failure::file(&args.out))?;
    let header = signer.bundle(
        &args.board,
        args.version,
        args.block,
        || File::open(&args.image).map(BufReader::new),
        &mut BufWriter::new(out),
    )?;
    println!("{}", told(&header));
    Ok(())
}

/// Tells what is in a bundle, and checks all of it.
pub(crate) fn inspect(path: &Path, key: Option<PublicKey>) -> Result<(), Failure> {
    let wrong = |source| Failure::Bundle {
        path: path.display().to_string(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(Failure::file(path))?);
    let unverified = Unverified::read(&mut file).map_err(wrong)?;
    let header = unverified.claims().clone();
    println!("{}", told(&header));
    if let Some(key) = key {
        unverified.verify(&[key]).map_err(wrong)?;
        println!("signature   good");
    } else {
        println!("signature   not checked: no --key");
    }
    let mut block = Vec::new();
    let damaged = |reason| Failure::Content {
        path: path.display().to_string(),
        reason,
    };
    for index in 0..header.blocks() {
        block.resize(header.block_length(index).unwrap_or_default(), 0);
        file.read_exact(&mut block).map_err(Failure::file(path))?;
        if !header.holds(index, &block) {
            let count = header.blocks();
            return Err(damaged(format!("block {index} of {count} is damaged")));
        }
    }
    if file.read(&mut [0]).map_err(Failure::file(path))? != 0 {
        return Err(damaged("something follows the image".into()));
    }
    println!("image       good");
    Ok(())
}

fn told(header: &Header) -> String {
    format!(
        "board       {}\nversion     {}\nkey         {}\nbytes       {} in {} blocks",
        header.board,
        header.version,
        header.key,
        header.payload,
        header.blocks()
    )
}
