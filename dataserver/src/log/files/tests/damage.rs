//! Each byte of a small log is changed, each file cut off at each place.

use super::*;
use crate::log::files::segment::{HEADER, SECTOR};

const NUMBERS: u64 = 12;

/// Three segments, and where each group is.
fn small(close: bool) -> (FaultyDisk, Vec<Chunk>) {
    let disk = FaultyDisk::new(1);
    let options = Options { segment_size: 500, ..options() };
    let mut files = open(&disk, &options).unwrap().files;
    let mut groups = Vec::new();
    for number in 0..NUMBERS {
        let bytes = group(number, 80);
        groups.push(Chunk { offset: files.end_offset(), bytes: bytes.clone(), groups: 1 });
        files.append(&mut bytes.clone()).unwrap();
    }
    if close {
        files.close().unwrap();
    }
    (disk, groups)
}

fn paths(disk: &FaultyDisk) -> Vec<PathBuf> {
    let names = disk.list(dir()).unwrap();
    let paths: Vec<_> = names
        .iter()
        .filter(|name| names::segment_start(name).is_some())
        .map(|name| dir().join(name))
        .collect();
    assert_eq!(paths.len(), 3);
    paths
}

/// The groups one by one, with their places.
fn read(opened: &Opened) -> Vec<Chunk> {
    let mut groups = Vec::new();
    for chunk in &opened.chunks {
        let mut at = 0;
        while at < chunk.bytes.len() {
            let (_, size) = crate::log::record::next_group(&chunk.bytes[at..]).unwrap().unwrap();
            let bytes = chunk.bytes[at..at + size].to_vec();
            groups.push(Chunk { offset: chunk.offset + at as u64, bytes, groups: 1 });
            at += size;
        }
    }
    groups
}

/// The log is a prefix, or it is said where it is damaged, and then all the rest can be had.
fn check(disk: &FaultyDisk, groups: &[Chunk], path: &Path, touched: usize) {
    let error = match open(&disk.copy(), &options()) {
        Ok(opened) => return assert!(groups.starts_with(&read(&opened))),
        Err(error) => error,
    };
    let OpenError::Damaged(damaged) = &error else { panic!("{error}") };
    assert_eq!(dir().join(&damaged.lost[0].file), path, "{error}");
    let recovered = open(disk, &Options { recover: true, ..options() }).unwrap();
    let read = read(&recovered);
    assert!(read.iter().all(|group| groups.contains(group)), "{error}");
    let behind = damaged.groups_behind as usize;
    assert!(read.ends_with(&groups[groups.len() - behind..]));
    assert!(read.len() >= groups.len() - touched, "{} of {}: {error}", read.len(), groups.len());
    assert!(!recovered.found.lost.is_empty());
    // Damaged it stays until there is a new base.
    let end = recovered.files.end_offset();
    drop(recovered.files);
    let aside = disk.list(dir()).unwrap().iter().any(|name| name.ends_with(".damaged"));
    assert_ne!(open(disk, &options()).is_err(), aside);
    let mut files = open(disk, &Options { recover: true, ..options() }).unwrap().files;
    assert_eq!(files.end_offset(), end);
    install(&mut files, disk, end).unwrap();
    drop(files);
    let whole = open(disk, &options()).unwrap();
    assert_eq!((whole.base, whole.chunks), (Some(end), vec![]));
}

#[test]
fn any_byte_changed() {
    for close in [true, false] {
        let (disk, groups) = small(close);
        for path in paths(&disk) {
            let len = disk.bytes(&path).len();
            // Of the header what is used, and a byte behind it.
            for at in (0..65).chain(512..525).chain(1024..1037).chain(4090..len) {
                let disk = disk.copy();
                disk.tamper(&path, |bytes| bytes[at] ^= 1 << (at % 8));
                check(&disk, &groups, &path, 1);
            }
        }
    }
}

#[test]
fn any_end_cut_off() {
    for close in [true, false] {
        let (disk, groups) = small(close);
        for path in paths(&disk) {
            let len = disk.bytes(&path).len();
            for at in (0..65).chain(512..525).chain(4000..len) {
                let disk = disk.copy();
                disk.tamper(&path, |bytes| bytes.truncate(at));
                check(&disk, &groups, &path, groups.len());
            }
        }
    }
}

