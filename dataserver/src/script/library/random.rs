//! `math.random` and `math.randomseed`: the same numbers for a seed on every machine, as in Redis (the generator of
//! `lrand48`).

use super::functions;
use crate::script::host::Host;
use crate::script::lua::{Lua, Raise, Results};
use std::cell::Cell;

/// The greatest number that the generator gives, plus one in Redis's use of it.
const MOST: i64 = i32::MAX as i64;

/// The generator's state, of 48 bits.
pub(in crate::script) struct Random(Cell<u64>);

impl Random {
    /// Begins with this seed.
    pub(in crate::script) fn new(seed: i32) -> Self {
        let random = Self(Cell::new(0));
        random.seed(seed);
        random
    }

    fn seed(&self, seed: i32) {
        self.0.set(u64::from(seed as u32) << 16 | 0x330e);
    }

    /// The next number, of 31 bits.
    fn next(&self) -> i64 {
        let next = self.0.get().wrapping_mul(0x5_deec_e66d).wrapping_add(0xb) & 0xffff_ffff_ffff;
        self.0.set(next);
        (next >> 17) as i64
    }
}

/// Puts both functions into the table on top.
pub(in crate::script) fn open(lua: &Lua) {
    functions!(lua, "random" => random, "randomseed" => seed);
}

fn random(l: &Lua) -> Results {
    let r = (Host::of(l).random.next() % MOST) as f64 / MOST as f64;
    let result = match l.top() {
        0 => r,
        1 => {
            let most = integer(l, 1)?;
            if most < 1 {
                return Err(l.bad_argument(1, "interval is empty"));
            }
            (r * f64::from(most)).floor() + 1.0
        }
        2 => {
            let (least, most) = (integer(l, 1)?, integer(l, 2)?);
            if least > most {
                return Err(l.bad_argument(2, "interval is empty"));
            }
            (r * f64::from(most.wrapping_sub(least).wrapping_add(1))).floor() + f64::from(least)
        }
        _ => return Err(l.error("wrong number of arguments")),
    };
    l.push_number(result);
    Ok(1)
}

fn seed(l: &Lua) -> Results {
    Host::of(l).random.seed(integer(l, 1)?);
    Ok(0)
}

fn integer(l: &Lua, index: i32) -> Result<i32, Raise> {
    Ok(l.check_integer(index)? as i32)
}
