use super::*;
use crate::testing::Scratch;

#[test]
fn one_line_end_is_trimmed_and_nothing_else() {
    let scratch = Scratch::new();
    for (text, secret) in [("pw", "pw"), ("pw\n", "pw"), ("pw\r\n", "pw"), (" p w \n\n", " p w \n")] {
        let read = read_secret(&scratch.write("pw", text)).unwrap();
        assert_eq!(read.expose(), secret.as_bytes());
    }
}

#[test]
fn what_is_no_password_file_is_refused_by_name() {
    let scratch = Scratch::new();
    let long = "x".repeat(usize::try_from(limits::SECRET).unwrap() + 1);
    for path in
        [scratch.write("e", ""), scratch.write("n", "\n"), scratch.write("l", long), scratch.path("none")]
    {
        let problem = read_secret(&path).unwrap_err();
        assert!(problem.message.contains(path.to_str().unwrap()), "{problem}");
    }
}

#[test]
fn only_the_whole_secret_matches_and_it_is_never_shown() {
    let secret = Secret::new("hunter2");
    assert!(secret.matches(b"hunter2"));
    for guess in ["", "hunter", "hunter22", "hunter2hunter2", "Hunter2"] {
        assert!(!secret.matches(guess.as_bytes()), "{guess}");
    }
    assert!(!Secret::new("").matches(b"x"));
    assert!(!format!("{secret:?}").contains("hunter"));
}
