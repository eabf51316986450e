//! Measures a start after `kill -9`: time and memory by size of the store, and of rebuilding the index.
//!
//! `cargo bench -p store --bench recovery -- DIR GIGABYTES [BODY_BYTES]` makes a store of that size in DIR/store, which
//! must not exist, with all its bytes really written; kills its process in the middle of commits; opens it in a new
//! process, twice; rebuilds its index in another; and removes it.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it reports to a terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures the real machine")]

mod letter;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use letter::batch;
use store::Store;
use store::embedded::{Options, open, open_reporting};

/// Commits under way at once.
const COMMITTERS: u64 = 64;

/// Megabytes below which every start stays, whatever the store.
const BAR: u64 = 100;

async fn fill(store: Arc<dyn Store>, committer: u64, size: usize, written: Arc<AtomicU64>) {
    let body: Vec<u8> = (0..size).map(|i| (i as u64 * 7 + committer) as u8).collect();
    for n in 0.. {
        let mut writer = store.stage();
        writer.write(&body).await.expect("there is room");
        let staged = writer.finish().await.expect("there is room");
        store.commit(batch(committer, n, staged)).await.expect("the store works");
        written.fetch_add(size as u64, Ordering::Relaxed);
    }
}

/// Fills the store, says when it is large enough, and goes on until it is killed.
async fn generate(dir: &Path, bytes: u64, size: usize) {
    let store = open(&world::real::world(&[]), dir, Options::default()).await.expect("a directory");
    let written = Arc::new(AtomicU64::new(0));
    for committer in 0..COMMITTERS {
        tokio::spawn(fill(Arc::clone(&store), committer, size, Arc::clone(&written)));
    }
    let mut said = 0;
    loop {
        tokio::task::yield_now().await;
        let now = written.load(Ordering::Relaxed);
        if now >= bytes {
            println!("full, {} bytes of log would be replayed", store.statistics().replay_bytes);
            std::future::pending::<()>().await;
        }
        if now >> 30 > said {
            said = now >> 30;
            eprintln!("{said} GB");
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Opens the store and tells what that took.
async fn start(dir: &Path) {
    let began = Instant::now();
    let opened = open_reporting(&world::real::world(&[]), dir, Options::default()).await;
    let (_store, recovery) = opened.expect("the store can be opened");
    let took = began.elapsed();
    println!(
        "{:8.3} s, peak {} MB resident, {} commits replayed, {} bytes discarded, index rebuilt: {}, {} MB of it at once",
        took.as_secs_f64(),
        peak_megabytes(),
        recovery.replayed,
        recovery.discarded_bytes,
        recovery.index_rebuilt,
        recovery.index_bytes >> 20
    );
    assert_eq!(recovery.lost, []);
    assert!(peak_megabytes() < BAR, "recovery is to stay below {BAR} MB");
    // As in another crash: nothing is flushed.
    std::process::exit(0);
}

/// `VmHWM` of proc(5).
fn peak_megabytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap_or(0) / 1024
}

/// This program again, with other work to do.
fn again(words: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program is a file"));
    command.args(words).stdout(Stdio::piped());
    command
}

fn measure(what: &str, dir: &str) {
    let mut command = again(&["start", dir]);
    let output = command.stderr(Stdio::inherit()).output().expect("this program can be started");
    print!("{what:<28} {}", String::from_utf8_lossy(&output.stdout));
    assert!(output.status.success(), "{what}: failed");
}

fn all(dir: &str, bytes: &str, size: &str) {
    let mut child = again(&["generate", dir, bytes, size]).spawn().expect("this program can be started");
    let mut line = String::new();
    let out = child.stdout.take().expect("it is piped");
    BufReader::new(out).read_line(&mut line).expect("it says when it is done");
    child.kill().expect("it runs");
    child.wait().expect("it was killed");
    print!("{line}");
    measure("start after kill -9", dir);
    measure("and once more", dir);
    std::fs::remove_dir_all(Path::new(dir).join("index")).expect("there is an index");
    measure("start without an index", dir);
    std::fs::remove_dir_all(dir).expect("it was made above");
}

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("there are threads");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match words[..] {
        ["generate", dir, bytes, size] => {
            runtime.block_on(generate(Path::new(dir), number(bytes), number(size) as usize));
        }
        ["start", dir] => runtime.block_on(start(Path::new(dir))),
        [dir, gigabytes, ref rest @ ..] => {
            let store = format!("{dir}/store");
            assert!(!Path::new(&store).exists(), "{store} is there already");
            let bytes = (number(gigabytes) << 30).to_string();
            all(&store, &bytes, rest.first().copied().unwrap_or("60000"));
        }
        _ => println!("say in which directory, how many gigabytes, and how large each body is"),
    }
}
