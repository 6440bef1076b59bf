use super::*;
use std::fs;
use std::os::unix::fs::symlink;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

/// A folder whose own path has no links in it.
fn folder() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let real = folder.path().canonicalize().unwrap();
    (folder, real)
}

fn set(folders: &[&Path]) -> BTreeSet<PathBuf> {
    folders.iter().map(|folder| folder.to_path_buf()).collect()
}

#[test]
fn a_plain_file_has_one_folder() {
    let (_keep, root) = folder();
    let file = root.join("servers.json");
    assert_eq!(on_the_way(&file), set(&[&root]), "not there yet");
    fs::write(&file, "[]").unwrap();
    assert_eq!(on_the_way(&file), set(&[&root]));
    fs::create_dir(root.join("a")).unwrap();
    assert_eq!(on_the_way(&root.join("a/../servers.json")), set(&[&root]));
}

#[test]
fn the_first_missing_folder_is_waited_for() {
    let (_keep, root) = folder();
    assert_eq!(on_the_way(&root.join("a/b/servers.json")), set(&[&root]));
    fs::create_dir(root.join("a")).unwrap();
    assert_eq!(on_the_way(&root.join("a/b/servers.json")), set(&[&root.join("a")]));
}

#[test]
fn each_link_on_the_way_has_its_folder() {
    let (_keep, root) = folder();
    fs::create_dir(root.join("config")).unwrap();
    fs::create_dir(root.join("config/..2026")).unwrap();
    fs::write(root.join("config/..2026/servers.json"), "[]").unwrap();
    symlink("..2026", root.join("config/..data")).unwrap();
    symlink("..data/servers.json", root.join("config/servers.json")).unwrap();
    symlink(root.join("config"), root.join("link")).unwrap();
    let config = root.join("config");
    assert_eq!(on_the_way(&config.join("servers.json")), set(&[&config, &config.join("..2026")]));
    assert_eq!(on_the_way(&root.join("link/servers.json")), set(&[&root, &config, &config.join("..2026")]));
}

#[test]
fn a_circle_of_links_ends() {
    let (_keep, root) = folder();
    symlink("b", root.join("a")).unwrap();
    symlink("a", root.join("b")).unwrap();
    assert_eq!(on_the_way(&root.join("a/servers.json")), set(&[&root]));
}

/// Else the watcher would wake itself for ever.
#[test]
fn watching_anew_and_reading_wakes_nobody() {
    let (_keep, root) = folder();
    let file = root.join("servers.json");
    fs::write(&file, "[]").unwrap();
    let (wake, woken) = sync_channel(1);
    let mut folders = Folders::new(wake);
    for _ in 0..3 {
        folders.watch_anew(std::slice::from_ref(&file));
        fs::read(&file).unwrap();
    }
    assert!(woken.recv_timeout(Duration::from_millis(200)).is_err());
    fs::write(&file, "[1]").unwrap();
    assert!(woken.recv_timeout(Duration::from_secs(10)).is_ok());
}
