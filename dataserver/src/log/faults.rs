//! What is wrong with the log, each part of it by itself: one that is well again must not hide what is wrong with another.

/// A part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The disk can't be written.
    Disk,
    /// It is too slow, or hangs.
    Slow,
    /// The files are not this log.
    Left,
}

/// What is wrong now.
#[derive(Debug, Default)]
pub(super) struct Faults([Option<String>; 3]);

impl Faults {
    /// Says what is wrong, or that it no longer is; what writes are refused with, if that is something else now.
    pub(super) fn set(&mut self, fault: Fault, why: Option<String>) -> Option<Option<String>> {
        let before = self.why().map(str::to_owned);
        self.0[fault as usize] = why;
        (self.why() != before.as_deref()).then(|| self.why().map(str::to_owned))
    }

    /// What is wrong with a part.
    pub(super) fn of(&self, fault: Fault) -> Option<&str> {
        self.0[fault as usize].as_deref()
    }

    fn why(&self) -> Option<&str> {
        self.0.iter().flatten().map(String::as_str).next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_until_it_is_over() {
        let mut faults = Faults::default();
        let told = |why: &str| Some(Some(why.to_owned()));
        assert_eq!(faults.set(Fault::Slow, None), None);
        assert_eq!(faults.set(Fault::Slow, Some("slow".into())), told("slow"));
        assert_eq!(faults.set(Fault::Disk, Some("full".into())), told("full"));
        assert_eq!(faults.set(Fault::Left, Some("left".into())), None);
        assert_eq!(faults.set(Fault::Disk, None), told("slow"));
        assert_eq!(faults.set(Fault::Slow, None), told("left"));
        assert_eq!((faults.set(Fault::Left, None), faults.of(Fault::Left)), (Some(None), None));
    }
}
