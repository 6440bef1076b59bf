use super::*;

#[test]
fn every_name_is_found_in_any_case() {
    for command in COMMANDS.iter().filter(|command| command.parent.is_none()) {
        let name = command.full_name;
        for spelling in [name.to_owned(), name.to_uppercase(), mixed(name)] {
            assert_eq!(lookup(spelling.as_bytes()).map(|found| found.id), Some(command.id), "{spelling}");
        }
    }
}

fn mixed(name: &str) -> String {
    let upper = |(i, c): (usize, char)| if i % 2 == 0 { c.to_ascii_uppercase() } else { c };
    name.chars().enumerate().map(upper).collect()
}
