//! What editors, orchestrators and accidents do to a file, done for real.

use super::*;
use crate::topology::Topology;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Events alone must do: a poll would hide that they don't.
const EVENTS: WatchOptions =
    WatchOptions { quiet: Duration::from_millis(10), poll: Duration::from_secs(3600) };

/// A file of `count` members.
fn pool(count: usize) -> String {
    let members: Vec<_> = (0..count).map(|index| format!("{{\"addr\": \"h{index}:1\"}}")).collect();
    format!("[{}]\n", members.join(",\n "))
}

/// A watched file in a folder of its own.
struct Scene {
    root: tempfile::TempDir,
    watcher: Watcher,
}

impl Scene {
    /// A pool of one member in `conf/servers.json`.
    fn new(options: WatchOptions) -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("conf")).unwrap();
        fs::write(root.path().join("conf/servers.json"), pool(1)).unwrap();
        Self::watching(root, "conf/servers.json", options)
    }

    fn watching(root: tempfile::TempDir, file: &str, options: WatchOptions) -> Self {
        let watcher = Watcher::start(root.path().join(file), options).unwrap();
        Self { root, watcher }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn file(&self) -> PathBuf {
        self.at("conf/servers.json")
    }

    fn topology(&self) -> Arc<Topology> {
        self.watcher.topologies().current()
    }

    fn wait_for_members(&self, count: usize) {
        wait_until(&format!("{count} members"), || self.topology().members().len() == count);
    }

    fn wait_for_refusal(&self, reason: &str) {
        let refused = || self.watcher.status().refusal.is_some_and(|refusal| refusal.reason.contains(reason));
        wait_until(&format!("the refusal: {reason}"), refused);
    }

    fn wait_for_good(&self) {
        wait_until("a good file", || self.watcher.status().refusal.is_none());
    }
}

fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        thread::park_timeout(Duration::from_millis(2));
    }
}

/// As most editors and every careful script do.
fn replace(file: &Path, content: &str) {
    let new = file.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn a_bad_file_at_the_start_is_the_callers_to_report() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("servers.json");
    let refusal = Watcher::start(&file, EVENTS).unwrap_err();
    assert!(refusal.to_string().contains("servers.json: can't be read"));
    fs::write(&file, "[\n]").unwrap();
    let refusal = Watcher::start(&file, EVENTS).unwrap_err();
    assert!(refusal.to_string().ends_with("servers.json:1:1: has no members"));
}

#[test]
fn a_file_written_in_place_is_taken() {
    let scene = Scene::new(EVENTS);
    let mut changes = scene.watcher.topologies().changes();
    let mut cached = scene.watcher.topologies().cached();
    assert_eq!((*changes.borrow_and_update(), cached.load().members().len()), (1, 1));
    fs::write(scene.file(), pool(3)).unwrap();
    scene.wait_for_members(3);
    wait_until("the notice", || *changes.borrow_and_update() == 2);
    assert_eq!((cached.load().epoch(), cached.load().members().len()), (2, 3));
}

#[test]
fn a_file_replaced_by_renaming_is_taken_every_time() {
    let scene = Scene::new(EVENTS);
    for count in 2..6 {
        replace(&scene.file(), &pool(count));
        scene.wait_for_members(count);
    }
    assert_eq!(scene.topology().epoch(), 5);
}

#[test]
fn a_file_moved_to_a_backup_and_written_anew_is_taken() {
    let scene = Scene::new(EVENTS);
    fs::rename(scene.file(), scene.at("conf/servers.json~")).unwrap();
    fs::write(scene.file(), pool(2)).unwrap();
    scene.wait_for_members(2);
}

#[test]
fn a_config_map_is_followed_through_its_swaps() {
    let root = tempfile::tempdir().unwrap();
    let version = |count: usize| {
        let folder = format!("..v{count}");
        fs::create_dir(root.path().join(&folder)).unwrap();
        fs::write(root.path().join(&folder).join("servers.json"), pool(count)).unwrap();
        symlink(&folder, root.path().join("..tmp")).unwrap();
        fs::rename(root.path().join("..tmp"), root.path().join("..data")).unwrap();
    };
    version(1);
    symlink("..data/servers.json", root.path().join("servers.json")).unwrap();
    let watcher = Watcher::start(root.path().join("servers.json"), EVENTS).unwrap();
    for count in 2..5 {
        version(count);
        fs::remove_dir_all(root.path().join(format!("..v{}", count - 1))).unwrap();
        wait_until("the swap", || watcher.topologies().current().members().len() == count);
    }
}

#[test]
fn a_link_into_another_folder_is_followed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("real")).unwrap();
    fs::write(root.path().join("real/pool.json"), pool(1)).unwrap();
    symlink("real/pool.json", root.path().join("servers.json")).unwrap();
    let scene = Scene::watching(root, "servers.json", EVENTS);
    replace(&scene.at("real/pool.json"), &pool(2));
    scene.wait_for_members(2);
}

#[test]
fn a_half_written_file_is_refused_until_it_is_whole() {
    let scene = Scene::new(EVENTS);
    let whole = pool(3);
    fs::write(scene.file(), &whole[..20]).unwrap();
    scene.wait_for_refusal("EOF while parsing");
    assert_eq!(scene.topology().members().len(), 1);
    fs::write(scene.file(), &whole).unwrap();
    scene.wait_for_members(3);
    scene.wait_for_good();
    assert_eq!(scene.topology().epoch(), 2);
}

#[test]
fn a_truncated_file_is_refused_until_it_is_back() {
    let scene = Scene::new(EVENTS);
    fs::write(scene.file(), "").unwrap();
    scene.wait_for_refusal("EOF while parsing");
    fs::write(scene.file(), pool(1)).unwrap();
    scene.wait_for_good();
    assert_eq!(scene.topology().epoch(), 1);
}

