//! What the fuzz targets run, and a unit test, too.

use crate::rdb::{self, FileItem, FileReader};
use crate::{Block, Collected, Contents, Error, Footer, Meta, Reader, Writer};
use std::io::Read;

/// Reads any bytes as the records of a block whose checksums are right, and returns how many there were.
pub fn records(data: &[u8]) -> usize {
    let mut block = Block::of_raw(data);
    let mut writer = Writer::new(Vec::new(), &Meta::default()).expect("memory takes all");
    writer.block(&mut block).expect("memory takes all");
    backup(&writer.finish(&Footer::default()).expect("memory takes all"))
}

/// Reads any bytes as a backup, damaged blocks left out, and returns how many records there were.
pub fn backup(data: &[u8]) -> usize {
    let Ok(mut reader) = Reader::open(data) else { return 0 };
    let mut records = 0;
    loop {
        match reader.next() {
            Ok(None) => return records,
            Ok(Some(sealed)) => {
                let Ok(opened) = sealed.open() else { continue };
                for record in opened.records().flatten() {
                    let mut value = Collected::default();
                    let told = record.tell(&mut value);
                    records += usize::from(told.is_ok() || matches!(record.contents, Contents::Gone));
                    if let Some(value) = value.take() {
                        // What was taken can be dumped, unless no RDB value is like it.
                        drop(rdb::dump(|saver| value.tell(saver)));
                    }
                }
            }
            Err(Error::Damaged(_)) => drop(reader.skip_damaged()),
            Err(_) => return records,
        }
    }
}

/// Reads any bytes as an RDB file, and returns how many values there were.
///
/// # Panics
/// When a value that was taken can't be dumped and taken again.
pub fn rdb_file(data: impl Read) -> usize {
    let Ok(mut reader) = FileReader::open(data) else { return 0 };
    let mut values = 0;
    loop {
        match reader.next() {
            Ok(Some(FileItem::Entry(entry))) => {
                let mut value = Collected::default();
                if entry.tell(&mut value).is_ok()
                    && let Some(value) = value.take()
                {
                    values += 1;
                    let payload = rdb::dump(|saver| value.tell(saver)).expect("what was read can be written");
                    let mut again = Collected::default();
                    assert_eq!(rdb::restore(&payload, &mut again), Ok(()));
                    assert_eq!(again.take().as_ref(), Some(&value));
                }
            }
            Ok(Some(FileItem::Library(_))) | Err(rdb::FileError::Module { .. }) => {}
            Ok(None) | Err(_) => return values,
        }
    }
}
