//! What can be wrong with a member, or with the way to it.

use super::network::Place;
use ringtail_tests::harness::Signal;

/// One kind of trouble, begun and ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// One packet of ten is lost.
    Loss,
    /// Packets come up to 40 ms late, and out of order.
    Delay,
    /// 512 kbit/s.
    Narrow,
    /// No packet arrives, and nobody says so.
    Partition,
    /// Each packet is answered by a reset.
    Reset,
    /// The process does nothing, the system takes bytes for it.
    Freeze,
    /// The process dies and is started again, empty.
    Kill,
    /// It dies behind a partition: the other side keeps connections that nobody knows any more.
    Vanish,
    /// Something else answers at its address, and not by replies.
    Garbage,
}

impl Trouble {
    pub(super) const ALL: [Self; 9] = [
        Self::Loss,
        Self::Delay,
        Self::Narrow,
        Self::Partition,
        Self::Reset,
        Self::Freeze,
        Self::Kill,
        Self::Vanish,
        Self::Garbage,
    ];

    /// Whether the member has lost its keys by it.
    pub(super) fn empties(self) -> bool {
        matches!(self, Self::Kill | Self::Vanish | Self::Garbage)
    }

    pub(super) fn begin(self, place: &mut Place, seed: u64) {
        match self {
            Self::Loss => {
                place.rules(&["-m", "statistic", "--mode", "random", "--probability", "0.1", "-j", "DROP"])
            }
            Self::Delay => {
                place.helper("delay.py", seed, &["40"]);
                place.rules(&["-j", "NFQUEUE", "--queue-num", "0", "--queue-bypass"]);
            }
            Self::Narrow => place.narrow("512kbit"),
            Self::Partition => place.rules(&["-j", "DROP"]),
            Self::Reset => place.rule("INPUT", &["-j", "REJECT", "--reject-with", "tcp-reset"]),
            Self::Freeze => place.signal(Signal::Stop),
            Self::Kill => place.kill(),
            Self::Vanish => {
                place.rules(&["-j", "DROP"]);
                place.kill();
            }
            Self::Garbage => {
                place.kill();
                let (host, port) = place.host_and_port();
                place.helper("garbage.py", seed, &[&host, &port]);
            }
        }
    }

    /// Returns once the member answers whoever asks it directly.
    pub(super) fn end(self, place: &mut Place) {
        match self {
            Self::Narrow => place.widen(),
            Self::Freeze => place.signal(Signal::Continue),
            Self::Kill => place.start(),
            Self::Loss | Self::Partition | Self::Reset => place.no_rules(),
            Self::Delay => {
                place.no_rules();
                place.no_helper();
            }
            Self::Vanish => {
                place.no_rules();
                place.start();
            }
            Self::Garbage => {
                place.no_helper();
                place.start();
            }
        }
        assert!(place.comes_back(), "{self:?} does not end");
    }
}
