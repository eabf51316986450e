//! Measures commits: rate, syncs and CPU per commit, against appending to a file alone.
//!
//! `cargo bench -p store -- DIR [SECONDS]` writes under DIR, which should be on the disk that matters.

#![expect(clippy::print_stdout, reason = "it reports to a terminal")]
#![expect(clippy::disallowed_methods, reason = "it measures the real machine")]
#![expect(clippy::cast_precision_loss, reason = "figures for people")]

mod letter;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use letter::batch;
use store::embedded::{Options, open};

/// Processor time of this process so far.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<u64> =
        stat.rsplit(") ").next().unwrap_or("").split(' ').map(|field| field.parse().unwrap_or(0)).collect();
    // Fields 14 and 15 of proc(5), in hundredths of a second.
    Duration::from_millis((fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0)) * 10)
}

async fn measure(dir: &Path, committers: u64, size: usize, time: Duration) {
    let world = world::real::world(&[]);
    let store = open(&world, dir, Options::default()).await.expect("the directory can be written");
    let start = Instant::now();
    let (cpu_before, body) = (cpu(), Arc::new((0..size).map(|i| (i * 7) as u8).collect::<Vec<u8>>()));
    let tasks: Vec<_> = (0..committers)
        .map(|committer| {
            let (store, body) = (Arc::clone(&store), Arc::clone(&body));
            tokio::spawn(async move {
                let mut n = 0;
                while start.elapsed() < time {
                    let mut writer = store.stage();
                    writer.write(&body).await.expect("there is room");
                    let staged = writer.finish().await.expect("there is room");
                    store.commit(batch(committer, n, staged)).await.expect("the store works");
                    n += 1;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.expect("no committer panics");
    }
    let (elapsed, used) = (start.elapsed(), cpu().checked_sub(cpu_before).unwrap_or_default());
    let figures = store.statistics();
    let commits = figures.commits.max(1) as f64;
    println!(
        "{committers:4} committers {:3} KiB: {:7.0} commits/s, {:5.3} syncs, {:6.1} us CPU, {:5.3} x bytes",
        size / 1024,
        commits / elapsed.as_secs_f64(),
        figures.syncs as f64 / commits,
        used.as_secs_f64() * 1e6 / commits,
        figures.log_bytes as f64 / commits / size as f64,
    );
    store.close().await;
}

/// The ceiling: groups of the same size, appended and synced.
fn log_only(dir: &Path, group: usize, size: usize, time: Duration) {
    let path = dir.join("ceiling");
    let disk = world::real::world(&[]).disk;
    let file = disk.open(&path, world::disk::Open::CreateNew).expect("the directory can be written");
    file.allocate(1 << 30).expect("there is room");
    let bytes = vec![5; group * (size + 1100)];
    let (start, cpu_before, mut commits) = (Instant::now(), cpu(), 0);
    while start.elapsed() < time {
        let offset = (commits as u64 * (size as u64 + 1100)) % ((1 << 30) - bytes.len() as u64);
        file.write_all_at(&bytes, offset).expect("there is room");
        file.sync_data().expect("the disk works");
        commits += group;
    }
    let used = cpu().checked_sub(cpu_before).unwrap_or_default();
    println!(
        "{group:4} a group    {:3} KiB: {:7.0} commits/s, log alone, {:6.1} us CPU",
        size / 1024,
        commits as f64 / start.elapsed().as_secs_f64(),
        used.as_secs_f64() * 1e6 / commits.max(1) as f64,
    );
    std::fs::remove_file(path).expect("it was made above");
}

fn main() {
    let mut arguments = std::env::args().skip(1).filter(|word| word != "--bench");
    let Some(dir) = arguments.next() else {
        println!("say under which directory to write, and for how many seconds each");
        return;
    };
    let seconds = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(2.0);
    let (dir, time) = (Path::new(&dir), Duration::from_secs_f64(seconds));
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("there are threads");
    runtime.block_on(async {
        for size in [2 * 1024, 20 * 1024] {
            for committers in [1, 16, 64, 256] {
                let own = dir.join(format!("store-{committers}-{size}"));
                measure(&own, committers, size, time).await;
                drop(std::fs::remove_dir_all(&own));
                log_only(dir, (committers as usize / 2).max(1), size, time / 2);
            }
        }
    });
}
