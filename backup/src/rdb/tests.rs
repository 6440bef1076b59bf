//! The pieces of Redis's encoding, and whole files beside the real server. Values of the store's own are tested where these are.

mod files;
mod real;

use super::{crc64, listpack, ziplist};
use proptest::prelude::*;

#[test]
fn the_checksum_is_redis_s() {
    assert_eq!(crc64::of(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
    let bit_by_bit = |bytes: &[u8]| {
        bytes.iter().fold(0_u64, |crc, &byte| {
            (0..8).fold(crc ^ u64::from(byte), |crc, _| {
                (crc >> 1) ^ if crc & 1 == 1 { 0x95ac_9329_ac4b_c9b5 } else { 0 }
            })
        })
    };
    for len in 0..40 {
        let bytes: Vec<u8> = (0..len).map(|i: u8| i.wrapping_mul(37)).collect();
        assert_eq!(crc64::of(&bytes), bit_by_bit(&bytes));
    }
}

proptest! {
    #[test]
    fn any_bytes_are_safe(body in prop::collection::vec(any::<u8>(), 0..200)) {
        for read in [listpack::read, ziplist::read, ziplist::read_map] {
            let _ = read(&body);
        }
    }
}