#[test]
fn a_file_that_is_missing() {
    let (disk, groups) = small(true);
    let [first, second, third] = paths(&disk).try_into().unwrap();
    for (missing, said) in [(&first, &first), (&second, &first)] {
        let disk = disk.copy();
        disk.remove(missing).unwrap();
        check(&disk, &groups, said, groups.len());
    }
    for path in [first, second, third] {
        disk.remove(&path).unwrap();
    }
    let error = open(&disk, &options()).err().unwrap().to_string();
    assert!(
        error.contains("log-00000000000000000000.rtl at byte 0 (offset 0): the file is missing"),
        "{error}"
    );
}

#[test]
fn what_is_said() {
    let (disk, groups) = small(true);
    let path = paths(&disk).swap_remove(1);
    disk.tamper(&path, |bytes| bytes[4096 + 130] ^= 1);
    let mut recovery = Files::open(disk.clone(), dir(), &options()).unwrap();
    assert_eq!(recovery.size(), Ok(groups.iter().map(|group| group.bytes.len() as u64).sum()));
    while let Ok(Some(_)) = recovery.next_chunk() {}
    // Who does not listen hears it again, and gets no log to write to.
    let said = recovery.finish().err().unwrap().to_string();
    let size = groups[1].bytes.len();
    let expected = format!(
        "the log is damaged: log-{:020}.rtl at byte {} (offset {}): a group whose checksum is wrong; {size} bytes of the log can't be read. \
         Behind it are 5 whole groups of {} bytes: to recover them is to lose {size} bytes",
        groups[5].offset,
        4096 + size,
        groups[6].offset,
        5 * size + 2
    );
    assert_eq!(said, expected);
}

#[test]
fn the_manifest_is_damaged_or_missing() {
    let (disk, groups) = small(true);
    let path = dir().join(names::MANIFEST);
    let damaged = disk.copy();
    damaged.tamper(&path, |bytes| bytes.truncate(20));
    disk.remove(&path).unwrap();
    for disk in [damaged, disk] {
        let error = open(&disk, &options()).err().unwrap();
        assert!(matches!(&error, OpenError::Manifest { path: named, .. } if *named == path), "{error}");
        let opened = open(&disk, &Options { recover: true, ..options() }).unwrap();
        assert_eq!(read(&opened), groups);
        drop(opened);
        assert_eq!(read(&open(&disk, &options()).unwrap()), groups);
    }
}

#[test]
fn the_base_is_missing() {
    let (disk, groups) = small(true);
    let mut files = open(&disk, &options()).unwrap().files;
    install(&mut files, &disk, groups[8].offset).unwrap();
    let base = dir().join(&files.base().unwrap().file);
    drop(files);
    disk.remove(&base).unwrap();
    let error = open(&disk, &options()).err().unwrap().to_string();
    assert!(error.contains("the base is missing") && error.contains("4 whole groups"), "{error}");
    let opened = open(&disk, &Options { recover: true, ..options() }).unwrap();
    assert_eq!(read(&opened), groups[8..]);
}

#[test]
fn a_segment_of_another_history() {
    let (disk, groups) = small(true);
    let path = paths(&disk).swap_remove(1);
    let other = FaultyDisk::new(2);
    let strange =
        Options { history: History::new(&"f".repeat(40)).unwrap(), segment_size: 500, recover: false };
    let mut files = open(&other, &strange).unwrap().files;
    groups.iter().for_each(|group| files.append(&mut group.bytes.clone()).unwrap());
    disk.tamper(&path, |bytes| *bytes = other.bytes(&path));
    let error = open(&disk, &options()).err().unwrap().to_string();
    assert!(error.contains("it is of the history ffff"), "{error}");
}

