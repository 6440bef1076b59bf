use std::fs;
use std::time::{Duration, Instant};

use super::*;
use crate::testing::{Pki, Scratch, WITHIN, listen, make_ca, make_leaf, take};
use crate::{Password, Stream, TlsClient, TlsServer};

/// Events alone must do.
const EVENTS: WatchOptions =
    WatchOptions { quiet: Duration::from_millis(10), poll: Duration::from_secs(3600) };

fn eventually(what: &str, holds: impl Fn() -> bool) {
    let started = Instant::now();
    while !holds() {
        assert!(started.elapsed() < WITHIN, "never: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

fn replace(path: &Path, content: impl AsRef<[u8]>) {
    let new = path.with_extension("new");
    fs::write(&new, content).unwrap();
    fs::rename(&new, path).unwrap();
}

struct Scene {
    status: Arc<ReloadStatus>,
    reloader: Reloader,
}

impl Scene {
    fn watch(add: impl FnOnce(&mut Reloads)) -> Self {
        let status = Arc::<ReloadStatus>::default();
        let mut reloads = Reloads::new(Arc::clone(&status));
        add(&mut reloads);
        let reloader = reloads.start(EVENTS).unwrap();
        Self { status, reloader }
    }

    fn counts(&self) -> (u64, u64) {
        (self.status.taken(), self.status.refused())
    }
}

/// Whether a client that trusts `ca` alone gets in; the client's end, to go on with.
async fn connect(server: &TlsServer, ca: &Path) -> io::Result<(Stream, Stream)> {
    let (listener, addr) = listen();
    let client = TlsClient::new(Some(ca), None).unwrap();
    let addr = addr.to_string();
    let accept = async {
        tokio::task::yield_now().await;
        Stream::accept(take(&listener), Some(server)).await
    };
    let (server, client) = tokio::join!(accept, Stream::connect(&addr, Some(&client), WITHIN));
    Ok((server?, client?))
}

#[tokio::test]
async fn a_new_certificate_is_seen_by_new_connections_once_its_key_is_there() {
    let pki = Pki::new();
    let server = pki.server();
    let scene = Scene::watch(|reloads| server.watch(reloads));
    let (mut far, mut near) = connect(&server, &pki.ca).await.unwrap();

    let (ca, leaf_of) = (make_ca(), |ca: &_| make_leaf(ca, |_| ()));
    let (cert, key) = leaf_of(&ca);
    let new_ca = pki.scratch.write("new-ca.crt", ca.pem());
    replace(&pki.cert, cert);
    eventually("the pair is refused", || scene.status.refused() == 1);
    assert!(scene.status.refusal().contains("do not belong together"), "{}", scene.status.refusal());
    connect(&server, &pki.ca).await.unwrap();

    replace(&pki.key, key);
    eventually("the pair is taken", || scene.counts() == (1, 1));
    assert_eq!(scene.status.refusal(), "");
    connect(&server, &new_ca).await.unwrap();
    assert!(connect(&server, &pki.ca).await.is_err());

    near.write_all(b"still").await.unwrap();
    assert_eq!(crate::testing::read_some(&mut far, 5, 100).await, b"still");
}

#[tokio::test]
async fn who_may_enter_and_who_is_trusted_follow_their_files() {
    let (pki, other) = (Pki::new(), Pki::new());
    let server = pki.mutual_server();
    let ca = pki.scratch.write("trusted.crt", fs::read(&other.ca).unwrap());
    let client = TlsClient::new(Some(&ca), Some(pki.identity())).unwrap();
    let scene = Scene::watch(|reloads| {
        server.watch(reloads);
        client.watch("server CA", reloads);
    });
    let meet = async || {
        let (listener, addr) = listen();
        let addr = addr.to_string();
        let accept = async {
            tokio::task::yield_now().await;
            Stream::accept(take(&listener), Some(&server)).await
        };
        let (far, near) = tokio::join!(accept, Stream::connect(&addr, Some(&client), WITHIN));
        (far.is_ok(), near.is_ok())
    };
    assert_eq!(meet().await, (false, false), "the server is a stranger");
    replace(&ca, fs::read(&pki.ca).unwrap());
    eventually("the CA is taken", || scene.counts() == (1, 0));
    assert_eq!(meet().await, (true, true));
    replace(&pki.ca, fs::read(&other.ca).unwrap());
    eventually("the clients' CA is taken", || scene.counts() == (2, 0));
    assert!(!meet().await.0, "the client is a stranger now");
}

#[test]
fn a_password_is_the_one_of_its_file_and_an_empty_file_is_none() {
    let scratch = Scratch::new();
    let path = scratch.write("password", "one");
    let password = Password::read(&path).unwrap();
    let told = Arc::<Mutex<Vec<Vec<u8>>>>::default();
    let known = Arc::clone(&told);
    let scene = Scene::watch(|reloads| {
        password
            .watch("password", reloads, move |secret| known.lock().unwrap().push(secret.expose().to_vec()));
    });
    replace(&path, "");
    eventually("nothing is refused", || scene.counts() == (0, 1));
    assert!(password.current().matches(b"one"));
    replace(&path, "two\n");
    eventually("it is taken", || scene.counts() == (1, 1));
    assert!(password.current().matches(b"two"));
    assert_eq!(*told.lock().unwrap(), [b"two"]);
}

/// Counts how often it is loaded; the file says whether that goes well.
fn counted(path: PathBuf, loads: &Arc<AtomicU64>) -> impl FnMut() -> Result<(), Problem> + Send + 'static {
    let loads = Arc::clone(loads);
    move || {
        loads.fetch_add(1, Relaxed);
        match fs::read_to_string(&path).unwrap_or_default().as_str() {
            "bad" => Err(Problem::new("it is bad\r\nindeed", "mend it")),
            _ => Ok(()),
        }
    }
}

#[tokio::test]
async fn on_demand_all_is_read_and_else_only_what_is_new() {
    let scratch = Scratch::new();
    let (one, other) = (scratch.write("one", "good"), scratch.write("other", "good"));
    let loads: [Arc<AtomicU64>; 2] = Default::default();
    let scene = Scene::watch(|reloads| {
        reloads.add("one", Files::now([one.as_path()]), counted(one.clone(), &loads[0]));
        reloads.add("other", Files::now([other.as_path()]), counted(other.clone(), &loads[1]));
    });
    let counts = || loads.each_ref().map(|loads| loads.load(Relaxed));
    scene.reloader.read_again().await;
    assert_eq!((counts(), scene.counts()), ([1, 1], (2, 0)));
    replace(&one, "better");
    eventually("one is read", || scene.counts() == (3, 0));
    assert_eq!(counts(), [2, 1]);
    replace(&one, "bad");
    eventually("one is refused", || scene.counts() == (3, 1));
    // It is tried again whenever something happens, which is not counted each time.
    replace(&other, "better");
    eventually("the other is read", || scene.counts() == (4, 1));
    assert_eq!(scene.status.refusal(), "it is bad  indeed");
    scene.reloader.read_again().await;
    assert_eq!(scene.counts(), (5, 2), "on demand it is said again");
    replace(&one, "good");
    eventually("all is well", || scene.status.refusal().is_empty());
}

/// A link to another folder is swapped, as Kubernetes does with its secrets.
#[test]
fn a_swapped_link_brings_the_new_pair_at_once() {
    let (old, new, root) = (Pki::new(), Pki::new(), Scratch::new());
    let swap = |pki: &Pki| {
        std::os::unix::fs::symlink(pki.scratch.path(""), root.path("..tmp")).unwrap();
        fs::rename(root.path("..tmp"), root.path("..data")).unwrap();
    };
    swap(&old);
    for name in ["leaf.crt", "leaf.key"] {
        std::os::unix::fs::symlink(Path::new("..data").join(name), root.path(name)).unwrap();
    }
    let server = TlsServer::new(&root.path("leaf.crt"), &root.path("leaf.key"), None).unwrap();
    let scene = Scene::watch(|reloads| server.watch(reloads));
    swap(&new);
    eventually("the pair is taken", || scene.counts() == (1, 0));
}

#[tokio::test]
async fn with_nothing_to_watch_there_is_nothing_to_wait_for() {
    Scene::watch(|_| ()).reloader.read_again().await;
}
