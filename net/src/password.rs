//! A password that is always as its file has it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::problem::Problem;
use crate::reload::{Files, Reloads};
use crate::secret::{Secret, read_secret};

/// A password from a file. Clones share it.
#[derive(Clone)]
pub struct Password {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    files: Files,
    secret: ArcSwap<Secret>,
}

impl Password {
    /// Reads the file.
    ///
    /// # Errors
    /// As [`read_secret`].
    pub fn read(path: &Path) -> Result<Self, Problem> {
        let files = Files::now([path]);
        let secret = ArcSwap::from_pointee(read_secret(path)?);
        Ok(Self { inner: Arc::new(Inner { path: path.to_path_buf(), files, secret }) })
    }

    /// What it is now.
    pub fn current(&self) -> Arc<Secret> {
        self.inner.secret.load_full()
    }

    /// Has it read again when the file changes; `then` is told of the new one.
    pub fn watch(&self, what: &'static str, reloads: &mut Reloads, then: impl Fn(&Secret) + Send + 'static) {
        let password = self.clone();
        reloads.add(what, self.inner.files.clone(), move || {
            let secret = read_secret(&password.inner.path)?;
            then(&secret);
            password.inner.secret.store(Arc::new(secret));
            Ok(())
        });
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(***)")
    }
}
