//! Hundreds of lives of a directory: appends, syncs, bases, failures, healings, deaths of the process and of the machine.

use super::*;

const LIVES: u64 = 2000;
const DEATHS: usize = 6;

/// What is known beside the files.
struct World {
    disk: FaultyDisk,
    rng: Rng,
    /// All that was appended, from offset 0 on.
    log: Vec<u8>,
    /// The ends of its groups.
    ends: Vec<u64>,
    synced: u64,
    base: u64,
}

impl World {
    fn new(seed: u64) -> Self {
        let (disk, rng) = (FaultyDisk::new(seed), Rng::with_seed(seed));
        Self { disk, rng, log: Vec::new(), ends: vec![0], synced: 0, base: 0 }
    }

    fn live(&mut self) {
        for _ in 0..DEATHS {
            let opened = self.open();
            let Some(mut files) = opened else { continue };
            for _ in 0..self.rng.u8(1..40) {
                self.act(&mut files);
            }
            self.end(files);
        }
        self.disk.set(Faults::default());
        let last = open(&self.disk, &options()).unwrap();
        self.check(&last);
    }

    /// A start, which may fail or be killed too, but never says that the log is damaged.
    fn open(&mut self) -> Option<Files<FaultyDisk>> {
        match open(&self.disk, &options()) {
            Ok(opened) => {
                self.check(&opened);
                self.forget_from(opened.found.end);
                self.synced = opened.found.end;
                Some(opened.files)
            }
            Err(OpenError::System(_)) => {
                self.disk = self.disk.crash();
                None
            }
            Err(error) => panic!("{error}"),
        }
    }

    fn check(&mut self, opened: &Opened) {
        let (base, end) = (opened.base.unwrap_or(0), opened.found.end);
        assert!(base >= self.base, "a base was lost");
        assert!(end >= self.synced, "{end} is less than {}, which was synced", self.synced);
        assert!(self.ends.contains(&end), "the log ends in a group");
        assert_eq!(opened.log(), self.log[base as usize..end as usize]);
        assert_eq!(opened.found.lost, []);
        self.base = base;
    }

    fn forget_from(&mut self, end: u64) {
        self.log.truncate(end as usize);
        self.ends.retain(|&other| other <= end);
    }

    fn act(&mut self, files: &mut Files<FaultyDisk>) {
        match self.rng.u8(..20) {
            0..10 => self.append(files),
            10..14 => _ = files.sync(),
            14 => self.sync_beside(files),
            15 => self.install(files),
            16 => self.fail_soon(),
            17 => self.prepare(files),
            _ => self.heal(files),
        }
        assert_eq!(files.end_offset(), self.log.len() as u64);
        assert!(files.synced_offset() >= self.synced);
        self.synced = files.synced_offset();
    }

    fn append(&mut self, files: &mut Files<FaultyDisk>) {
        let groups = some(&mut self.rng);
        for group in &groups {
            self.log.extend(group);
            self.ends.push(self.log.len() as u64);
        }
        let _ = files.append(&mut groups.concat());
    }

    /// Appends while a sync is on its way.
    fn sync_beside(&mut self, files: &mut Files<FaultyDisk>) {
        let Ok(syncing) = files.begin_sync() else { return };
        let early = self.rng.bool().then(|| self.append(files)).is_some();
        if files.failure().is_some() {
            assert!(files.heal().is_err(), "the sync may not have ended");
        }
        let synced = syncing.run();
        if !early {
            self.append(files);
        }
        assert!(files.begin_sync().is_err());
        let _ = files.end_sync(synced);
    }

    fn install(&mut self, files: &mut Files<FaultyDisk>) {
        let offset = *self.rng.choice(&self.ends).unwrap();
        if offset < self.base {
            return;
        }
        if install(files, &self.disk, offset).is_ok() {
            self.base = offset;
            assert_eq!(files.size_since_base(), files.end_offset() - offset);
        }
    }

    fn fail_soon(&mut self) {
        let from = self.disk.steps() + self.rng.u64(..15);
        let mut faults = Faults { fail: from..from + self.rng.u64(..6), ..Faults::default() };
        match self.rng.u8(..4) {
            0 => faults.die = Some(from),
            1 => faults.capacity = Some(self.rng.u64(..40_000)),
            2 => faults.read_only = self.rng.bool(),
            _ => {}
        }
        self.disk.set(faults);
    }

    fn heal(&mut self, files: &mut Files<FaultyDisk>) {
        if self.rng.bool() {
            self.disk.set(Faults::default());
            files.heal().unwrap();
            assert!(files.failure().is_none());
        } else if files.heal().is_ok() {
            assert!(files.failure().is_none());
        }
    }

    /// Makes a file for the next segment, while others go on.
    fn prepare(&mut self, files: &mut Files<FaultyDisk>) {
        let Some(preparing) = files.prepare() else { return };
        assert!(files.prepare().is_none(), "one at a time");
        let (early, made) = (self.rng.bool(), preparing.run());
        if early {
            self.act(files);
        }
        files.set_prepared(made);
    }

    /// The process is killed, or the machine, or it ends well.
    fn end(&mut self, files: Files<FaultyDisk>) {
        match self.rng.u8(..4) {
            0 => {
                if files.close().is_ok() {
                    self.synced = self.log.len() as u64;
                }
                self.disk = self.disk.crash();
            }
            1 => {
                drop(files);
                self.disk.set(Faults::default());
            }
            _ => self.disk = self.disk.crash(),
        }
    }
}

#[test]
fn what_was_synced_is_there_and_of_the_rest_a_prefix() {
    let one = std::env::var("RINGTAIL_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in one.map_or(0..LIVES, |seed| seed..seed + 1) {
        let run = std::panic::catch_unwind(|| World::new(seed).live());
        assert!(run.is_ok(), "RINGTAIL_SEED={seed} repeats it");
    }
}