#[test]
fn a_deleted_file_may_come_back() {
    let scene = Scene::new(EVENTS);
    fs::remove_file(scene.file()).unwrap();
    scene.wait_for_refusal("can't be read");
    assert_eq!(scene.topology().members().len(), 1);
    fs::write(scene.file(), pool(2)).unwrap();
    scene.wait_for_members(2);
}

#[test]
fn a_deleted_folder_may_come_back() {
    let scene = Scene::new(EVENTS);
    for count in 2..5 {
        fs::remove_dir_all(scene.at("conf")).unwrap();
        scene.wait_for_refusal("can't be read");
        fs::create_dir(scene.at("conf")).unwrap();
        fs::write(scene.file(), pool(count)).unwrap();
        scene.wait_for_members(count);
        scene.wait_for_good();
    }
}

#[test]
fn another_folder_in_its_place_is_the_one_watched() {
    let scene = Scene::new(EVENTS);
    fs::create_dir(scene.at("next")).unwrap();
    fs::write(scene.at("next/servers.json"), pool(2)).unwrap();
    fs::rename(scene.at("conf"), scene.at("old")).unwrap();
    fs::rename(scene.at("next"), scene.at("conf")).unwrap();
    scene.wait_for_members(2);
    replace(&scene.file(), &pool(3));
    scene.wait_for_members(3);
}

/// (A superuser reads on, and nothing is refused.)
#[test]
fn a_file_without_permission_is_refused_until_it_has_it_again() {
    let scene = Scene::new(EVENTS);
    fs::set_permissions(scene.file(), Permissions::from_mode(0o000)).unwrap();
    if fs::read(scene.file()).is_err() {
        scene.wait_for_refusal("Permission denied");
    }
    fs::set_permissions(scene.file(), Permissions::from_mode(0o644)).unwrap();
    scene.wait_for_good();
    fs::write(scene.file(), pool(2)).unwrap();
    scene.wait_for_members(2);
}

#[test]
fn something_else_than_a_file_is_refused() {
    let scene = Scene::new(EVENTS);
    fs::remove_file(scene.file()).unwrap();
    fs::create_dir(scene.file()).unwrap();
    scene.wait_for_refusal("is not a file");
    fs::remove_dir(scene.file()).unwrap();
    fs::write(scene.file(), pool(2)).unwrap();
    scene.wait_for_members(2);
}

/// Nothing watched raises an event when a folder further up is exchanged.
#[test]
fn the_poll_finds_what_no_event_tells() {
    let root = tempfile::tempdir().unwrap();
    for (up, count) in [("up", 1), ("other", 2)] {
        fs::create_dir_all(root.path().join(up).join("conf")).unwrap();
        fs::write(root.path().join(up).join("conf/servers.json"), pool(count)).unwrap();
    }
    let polling = WatchOptions { poll: Duration::from_millis(20), ..EVENTS };
    let scene = Scene::watching(root, "up/conf/servers.json", polling);
    fs::rename(scene.at("up"), scene.at("gone")).unwrap();
    fs::rename(scene.at("other"), scene.at("up")).unwrap();
    scene.wait_for_members(2);
}

#[test]
fn a_reload_is_done_on_demand_and_counted() {
    let scene = Scene::new(EVENTS);
    scene.watcher.reload();
    wait_until("the reload", || scene.watcher.status().reloads == 1);
    assert_eq!(scene.topology().epoch(), 1);
}

#[test]
fn the_thread_ends_with_its_handle() {
    let scene = Scene::new(EVENTS);
    let shared = Arc::downgrade(&scene.watcher.status);
    let topologies = scene.watcher.topologies().clone();
    drop(scene);
    wait_until("the thread's end", || shared.upgrade().is_none());
    assert_eq!(topologies.current().members().len(), 1);
}

/// SplitMix64.
fn random(state: &mut u64) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 33) as usize
}

/// One thing that may happen to the file or its folder, whatever state they are in.
fn happen(scene: &Scene, what: usize, count: usize) {
    let (file, folder, aside) = (scene.file(), scene.at("conf"), scene.at("aside"));
    let content = pool(count);
    match what % 8 {
        0 => drop(fs::write(&file, content)),
        1 => drop(fs::write(&file, &content[..content.len() / 2])),
        2 => drop(
            fs::write(scene.at("conf/new"), content).and_then(|()| fs::rename(scene.at("conf/new"), &file)),
        ),
        3 => drop(fs::remove_file(&file)),
        4 => drop(fs::remove_dir_all(&folder)),
        5 => drop(fs::create_dir(&folder)),
        6 => drop(fs::rename(&folder, &aside).and_then(|()| fs::remove_dir_all(&aside))),
        _ => drop(
            symlink("elsewhere.json", &file)
                .and_then(|()| fs::write(scene.at("conf/elsewhere.json"), content)),
        ),
    }
}

/// However fast and strange the edits, what stands in the file at the end is what counts.
#[test]
fn the_last_state_is_never_missed() {
    let scene = Scene::new(EVENTS);
    let mut state = 20_261_121;
    for round in 0..40 {
        for _ in 0..10 {
            happen(&scene, random(&mut state), 1 + random(&mut state) % 5);
            thread::park_timeout(Duration::from_millis(random(&mut state) as u64 % 15));
        }
        let _ = fs::create_dir(scene.at("conf"));
        let _ = fs::remove_file(scene.file());
        happen(&scene, [0, 2][round % 2], 6 + round);
        scene.wait_for_members(6 + round);
    }
}
