use super::*;

fn after(answers: impl Iterator<Item = usize>) -> usize {
    let mut window = Window::default();
    answers.for_each(|len| window.note(len));
    window.most()
}

#[test]
fn short_answers_open_it_and_long_ones_close_it() {
    let short = || std::iter::repeat_n(100, 2000);
    assert_eq!(after(std::iter::empty()), limits::SESSION_FIRST);
    assert_eq!(after(short()), limits::SESSION_IN_FLIGHT);
    assert_eq!(after(short().chain([1 << 20])), limits::SESSION_EXPECTED >> 20);
    assert_eq!(after([limits::SESSION_EXPECTED * 2].into_iter()), 1);
    assert_eq!(after([1 << 20].into_iter().chain(short())), limits::SESSION_IN_FLIGHT);
}
