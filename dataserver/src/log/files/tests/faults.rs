//! One thing goes wrong at each step in turn.

use super::*;

/// Some groups before and behind a base, over a few segments; the last are not synced. Says what is synced.
fn work(disk: &FaultyDisk, log: &mut Vec<u8>, synced: &mut u64) -> Result<(), OpenError> {
    let mut files = open(disk, &options())?.files;
    for number in 0..8 {
        let bytes = [group(number, 400), group(number, 30)].concat();
        log.extend(&bytes);
        files.append(&mut bytes.clone())?;
        if number % 3 == 2 {
            files.sync()?;
            *synced = log.len() as u64;
        }
        if number == 5 {
            install(&mut files, disk, *synced)?;
        }
    }
    Ok(())
}

fn check(disk: &FaultyDisk, log: &[u8], synced: u64, what: &str) {
    let opened = open(disk, &options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let (base, end) = (opened.base.unwrap_or(0), opened.found.end);
    assert!(end >= synced, "{what}");
    assert_eq!(opened.log(), log[base as usize..end as usize], "{what}");
}

#[test]
fn death_at_any_step() {
    let whole = FaultyDisk::new(0);
    work(&whole, &mut Vec::new(), &mut 0).unwrap();
    for die in 0..whole.steps() {
        for seed in 0..20 {
            let disk = FaultyDisk::new(seed);
            disk.set(Faults { die: Some(die), ..Faults::default() });
            let (mut log, mut synced) = (Vec::new(), 0);
            work(&disk, &mut log, &mut synced).unwrap_err();
            check(&disk.crash(), &log, synced, &format!("step {die}, seed {seed}"));
        }
    }
}

/// What failed is healed, and then it is as if it had not: also when the machine dies right after.
#[test]
fn failure_and_healing_at_any_step() {
    let whole = FaultyDisk::new(0);
    work(&whole, &mut Vec::new(), &mut 0).unwrap();
    for fail in 0..whole.steps() {
        for seed in 0..10 {
            let disk = FaultyDisk::new(seed);
            disk.set(Faults { fail: fail..fail + 1 + seed % 3, ..Faults::default() });
            let Ok(Opened { mut files, .. }) = open(&disk, &options()) else { continue };
            let mut log = Vec::new();
            for number in 0..8 {
                let bytes = [group(number, 400), group(number, 30)].concat();
                log.extend(&bytes);
                let appended = files.append(&mut bytes.clone());
                assert_eq!(appended.is_err(), files.failure().is_some());
                let _ = files.sync();
                if number == 5 {
                    let synced = files.synced_offset();
                    let _ = install(&mut files, &disk, synced);
                }
                let _ = files.heal();
            }
            while files.heal().is_err() {}
            assert_eq!(files.synced_offset(), log.len() as u64, "healing syncs");
            check(&disk.crash(), &log, log.len() as u64, &format!("step {fail}, seed {seed}"));
        }
    }
}

#[test]
fn a_full_disk_takes_no_more_and_heals() {
    for capacity in 4000..14_000 {
        let disk = FaultyDisk::new(capacity);
        disk.set(Faults { capacity: Some(capacity), ..Faults::default() });
        let Ok(Opened { mut files, .. }) = open(&disk, &options()) else { continue };
        let bytes = group(1, 700);
        let mut log = Vec::new();
        while log.len() < 8000 && files.failure().is_none() {
            log.extend(&bytes);
            let _ = files.append(&mut bytes.clone()).and_then(|()| files.sync());
        }
        if let Some(failure) = files.failure() {
            assert_eq!(failure.kind, io::ErrorKind::StorageFull);
            assert!(files.heal().is_err());
            // What comes while it is full is kept too.
            log.extend(&bytes);
            assert!(files.append(&mut bytes.clone()).is_err());
            check(&disk.copy().crash(), &log, files.synced_offset(), "while it is full");
        }
        disk.set(Faults::default());
        files.heal().unwrap();
        files.sync().unwrap();
        check(&disk.crash(), &log, log.len() as u64, "after it was full");
    }
}

#[test]
fn a_read_only_disk_refuses_and_heals() {
    let disk = FaultyDisk::new(1);
    let mut files = open(&disk, &options()).unwrap().files;
    disk.set(Faults { read_only: true, ..Faults::default() });
    let failure = files.append(&mut group(1, 10)).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "can't write /log/log-00000000000000000000.rtl: read-only filesystem or storage medium"
    );
    assert_eq!(files.heal().unwrap_err().kind, io::ErrorKind::ReadOnlyFilesystem);
    assert_eq!(files.sync().unwrap_err().kind, io::ErrorKind::ReadOnlyFilesystem);
    disk.set(Faults::default());
    files.heal().unwrap();
    assert_eq!(files.synced_offset(), files.end_offset());
}

#[test]
fn a_second_server_is_told_who_is_first() {
    let disk = FaultyDisk::new(1);
    let first = open(&disk, &options()).unwrap();
    let refused = open(&disk, &options()).err().unwrap();
    assert_eq!(refused.to_string(), "another server has /log: the process another");
    drop(first);
    assert!(open(&disk, &options()).is_ok());
}

#[test]
fn a_base_is_of_what_the_log_has() {
    let disk = FaultyDisk::new(1);
    let mut files = open(&disk, &options()).unwrap().files;
    files.append(&mut group(1, 10)).unwrap();
    let end = files.end_offset();
    assert!(install(&mut files, &disk, end + 1).is_err());
    install(&mut files, &disk, end).unwrap();
    assert!(install(&mut files, &disk, 0).unwrap_err().to_string().contains("not between"));
    install(&mut files, &disk, end).unwrap();
    assert!(files.failure().is_none());
}
