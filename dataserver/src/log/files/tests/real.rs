//! The same on a real file system.

use super::*;

/// A directory of its own, which is removed again.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ringtail-log-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_directory_s_life() {
    let scratch = Scratch::new("life");
    let dir = scratch.0.join("new").join("below");
    let options = Options { segment_size: 5000, ..options() };
    let (mut files, _) = Files::open(RealDisk, &dir, &options).unwrap().finish().unwrap();
    let mut log = Vec::new();
    for number in 0..100 {
        let bytes = group(number, 100);
        log.extend(&bytes);
        files.append(&mut bytes.clone()).unwrap();
    }
    let locked = Files::open(RealDisk, &dir, &options).err().unwrap().to_string();
    assert!(locked.ends_with(&format!("the process {}", std::process::id())), "{locked}");
    let draft = files.draft();
    std::fs::write(&draft, "a base").unwrap();
    let half = (log.len() / 100 * 50) as u64;
    let half = (0..).map(|n| n * group(0, 100).len() as u64).find(|&at| at >= half).unwrap();
    let boundary = boundary(&log, half);
    files.install_base(&draft, boundary).unwrap();
    drop(files);
    // Killed, nothing synced behind the base: all of it is still there, since the machine lives.
    let mut recovery = Files::open(RealDisk, &dir, &options).unwrap();
    assert_eq!(std::fs::read(recovery.base().unwrap().0).unwrap(), b"a base");
    let mut read = Vec::new();
    while let Some(chunk) = recovery.next_chunk().unwrap() {
        read.extend(chunk.bytes);
    }
    assert_eq!(read, log[boundary as usize..]);
    let (files, found) = recovery.finish().unwrap();
    assert_eq!((found.end, found.torn), (log.len() as u64, None));
    files.close().unwrap();
}

/// Where the first group behind a place begins.
fn boundary(log: &[u8], from: u64) -> u64 {
    let mut at = 0;
    while (at as u64) < from {
        at += crate::log::record::next_group(&log[at..]).unwrap().unwrap().1;
    }
    at as u64
}

/// Groups of 100 bytes appended in pieces of 64 KiB, then read again.
#[test]
#[ignore = "measures; run it with --release --nocapture"]
fn speed() {
    const GROUPS: u64 = 5_000_000;
    let scratch = Scratch::new("speed");
    let options = Options::new(history());
    let (mut files, _) = Files::open(RealDisk, &scratch.0, &options).unwrap().finish().unwrap();
    let (start, value, mut out) = (std::time::Instant::now(), [b'v'; 57], Vec::new());
    let mut syncing = std::time::Duration::ZERO;
    for number in 0..GROUPS {
        let mut group = GroupBuilder::begin(&mut out, number);
        group.effect(0, [&b"SET"[..], b"key:0123456789", &value]);
        group.finish().unwrap();
        if out.len() >= 64 << 10 {
            files.append(&mut out.clone()).unwrap();
            out.clear();
        }
        if files.unsynced() >= 32 << 20 {
            let begun = std::time::Instant::now();
            files.sync().unwrap();
            syncing += begun.elapsed();
        }
    }
    files.append(&mut out.clone()).unwrap();
    let writing = start.elapsed() - syncing;
    println!(
        "built and written: {:.2} M/s; syncs took {syncing:?}",
        GROUPS as f64 / writing.as_secs_f64() / 1e6
    );
    drop(files);
    let start = std::time::Instant::now();
    let mut recovery = Files::open(RealDisk, &scratch.0, &options).unwrap();
    while recovery.next_chunk().unwrap().is_some() {}
    println!("read: {:.2} M/s", GROUPS as f64 / start.elapsed().as_secs_f64() / 1e6);
}
