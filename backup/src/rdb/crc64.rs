//! The checksum behind a dumped value: CRC-64 with Jones's polynomial, reflected, from 0.

const POLYNOMIAL: u64 = 0x95ac_9329_ac4b_c9b5;

/// Bytes that are taken at once, one table each.
const STEP: usize = 8;

static TABLES: [[u64; 256]; STEP] = tables();

const fn tables() -> [[u64; 256]; STEP] {
    let (mut tables, mut byte) = ([[0; 256]; STEP], 0);
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u64, 0);
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut at = 1;
    while at < STEP {
        byte = 0;
        while byte < 256 {
            let before = tables[at - 1][byte];
            tables[at][byte] = before >> 8 ^ tables[0][before as usize & 0xff];
            byte += 1;
        }
        at += 1;
    }
    tables
}

/// The checksum of some bytes.
pub(super) fn of(bytes: &[u8]) -> u64 {
    update(0, bytes)
}

/// The checksum of bytes that come behind those with this one.
pub(super) fn update(before: u64, bytes: &[u8]) -> u64 {
    let (words, rest) = bytes.as_chunks::<STEP>();
    let crc = words.iter().fold(before, |crc, &word| {
        let mixed = (crc ^ u64::from_le_bytes(word)).to_le_bytes();
        mixed.iter().zip(TABLES.iter().rev()).fold(0, |crc, (&byte, table)| crc ^ table[usize::from(byte)])
    });
    rest.iter().fold(crc, |crc, &byte| crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)])
}
