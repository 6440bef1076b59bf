use super::*;
use fastrand::Rng;

/// Answers in one piece or in several.
fn give(sequence: &mut Sequence, ticket: Ticket, answer: &[u8], out: &mut Vec<u8>, rng: &mut Rng) {
    if rng.bool() {
        return sequence.answer(ticket, answer, out);
    }
    let (first, second) = answer.split_at(rng.usize(..answer.len()));
    sequence.pass(ticket, first, false, out);
    sequence.pass(ticket, second, true, out);
}

/// An answer that comes in parts goes out from its turn on, and not before; until then another can be given instead.
#[test]
fn parts_leave_when_their_turn_has_come() {
    let (mut sequence, mut out) = (Sequence::default(), Vec::new());
    let [first, second, third] = [(); 3].map(|()| sequence.take(false));
    sequence.pass(second, b"se", false, &mut out);
    sequence.pass(third, b"lost", false, &mut out);
    assert_eq!((out.len(), sequence.held()), (0, 6));
    sequence.answer(first, b"first ", &mut out);
    assert_eq!((&out[..], sequence.held()), (&b"first se"[..], 4));
    assert!(sequence.is_amid(), "no message may be put here");
    assert!(sequence.take_back(third) && !sequence.take_back(second), "a part of the second is out");
    sequence.pass(second, b"cond ", true, &mut out);
    assert!(!sequence.is_amid());
    sequence.answer(third, b"third", &mut out);
    assert_eq!((&out[..], sequence.held(), sequence.len()), (&b"first second third"[..], 0, 0));
}

/// Many requests, answered in random order while more are made: every answer comes out once, in order, whole.
#[test]
fn answers_leave_in_the_order_of_their_requests() {
    for seed in 0..200 {
        let mut rng = Rng::with_seed(seed);
        let (mut sequence, mut out, mut expected) = (Sequence::default(), Vec::new(), Vec::new());
        let mut waiting: Vec<(Ticket, Vec<u8>)> = Vec::new();
        for request in 0..2000u32 {
            let muted = rng.u8(..) < 20;
            let len = if rng.u8(..) == 0 { limits::SPILL_ANSWER + 9 } else { rng.usize(0..300) };
            let answer = [format!("<{request}>").into_bytes(), vec![b'x'; len]].concat();
            if !muted {
                expected.extend_from_slice(&answer);
            }
            waiting.push((sequence.take(muted), answer));
            while waiting.len() > 60 || (!waiting.is_empty() && rng.bool()) {
                let (ticket, answer) = waiting.swap_remove(rng.usize(..waiting.len()));
                give(&mut sequence, ticket, &answer, &mut out, &mut rng);
            }
        }
        for (ticket, answer) in waiting {
            sequence.answer(ticket, &answer, &mut out);
        }
        assert!(sequence.is_empty() && sequence.held() == 0, "seed {seed}");
        assert!(out == expected, "seed {seed}");
    }
}

/// A session that always has something on its way must not keep dead answers for ever.
#[test]
fn memory_stays_bounded_when_the_pipeline_never_drains() {
    let (mut sequence, mut out) = (Sequence::default(), Vec::new());
    let mut previous = sequence.take(false);
    for _ in 0..10_000 {
        let (middle, next) = (sequence.take(false), sequence.take(false));
        sequence.answer(middle, &[b'x'; 100], &mut out);
        sequence.answer(previous, b"y", &mut out);
        previous = next;
        out.clear();
    }
    assert!(sequence.held() <= limits::SPILL_COMPACT * 2, "{} bytes", sequence.held());
}