/// A value that holds groups is a value, also when the group around it is damaged.
#[test]
fn groups_in_values_are_not_the_log_s() {
    let disk = FaultyDisk::new(1);
    let mut files = open(&disk, &options()).unwrap().files;
    let inner = [group(66, 10), group(67, 10)].concat();
    let mut outer = Vec::new();
    let mut builder = GroupBuilder::begin(&mut outer, 1);
    builder.effect(0, [&b"SET"[..], b"k", &inner]);
    builder.finish().unwrap();
    let behind = group(2, 10);
    files.append(&mut [&outer[..], &behind].concat()).unwrap();
    files.close().unwrap();
    let path = dir().join(names::segment(0));
    disk.tamper(&path, |bytes| bytes[4096 + 6] ^= 1);
    let recovered = open(&disk, &Options { recover: true, ..options() }).unwrap();
    assert_eq!(recovered.chunks.len(), 1);
    assert_eq!(recovered.chunks[0].bytes, behind);
}

/// A segment in a file that was prepared: groups that were synced and marked, more that were not, and zeros.
fn prepared() -> (FaultyDisk, PathBuf, Vec<u8>, usize) {
    let disk = FaultyDisk::new(1);
    let mut files = open(&disk, &options()).unwrap().files;
    let made = files.prepare().unwrap().run();
    files.set_prepared(made);
    let (mut log, mut synced) = (Vec::new(), 0);
    for number in 0..16 {
        let bytes = group(number, 80);
        log.extend_from_slice(&bytes);
        files.append(&mut bytes.clone()).unwrap();
        if number == 11 {
            files.sync().unwrap();
            synced = log.len();
        }
    }
    let path = dir().join(names::segment(0));
    assert_eq!(disk.bytes(&path).len() as u64, HEADER + prepared::SIZE);
    assert!(log.len() < prepared::SIZE as usize && synced > 700);
    (disk, path, log, synced)
}

#[test]
fn what_was_prepared_and_not_used_is_nothing() {
    let (disk, path, log, synced) = prepared();
    let opened = open(&disk.copy(), &options()).unwrap();
    assert_eq!((opened.log(), opened.found.torn), (log.clone(), None));
    let zeroed = |from: usize, to: usize| {
        let disk = disk.reboot();
        disk.tamper(&path, |bytes| bytes[HEADER as usize + from..HEADER as usize + to].fill(0));
        open(&disk, &options())
    };
    // Sectors that never came, with later ones that did: the end is torn there.
    let (first, group) = (group(0, 80).len(), group(12, 80).len());
    let whole = synced + group;
    let torn = zeroed(whole, (HEADER as usize + whole).next_multiple_of(SECTOR) - HEADER as usize).unwrap();
    assert_eq!(torn.log(), log[..whole]);
    assert_eq!(torn.found.torn.unwrap().groups, 1);
    // Zeros to the end are the end.
    let short = zeroed(synced + group, log.len()).unwrap();
    assert_eq!((short.log(), short.found.torn), (log[..synced + group].to_vec(), None));
    // What was on disk once is damaged, whatever is there now.
    for to in [2 * first, log.len()] {
        assert!(matches!(zeroed(first, to), Err(OpenError::Damaged(_))));
    }
}

/// Of the four groups that were not known to be on disk, something is done to the second and what is behind it. Says where that begins.
fn undone(disk: &FaultyDisk, change: impl FnOnce(&mut [u8])) -> usize {
    let (_, path, log, synced) = prepared();
    let second = synced + group(12, 80).len();
    disk.tamper(&path, |bytes| change(&mut bytes[HEADER as usize + second..HEADER as usize + log.len()]));
    second
}

/// A sector that never came, so far as it is behind the first of them.
fn hole(bytes: &mut [u8]) {
    let (_, _, log, _) = prepared();
    let begin = HEADER as usize + log.len() - bytes.len();
    bytes[..SECTOR - begin % SECTOR].fill(0);
}

#[test]
fn damage_before_whole_groups_is_no_torn_end() {
    let (disk, _, log, _) = prepared();
    let size = group(12, 80).len();
    for disk in [disk.copy(), disk.reboot()] {
        for at in 0..size {
            let disk = disk.copy();
            let second = undone(&disk, |bytes| bytes[at] ^= 1);
            let error = open(&disk, &options()).err().unwrap();
            let OpenError::Damaged(damaged) = &error else { panic!("{error}") };
            assert_eq!((damaged.lost[0].offset, damaged.groups_behind), (second as u64, 2), "{at}: {error}");
            let recovered = open(&disk, &Options { recover: true, ..options() }).unwrap();
            let read: Vec<u8> = recovered.chunks.iter().flat_map(|chunk| chunk.bytes.clone()).collect();
            assert_eq!(read, [&log[..second], &log[second + size..]].concat());
        }
    }
}

