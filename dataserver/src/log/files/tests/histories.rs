//! A replica's first sync puts another history in the place of its own; a server that begins to lead gives its history another name.

use super::*;

/// The offset of the old history's base, in its first segment.
fn half() -> usize {
    5 * group(10, 300).len()
}

fn other() -> History {
    History::new(&"f".repeat(40)).unwrap()
}

/// What the directory is to have: the old history's log, or of the other what comes behind its base.
fn check(disk: &FaultyDisk, old: &[u8], base: u64, new: &[u8], replaced: bool, what: &str) {
    let opened = open(disk, &options()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let is_new = *opened.files.history() == other();
    assert!(is_new || !replaced, "{what}");
    let expected = if is_new { (Some(base), new) } else { (Some(half() as u64), &old[half()..]) };
    assert_eq!((opened.base, &opened.log()[..]), expected, "{what}");
}

fn old_log(disk: &FaultyDisk) -> Result<(Files<FaultyDisk>, Vec<u8>), OpenError> {
    let mut files = open(disk, &options())?.files;
    let log: Vec<_> = (10..30).flat_map(|number| group(number, 300)).collect();
    for number in 10..30 {
        files.append(&mut group(number, 300))?;
    }
    install(&mut files, disk, half() as u64)?;
    Ok((files, log))
}

fn replace(files: &mut Files<FaultyDisk>, disk: &FaultyDisk, offset: u64) -> Result<(), Failure> {
    let draft = files.draft();
    let written = disk.create(&draft).and_then(|file| file.write_at(&base_bytes(&other(), offset), 0));
    written.map_err(Failure::of("write", &draft))?;
    files.replace(&draft, offset, other(), (false, None))
}

/// Offsets before, in (where a segment and where the base is, too) and behind the old log.
fn offsets(disk: &FaultyDisk) -> Vec<u64> {
    let (files, log) = old_log(disk).unwrap();
    let (segment, end) = (files.starts[1], log.len() as u64);
    [0, segment, segment + 5, half() as u64, end, end + 1000].into()
}

#[test]
fn death_at_any_step_of_a_replacement() {
    let new = group(77, 50);
    for offset in offsets(&FaultyDisk::new(0)) {
        for die in 0..25 {
            for seed in 0..20 {
                let disk = FaultyDisk::new(seed);
                let (mut files, old) = old_log(&disk).unwrap();
                disk.set(Faults { die: Some(disk.steps() + die), ..Faults::default() });
                let replaced = replace(&mut files, &disk, offset).is_ok();
                let appended = replaced && files.append(&mut new.clone()).and_then(|()| files.sync()).is_ok();
                let what = format!("offset {offset}, step {die}, seed {seed}");
                let crashed = disk.crash();
                if appended || !replaced {
                    check(&crashed, &old, offset, if appended { &new } else { &[] }, replaced, &what);
                }
                open(&crashed, &options()).unwrap();
            }
        }
    }
}

#[test]
fn failure_and_healing_at_any_step_of_a_replacement() {
    let new = group(77, 50);
    for offset in offsets(&FaultyDisk::new(0)) {
        for fail in 0..20 {
            for seed in 0..10 {
                let disk = FaultyDisk::new(seed);
                let (mut files, old) = old_log(&disk).unwrap();
                let from = disk.steps() + fail;
                disk.set(Faults { fail: from..from + 1 + seed % 3, ..Faults::default() });
                let _ = replace(&mut files, &disk, offset);
                let replaced = *files.history() == other();
                let what = format!("offset {offset}, step {fail}, seed {seed}");
                if files.failure().is_some() && seed % 2 == 0 {
                    disk.set(Faults { die: Some(disk.steps() + seed), ..Faults::default() });
                    let _ = files.heal();
                    check(&disk.crash(), &old, offset, &[], false, &what);
                    continue;
                }
                while files.heal().is_err() {
                    check(&disk.crash(), &old, offset, &[], false, &what);
                }
                disk.set(Faults::default());
                files.append(&mut new.clone()).unwrap();
                files.sync().unwrap();
                let old = [&old[..], &new].concat();
                check(&disk.crash(), &old, offset, &new, replaced, &what);
                let end = files.end_offset();
                install(&mut files, &disk, end).unwrap();
                drop(files);
                open(&disk, &options()).unwrap();
                assert!(!Manifest::read(&disk, dir()).unwrap().unwrap().unwrap().replaced);
            }
        }
    }
}

#[test]
fn a_history_goes_on_under_another_name() {
    let disk = FaultyDisk::new(1);
    let (mut files, mut log) = old_log(&disk).unwrap();
    let until = files.end_offset();
    files.begin_history(other()).unwrap();
    for number in 30..50 {
        log.extend(group(number, 300));
        files.append(&mut group(number, 300)).unwrap();
    }
    files.sync().unwrap();
    let opened = open(&disk.crash(), &options()).unwrap();
    assert_eq!(opened.log(), log[half()..]);
    assert_eq!(*opened.files.history(), other());
    assert_eq!(opened.files.earlier(), [Earlier { history: history(), until }]);
    let end = files.end_offset();
    install(&mut files, &disk, end).unwrap();
    assert_eq!(files.earlier(), [], "nothing of it is left");
}

#[test]
fn a_history_in_which_nothing_was_written_leaves_nothing_behind() {
    let disk = FaultyDisk::new(1);
    let mut log = Vec::new();
    let name = |round: u64| History::new(&format!("{round:040x}")).unwrap();
    for round in 0..200 {
        let mut files = open(&disk, &options()).unwrap().files;
        files.begin_history(name(round)).unwrap();
        assert!(files.earlier().len() <= 2, "{:?}", files.earlier());
        if round == 50 {
            log.extend(group(round, 300));
            files.append(&mut group(round, 300)).unwrap();
        }
        // Killed, with or without something behind the last that was begun.
        let opened = open(&disk.crash(), &options()).unwrap();
        assert!(opened.log().is_empty() || opened.log() == log);
        files.sync().unwrap();
        drop(files);
        let opened = open(&disk.crash(), &options()).unwrap();
        assert_eq!((opened.log(), opened.files.history()), (log.clone(), &name(round)));
    }
}

#[test]
fn a_name_under_which_nothing_was_written_is_on_no_segment() {
    let disk = FaultyDisk::new(1);
    let mut log = Vec::new();
    for round in 0..5_u64 {
        // What is not marked as being on disk is written again, into another segment.
        let mut files = open(&disk, &options()).unwrap().files;
        for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
            let digits = format!("{name}{round:039x}");
            files.begin_history(History::new(&digits).unwrap()).unwrap();
            if number == 2 && round % 2 == 0 {
                log.extend(group(round, 300));
                files.append(&mut group(round, 300)).unwrap();
                files.sync().unwrap();
            }
        }
        drop(files);
        assert_eq!(open(&disk.crash(), &options()).unwrap().log(), log, "round {round}");
    }
}

