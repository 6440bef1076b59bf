use super::*;
use crate::testing::Scratch;

const LIFETIME: u64 = limits::TICKET_LIFETIME.as_secs();

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(KEY_LEN)
}

fn keys(scratch: &Scratch, text: &str) -> Arc<TicketKeys> {
    TicketKeys::read(&scratch.write("keys", text)).unwrap()
}

#[test]
fn what_one_process_makes_another_takes_for_as_long_as_it_knows_the_key() {
    let scratch = Scratch::new();
    let (old, new) =
        (keys(&scratch, &hex(1)), keys(&scratch, &format!("# new\n{}\n\n{}\r\n", hex(2), hex(1))));
    let ticket = old.encrypt(b"a session").unwrap();
    assert_eq!(new.decrypt(&ticket).unwrap(), b"a session");
    let ticket = new.encrypt(b"").unwrap();
    assert_eq!(new.decrypt(&ticket).unwrap(), b"");
    assert_eq!(old.decrypt(&ticket), None, "the new key comes first");
    old.reload(&scratch.write("keys", hex(2))).unwrap();
    assert_eq!(old.decrypt(&ticket).unwrap(), b"");
    assert_eq!(old.decrypt(&new.seal(b"x", 0).unwrap()), None, "long expired");
}

#[test]
fn tickets_differ_and_end() {
    let scratch = Scratch::new();
    let keys = keys(&scratch, &hex(7));
    let (now, ticket) = (1_000_000, keys.seal(b"state", 1_000_000).unwrap());
    assert_ne!(ticket, keys.seal(b"state", now).unwrap());
    assert!(!ticket.windows(5).any(|window| window == b"state"));
    for (at, is_good) in
        [(now - 60, true), (now - 61, false), (now + LIFETIME + 60, true), (now + LIFETIME + 61, false)]
    {
        assert_eq!(keys.open(&ticket, at).is_some(), is_good, "{at}");
    }
}

#[test]
fn what_was_changed_anywhere_or_cut_is_refused() {
    let scratch = Scratch::new();
    let keys = keys(&scratch, &hex(7));
    let ticket = keys.encrypt(b"state").unwrap();
    for at in 0..ticket.len() {
        let mut changed = ticket.clone();
        changed[at] ^= 1;
        assert_eq!(keys.decrypt(&changed), None, "{at}");
        assert_eq!(keys.decrypt(&ticket[..at]), None, "{at}");
    }
}

#[test]
fn a_file_that_is_wrong_is_named_with_its_line_and_changes_nothing() {
    let scratch = Scratch::new();
    let good = keys(&scratch, &hex(7));
    let ticket = good.encrypt(b"state").unwrap();
    let long = hex(1).replace('1', "g");
    for (text, expected) in [
        ("".to_owned(), "there is no key in "),
        (format!("{}\nabc", hex(1)), "keys:2: is no key"),
        (long, "keys:1: is no key"),
        (format!("{}\n", hex(1)).repeat(9), "there are more than 8 keys in "),
    ] {
        let problem = good.reload(&scratch.write("keys", &text)).unwrap_err().to_string();
        assert!(problem.contains(expected), "{problem}");
        assert!(!problem.contains("0101"), "{problem}");
    }
    assert!(
        good.reload(&scratch.path("none")).unwrap_err().message.starts_with("cannot read the ticket keys")
    );
    assert_eq!(good.decrypt(&ticket).unwrap(), b"state");
}