/// What a killed process has written is there, whatever was synced.
#[test]
fn a_hole_is_damage_unless_the_machine_was_started_again() {
    let disk = prepared().0;
    undone(&disk, hole);
    assert!(matches!(open(&disk.copy(), &options()), Err(OpenError::Damaged(_))));
    assert_eq!(open(&disk.reboot(), &options()).unwrap().found.torn.unwrap().groups, 1);
}

/// What a sync that failed has dropped may be read as a hole.
#[test]
fn after_a_failed_sync_a_hole_is_no_damage() {
    let disk = FaultyDisk::new(1);
    let mut files = open(&disk, &options()).unwrap().files;
    let groups: Vec<_> = (1..12).map(|number| group(number, 80)).collect();
    groups.iter().for_each(|group| files.append(&mut group.clone()).unwrap());
    disk.set(Faults { fail: disk.steps()..disk.steps() + 1, ..Faults::default() });
    files.sync().unwrap_err();
    drop(files);
    disk.set(Faults::default());
    disk.tamper(&dir().join(names::segment(0)), |bytes| bytes[HEADER as usize..][..SECTOR].fill(0));
    let opened = open(&disk, &options()).unwrap();
    assert_eq!((opened.log().len(), opened.found.torn.unwrap().groups), (0, 6));
}

#[test]
fn what_was_cut_off_is_kept_and_can_be_read() {
    let (disk, _, log, _) = prepared();
    let disk = disk.reboot();
    let second = undone(&disk, hole) as u64;
    let again = disk.copy();
    for (disk, n) in [(&disk, 0), (&again, 1)] {
        if n > 0 {
            disk.create(&dir().join(names::cut(second, 0))).unwrap();
        }
        let torn = open(disk, &options()).unwrap().found.torn.unwrap();
        assert_eq!((torn.offset, torn.kept), (second, Some(names::cut(second, n))));
    }
    let alone = FaultyDisk::new(2);
    let file = alone.create(&dir().join(names::segment(second))).unwrap();
    file.write_at(&disk.bytes(&dir().join(names::cut(second, 0))), 0).unwrap();
    assert!(open(&alone, &options()).is_err());
    let read = open(&alone, &Options { recover: true, ..options() }).unwrap();
    assert_eq!(read.chunks.len(), 1);
    assert_eq!(read.chunks[0].bytes, log[read.chunks[0].offset as usize..]);
}

#[test]
fn the_beginning_of_a_group_is_cut_off_and_not_kept() {
    let (disk, path, log, _) = prepared();
    let last = log.len() - group(15, 80).len();
    for left in 1..log.len() - last {
        let disk = disk.copy();
        disk.tamper(&path, |bytes| bytes[HEADER as usize + last + left..].fill(0));
        let opened = open(&disk, &options()).unwrap();
        assert_eq!(opened.log(), log[..last]);
        let torn = opened.found.torn.unwrap();
        assert_eq!((torn.groups, torn.kept), (0, None), "{left}");
    }
    // One that is there to its end is kept, whatever is wrong with it.
    disk.tamper(&path, |bytes| bytes[HEADER as usize + last + 20] ^= 1);
    let torn = open(&disk, &options()).unwrap().found.torn.unwrap();
    assert_eq!((torn.groups, torn.kept), (0, Some(names::cut(last as u64, 0))));
}

#[test]
fn a_missing_log_is_not_a_loss_of_nothing() {
    let (disk, _) = small(true);
    paths(&disk).iter().for_each(|path| disk.remove(path).unwrap());
    let error = open(&disk, &options()).err().unwrap().to_string();
    assert!(error.contains("the file is missing; nobody knows how much"), "{error}");
    assert!(error.ends_with("to lose all that was written since the base, if there is one"), "{error}");
}
