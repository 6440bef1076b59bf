//! Commands on strings as arrays of bits.

macro_rules! bitmap_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Bitmap {

Bitcount = row("bitcount", -2, flags!(READONLY))
    .about("2.6.0", "O(N), N bytes", "Counts the bits of a string that are set.")
    .history(&[("7.0.0", "BYTE and BIT.")])
    .keys(key!(RO ACCESS))
    .args(&[
        KEY,
        block("range", &[
            int("start"), int("end"),
            one_of("unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").opt(),
        ]).opt(),
    ]);

Bitfield = row("bitfield", -2, flags!(WRITE DENYOOM))
    .about("3.2.0", "O(1) for each operation", "Reads, sets and adds to numbers of any width inside a string.")
    .keys(&[
        KeySpec::one(1, key_flags!(RW ACCESS UPDATE VARIABLE_FLAGS)).note("RO when every operation is GET"),
    ])
    .args(&[
        KEY,
        one_of("operation", &[
            block("get-block", &[string("encoding"), int("offset")]).after("GET"),
            block("write", &[
                one_of("overflow-block", &[word("wrap", "WRAP"), word("sat", "SAT"), word("fail", "FAIL")])
                    .after("OVERFLOW").opt(),
                one_of("write-operation", &[
                    block("set-block", &[string("encoding"), int("offset"), int("value")]).after("SET"),
                    block("increment-block", &[string("encoding"), int("offset"), int("increment")])
                        .after("INCRBY"),
                ]),
            ]),
        ]).opt().many(),
    ]);

BitfieldRo = row("bitfield_ro", -2, flags!(READONLY FAST))
    .about("6.0.0", "O(1) for each operation", "Reads numbers of any width inside a string.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, block("get-block", &[string("encoding"), int("offset")]).after("GET").opt().repeated()]);

Bitop = row("bitop", -4, flags!(WRITE DENYOOM))
    .about("2.6.0", "O(N), N bytes of the longest", "Joins strings bit by bit and stores the result.")
    .keys(&[KeySpec::one(2, key_flags!(OW UPDATE)), KeySpec::rest(3, 1, key_flags!(RO ACCESS))])
    .args(&[
        one_of("operation", &[word("and", "AND"), word("or", "OR"), word("xor", "XOR"), word("not", "NOT")]),
        key("destkey"), KEY.spec(1).many(),
    ]);

Bitpos = row("bitpos", -3, flags!(READONLY))
    .about("2.8.7", "O(N), N bytes", "Finds the first bit that is set, or the first that is not.")
    .history(&[("7.0.0", "BYTE and BIT.")])
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, int("bit"),
        block("range", &[
            int("start"),
            block("end-unit-block", &[
                int("end"), one_of("unit", &[word("byte", "BYTE"), word("bit", "BIT")]).since("7.0.0").opt(),
            ]).opt(),
        ]).opt(),
    ]);

Getbit = row("getbit", 3, flags!(READONLY FAST))
    .about("2.2.0", "O(1)", "Returns a bit of a string.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, int("offset")]);

Setbit = row("setbit", 4, flags!(WRITE DENYOOM))
    .about("2.2.0", "O(1)", "Sets or clears a bit of a string, padding with zeros, and returns what it was.")
    .keys(key!(RW ACCESS UPDATE))
    .args(&[KEY, int("offset"), int("value")]);

    } } };
}
