use super::{ours, target_dir};
use crate::resp::Tls;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

/// Development certificates, made by `ringtail-certs` once for each run.
#[derive(Clone)]
pub struct Certs(Arc<PathBuf>);

impl Certs {
    /// The certificates of this run.
    pub fn get() -> Certs {
        static MADE: OnceLock<Certs> = OnceLock::new();
        MADE.get_or_init(|| Certs::make_in(&scratch("certs"))).clone()
    }

    /// Another set, of a CA that trusts nothing of the first's.
    pub fn make_in(dir: &Path) -> Certs {
        let output = Command::new(ours("ringtail-certs")).arg("--out").arg(dir).output();
        let output = output.expect("ringtail-certs starts");
        assert!(output.status.success(), "ringtail-certs: {}", String::from_utf8_lossy(&output.stderr));
        Certs(Arc::new(dir.to_path_buf()))
    }

    /// The CA's certificate.
    pub fn ca(&self) -> PathBuf {
        self.0.join("ca.crt")
    }

    /// The server's certificate.
    pub fn server_cert(&self) -> PathBuf {
        self.0.join("server.crt")
    }

    /// The server's key.
    pub fn server_key(&self) -> PathBuf {
        self.0.join("server.key")
    }

    /// The client's certificate.
    pub fn client_cert(&self) -> PathBuf {
        self.0.join("client.crt")
    }

    /// The client's key.
    pub fn client_key(&self) -> PathBuf {
        self.0.join("client.key")
    }

    /// A client's side that trusts the CA and shows nothing of itself.
    pub fn trust(&self) -> Tls {
        Tls::new(&self.ca(), None)
    }

    /// A client's side that shows its certificate too.
    pub fn identity(&self) -> Tls {
        Tls::new(&self.ca(), Some((&self.client_cert(), &self.client_key())))
    }
}

/// A new empty directory below `target` that no other run or test uses.
pub fn scratch(name: &str) -> PathBuf {
    let unique = format!("{name}-{}-{:08x}", std::process::id(), fastrand::u32(..));
    let dir = target_dir().join("test-scratch").join(unique);
    std::fs::create_dir_all(&dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    dir
}

/// A file that holds a password, as the `--…-file` flags take it.
pub(super) fn secret_file(secret: &str) -> PathBuf {
    let path = scratch("secret").join("password");
    std::fs::write(&path, secret).expect("a file below target");
    path
}