#[test]
fn what_has_replaced_another_history_goes_on_under_another_name() {
    let disk = FaultyDisk::new(1);
    let (mut files, _) = old_log(&disk).unwrap();
    replace(&mut files, &disk, 1000).unwrap();
    let mut log = Vec::new();
    for (number, name) in [(1, "a"), (2, "b"), (3, "c")] {
        log.extend(group(number, 300));
        files.append(&mut group(number, 300)).unwrap();
        files.begin_history(History::new(&name.repeat(40)).unwrap()).unwrap();
    }
    assert_eq!(open(&disk.crash(), &options()).unwrap().log(), log);
    drop(files);
    assert_eq!(open(&disk, &options()).unwrap().log(), log);
}

#[test]
fn a_new_name_survives_whatever_fails_and_is_killed() {
    for fails in 0..20 {
        let disk = FaultyDisk::new(1);
        let mut files = open(&disk, &options()).unwrap().files;
        files.begin_history(other()).unwrap();
        disk.set(Faults { fail: fails..u64::MAX, ..Faults::default() });
        let named = files.begin_history(history());
        let opened = open(&disk.crash(), &options()).unwrap();
        let name = opened.files.history();
        assert!(
            *name == history() || (named.is_err() && *name == other()),
            "{fails}: {named:?} and {name:?}"
        );
    }
}

#[test]
fn that_clients_wrote_here_is_known_until_another_log_is_here() {
    let disk = FaultyDisk::new(1);
    let (mut files, _) = old_log(&disk).unwrap();
    assert!(!files.led());
    files.set_led(true).unwrap();
    files.begin_history(other()).unwrap();
    let end = files.end_offset();
    install(&mut files, &disk, end).unwrap();
    drop(files);
    let disk = disk.crash();
    let mut files = open(&disk, &options()).unwrap().files;
    assert!(files.led());
    replace(&mut files, &disk, 1000).unwrap();
    assert!(!files.led());
    drop(files);
    assert!(!open(&disk.crash(), &options()).unwrap().files.led());
}

#[test]
fn that_clients_wrote_here_is_on_disk_once_it_is_well() {
    for fails in 0..8 {
        let disk = FaultyDisk::new(1);
        let (mut files, _) = old_log(&disk).unwrap();
        let from = disk.steps() + fails;
        disk.set(Faults { fail: from..u64::MAX, ..Faults::default() });
        let noted = files.set_led(true);
        assert_eq!(noted.is_err(), files.failure().is_some(), "{fails}");
        disk.set(Faults::default());
        files.heal().unwrap();
        assert!(open(&disk.crash(), &options()).unwrap().files.led(), "{fails}: {noted:?}");
    }
}

fn without_manifest(disk: &FaultyDisk) -> Opened {
    disk.remove(&dir().join(names::MANIFEST)).unwrap();
    let opened = open(disk, &Options { recover: true, ..options() }).unwrap();
    assert_eq!(opened.found.lost, []);
    opened
}

#[test]
fn names_are_found_without_the_manifest() {
    let disk = FaultyDisk::new(1);
    let (mut files, mut log) = old_log(&disk).unwrap();
    for name in ["a", "b", "c"] {
        files.begin_history(History::new(&name.repeat(40)).unwrap()).unwrap();
        // More than one segment takes.
        for number in 0..15 {
            log.extend(group(number, 300));
            files.append(&mut group(number, 300)).unwrap();
        }
    }
    files.close().unwrap();
    let opened = without_manifest(&disk);
    assert!(opened.log() == log[half()..]);
    assert_eq!(opened.files.history().as_str(), "c".repeat(40));
    drop(opened);
    assert!(open(&disk, &options()).unwrap().log() == log[half()..]);
}

#[test]
fn the_base_of_a_first_sync_is_found_without_the_manifest() {
    let disk = FaultyDisk::new(1);
    let (mut files, _) = old_log(&disk).unwrap();
    replace(&mut files, &disk, 1000).unwrap();
    files.append(&mut group(1, 300)).unwrap();
    files.sync().unwrap();
    drop(files);
    let opened = without_manifest(&disk);
    assert_eq!((opened.base, opened.log()), (Some(1000), group(1, 300)));
    drop(opened);
    assert_eq!(open(&disk, &options()).unwrap().base, Some(1000));
}
