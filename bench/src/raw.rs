//! `bench raw`: the limit of the machine. The same bytes appended to a preallocated file, one `fdatasync` per batch.

use std::fs::OpenOptions;
use std::io::{Seek, SeekFrom, Write};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Outcome;
use crate::arguments::Arguments;

/// Written before the clock starts, then written over: appending to blocks that exist is the fastest a log can be.
const FILE_LENGTH: u64 = 64 << 20;

/// Writes batches for some seconds and reports messages per second.
pub(crate) fn run(arguments: &Arguments) -> Outcome<Value> {
    let path = arguments.text("file")?;
    let (size, batch): (usize, usize) = (arguments.number("size")?, arguments.number("batch")?);
    let duration = Duration::from_secs_f64(arguments.number("seconds")?);
    let mut file = OpenOptions::new().create(true).truncate(true).write(true).open(path)?;
    for _ in 0..FILE_LENGTH >> 20 {
        file.write_all(&vec![0; 1 << 20])?;
    }
    file.sync_all()?;
    file.seek(SeekFrom::Start(0))?;
    let bytes: Vec<u8> = (0..=255_u8).cycle().take(size * batch).collect();
    let (begin, mut batches, mut position) = (Instant::now(), 0_usize, 0_u64);
    while begin.elapsed() < duration {
        if position + bytes.len() as u64 > FILE_LENGTH {
            position = file.seek(SeekFrom::Start(0))?;
        }
        file.write_all(&bytes)?;
        file.sync_data()?;
        position += bytes.len() as u64;
        batches += 1;
    }
    let rate = (batches * batch) as f64 / begin.elapsed().as_secs_f64();
    Ok(json!({ "batch": batch, "rate": rate }))
}
