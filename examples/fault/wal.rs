// SPDX-License-Identifier: LGPL-2.1-or-later

//! A test in Rust that lets the disk fail at a moment of its own, by bad-wal.fault:
//!
//!     rustc wal.rs && bedplate fault run bad-wal.fault -- ./wal
//!
//! An fsync that fails has to be seen, and what was not safe has to be written again.

use std::error::Error;
use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

const EIO: i32 = 5;

/// Have the scenario do what it has for "on NAME"; it is done when this returns.
fn tell(name: &str) -> Result<(), Box<dyn Error>> {
    let path = std::env::var("BEDPLATE_FAULT_SOCKET").map_err(|_| "no scenario runs here")?;
    let mut control = UnixStream::connect(path)?;
    let mut answer = String::new();
    writeln!(control, "{name}")?;
    BufReader::new(control).read_line(&mut answer)?;
    match answer.trim() {
        "ok" => Ok(()),
        why => Err(format!("{name}: {why}").into()),
    }
}

fn put(path: &str, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

fn run(wal: &str) -> Result<(), Box<dyn Error>> {
    put(wal, "one\n")?;
    tell("wal")?;
    match put(wal, "two\n") {
        Err(error) if error.raw_os_error() == Some(EIO) => {}
        other => return Err(format!("the failing disk was not seen: {other:?}").into()),
    }
    tell("healed")?;
    put(wal, "two\n")?;
    Ok(())
}

fn main() {
    let directory = std::env::var("BEDPLATE_FAULT_MOUNT").unwrap_or_else(|_| ".".into());
    if let Err(error) = run(&format!("{directory}/wal")) {
        eprintln!("{error}");
        std::process::exit(1);
    }
    println!("two is safe");
}
