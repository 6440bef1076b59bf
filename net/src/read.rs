//! Reading a file that an operator named, which may be anything.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// The file's bytes.
///
/// # Errors
/// The system's, or the file is longer than `most` bytes.
pub fn read_bounded(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::other(format!("longer than {most} bytes"))),
        false => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_too_long_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        std::fs::write(&path, "12345").unwrap();
        assert_eq!(read_bounded(&path, 5).unwrap(), b"12345");
        assert_eq!(read_bounded(&path, 4).unwrap_err().to_string(), "longer than 4 bytes");
        assert!(read_bounded(Path::new("/dev/zero"), 1000).is_err(), "one without an end");
    }
}
