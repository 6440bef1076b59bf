//! A file that appears under its name when it is whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use ringtail_net::Problem;

/// A file under another name in the same directory, which goes when this is dropped.
pub(crate) struct Output {
    name: PathBuf,
    partial: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    /// Begins a file that is to have this name.
    pub(crate) fn create(name: &Path, overwrite: bool) -> Result<Self, Problem> {
        if name.exists() && !overwrite {
            let message = format!("{} is there already", name.display());
            return Err(Problem::new(message, "give another name, or --overwrite"));
        }
        let mut partial = name.as_os_str().to_os_string();
        partial.push(format!(".partial-{}", std::process::id()));
        let partial = PathBuf::from(partial);
        // What clients stored is nobody else's business.
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial);
        let file = file.map_err(|error| unwritable(&partial, &error))?;
        Ok(Self { name: name.to_owned(), partial, file: BufWriter::with_capacity(1 << 20, file) })
    }

    /// Where it is until it is whole.
    pub(crate) fn path(&self) -> &Path {
        &self.partial
    }

    /// What to say when it can't be written.
    pub(crate) fn unwritable(&self, error: &io::Error) -> Problem {
        unwritable(&self.partial, error)
    }

    /// Puts what was written on the disk.
    pub(crate) fn sync(&mut self) -> Result<(), Problem> {
        let synced = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(|error| unwritable(&self.partial, &error))
    }

    /// Gives the file its name, for good. Returns how many bytes it has.
    pub(crate) fn finish(mut self) -> Result<u64, Problem> {
        self.sync()?;
        let directory = match self.name.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        };
        let renamed = fs::rename(&self.partial, &self.name)
            // The name is on the disk when the directory is.
            .and_then(|()| File::open(directory)?.sync_all())
            .and_then(|()| Ok(fs::metadata(&self.name)?.len()));
        renamed.map_err(|error| unwritable(&self.name, &error))
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // It has another name by now if all went well.
        let _ = fs::remove_file(&self.partial);
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Problem {
    let hint = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or name a file on another disk"
        }
        io::ErrorKind::NotFound => "make the directory, or name another",
        _ => "name a file that may be written",
    };
    Problem::new(format!("{} can't be written: {error}", path.display()), hint)
}
