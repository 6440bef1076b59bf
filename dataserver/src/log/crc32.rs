//! The checksum of the log: CRC-32 with the polynomial of zip and Ethernet, reflected, begun and ended inverted.

const POLYNOMIAL: u32 = 0xedb8_8320;

/// Bytes that are taken at once, one table each.
const STEP: usize = 16;

static TABLES: [[u32; 256]; STEP] = tables();

const fn tables() -> [[u32; 256]; STEP] {
    let (mut tables, mut byte) = ([[0; 256]; STEP], 0);
    while byte < 256 {
        let (mut crc, mut bit) = (byte as u32, 0);
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
pub(super) fn of(bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<STEP>();
    let crc = words.iter().fold(!0, step);
    !rest.iter().fold(crc, |crc, &byte| crc >> 8 ^ TABLES[0][usize::from(crc as u8 ^ byte)])
}

/// The checksum so far goes into the first four of the bytes.
fn step(crc: u32, word: &[u8; STEP]) -> u32 {
    let mixed = (u128::from_le_bytes(*word) ^ u128::from(crc)).to_le_bytes();
    mixed.iter().zip(TABLES.iter().rev()).fold(0, |crc, (&byte, table)| crc ^ table[usize::from(byte)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_common_one() {
        assert_eq!(of(b"123456789"), 0xcbf4_3926);
        assert_eq!(of(b""), 0);
        assert_eq!(of(b"The quick brown fox jumps over the lazy dog"), 0x414f_a339);
    }
}
