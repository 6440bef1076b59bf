//! `help`, from the command table and the program's own commands.

use clap::Command as Own;
use ringtail_net::Problem;
use ringtail_protocol::command::{COMMANDS, Command, Found, Group, find, syntax};

const WIDTH: usize = 78;

/// The page that `help` and these words ask for. `own` has the program's own commands as its subcommands, which go before the
/// server's: their names are lower case.
///
/// # Errors
/// Nothing is known of it.
pub(crate) fn help(words: &[Vec<u8>], mut own: Own) -> Result<String, Problem> {
    let Some(first) = words.first() else { return Ok(overview(&own)) };
    own.build();
    if let Some(own) = std::str::from_utf8(first).ok().and_then(|name| own.find_subcommand_mut(name)) {
        return Ok(own.render_long_help().to_string());
    }
    if let Some(group) = group(first) {
        return Ok(format!("\n{}", of_group(group)));
    }
    match find(words) {
        Found::Command(command) => Ok(page(command)),
        Found::NoSubcommand(command) => Err(Problem::new(
            format!("{} has no subcommand '{}'", upper(command), lossy(&words[1])),
            format!("`help {}` lists those it has", upper(command)),
        )),
        Found::NoCommand => {
            Err(Problem::new(format!("nothing is known of '{}'", lossy(first)), "`help` lists the commands"))
        }
    }
}

fn group(word: &[u8]) -> Option<Group> {
    let name = word.strip_prefix(b"@")?;
    Group::ALL.into_iter().find(|group| group.name().as_bytes().eq_ignore_ascii_case(name))
}

fn overview(own: &Own) -> String {
    let mut text = String::from(
        "\n`help COMMAND` explains a command, `help @GROUP` lists a group with a line on each.\n\
         Tab completes; the grey text is what may follow. Quotes: \"a b\\n\\x00\" or 'a b'; a quote left open\n\
         goes on in the next line. Ctrl-C abandons a line, or a reply that does not come.\n\
         `clear` clears the screen; `exit`, `quit` or Ctrl-D leave.\n\nThe client's own, in lower case (`help plan`):\n",
    );
    text.push_str(&wrapped(own.get_subcommands().map(|own| own.get_name().to_owned())));
    for group in Group::ALL {
        text.push_str(&format!("\n@{}\n", group.name()));
        text.push_str(&wrapped(members(group).map(upper)));
    }
    text
}

fn of_group(group: Group) -> String {
    members(group).map(|command| format!("  {:<14} {}\n", upper(command), command.summary)).collect()
}

fn members(group: Group) -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().filter(move |command| command.group == group && command.parent.is_none())
}

fn page(command: &'static Command) -> String {
    let mut text = format!("\n  {}\n  summary: {}\n", syntax(command), command.summary);
    text.push_str(&format!("  since: {}\n  group: {}\n", command.since, command.group.name()));
    if !command.complexity.is_empty() {
        text.push_str(&format!("  complexity: {}\n", command.complexity));
    }
    if let Some(original) = command.alias_of {
        text.push_str(&format!("  the same as: {}\n", upper(original.command())));
    }
    if let Some((since, instead)) = command.replaced_by {
        text.push_str(&format!("  deprecated since {since}: {instead}\n"));
    }
    for sub in command.subcommands() {
        text.push_str(&format!("\n  {}\n      {}\n", syntax(sub), sub.summary));
    }
    text
}

fn upper(command: &Command) -> String {
    command.full_name.replace('|', " ").to_ascii_uppercase()
}

fn lossy(word: &[u8]) -> String {
    String::from_utf8_lossy(word).to_ascii_uppercase()
}

/// Names in lines that fit the terminal.
fn wrapped(names: impl Iterator<Item = String>) -> String {
    let mut text = String::from(" ");
    let mut used = 1;
    for name in names {
        if used + name.len() + 1 > WIDTH {
            text.push_str("\n ");
            used = 1;
        }
        used += name.len() + 1;
        text.push(' ');
        text.push_str(&name);
    }
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(words: &[&str]) -> Result<String, Problem> {
        let words: Vec<_> = words.iter().map(|word| word.as_bytes().to_vec()).collect();
        help(&words, Own::new("ringtail").subcommand(Own::new("backup").about("makes a file")))
    }

    fn page(words: &[&str]) -> String {
        asked(words).unwrap()
    }

    #[test]
    fn pages_come_from_the_table() {
        assert!(page(&["get"]).contains("GET key\n  summary: Returns the value of a string."));
        assert!(page(&["client"]).contains("CLIENT SETNAME"));
        assert!(page(&["client", "id"]).contains("CLIENT ID\n"));
        assert!(page(&["@hash"]).contains("HGETALL"));
        assert!(page(&[]).lines().all(|line| line.len() <= 100));
    }

    #[test]
    fn what_nobody_knows_is_an_error() {
        for (words, said) in [(&["nosuch"][..], "'NOSUCH'"), (&["client", "nosuch"], "no subcommand")] {
            assert!(asked(words).is_err_and(|problem| problem.message.contains(said)), "{words:?}");
        }
    }

    #[test]
    fn the_program_s_own_are_lower_case() {
        assert!(page(&["backup"]).contains("makes a file"));
        assert!(page(&["BACKUP"]).contains("summary: "));
        assert!(page(&[]).contains("backup\n"));
    }
}
