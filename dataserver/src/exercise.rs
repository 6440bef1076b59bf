//! The bodies of the fuzz targets: any bytes to RESTORE, as a log and as the other end of replication, and any commands to a server, in
//! process. Built for fuzzing and for the tests that run the same bodies.

#[cfg(test)]
pub(crate) mod commands;
#[cfg(not(test))]
mod commands;
mod logs;
mod payloads;
mod replication;

pub use commands::commands;
pub use logs::logs;
pub use payloads::payloads;
pub use replication::replication;

/// Bytes that choices are made by; when they are used up it is always the first.
pub(crate) struct Source<'d>(pub(crate) &'d [u8]);

impl<'d> Source<'d> {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn byte(&mut self) -> u8 {
        let Some((&byte, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        byte
    }

    /// A number below `end`, which is at most 65536.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let high = if end > 256 { usize::from(self.byte()) << 8 } else { 0 };
        (high | usize::from(self.byte())) % end
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// Whether something happens that happens so often out of 256 times.
    pub(crate) fn often(&mut self, times: u8) -> bool {
        self.byte() < times
    }

    /// Up to so many bytes as they are.
    fn bytes(&mut self, most: usize) -> &'d [u8] {
        let count = self.below(most + 1).min(self.0.len());
        let (taken, rest) = self.0.split_at(count);
        self.0 = rest;
        taken
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..600)
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_commands_do_harm(data in bytes()) {
            super::commands(&data);
        }

        #[test]
        fn no_log_does_harm(data in bytes()) {
            super::logs(&data);
        }

        #[test]
        fn no_other_end_does_harm(data in bytes(), end in 0_u8..4) {
            super::replication(&[&[end], &data[..]].concat());
        }

        #[test]
        fn no_payload_does_harm(data in bytes()) {
            super::payloads(&data);
        }
    }
}
