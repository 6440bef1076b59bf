//! The manual's pages: what clap_mangen makes of the definitions, with examples and the environment as manuals have them.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use ringtail_net::Problem;
use ringtail_net::exit::{RUNTIME, fail};

use crate::PROGRAM;
use crate::args::whole_command;
use crate::config;

/// Writes ringtail.1 and a page for each subcommand.
pub(crate) fn write(directory: &Path) -> ExitCode {
    match fs::create_dir_all(directory).and_then(|()| pages(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let message = format!("{} can't be written: {error}", directory.display());
            fail(PROGRAM, RUNTIME, &Problem::new(message, "name a directory that may be written"))
        }
    }
}

fn pages(directory: &Path) -> io::Result<()> {
    let mut program = whole_command().disable_help_subcommand(true);
    program.build();
    for own in program.get_subcommands().filter(|own| !own.is_hide_set()) {
        page(own, directory)?;
    }
    page(&program, directory)
}

fn page(command: &Command, directory: &Path) -> io::Result<()> {
    let man = Man::new(command.clone());
    let mut file = File::create(directory.join(man.get_filename()))?;
    man.render_title(&mut file)?;
    man.render_name_section(&mut file)?;
    man.render_synopsis_section(&mut file)?;
    man.render_description_section(&mut file)?;
    man.render_options_section(&mut file)?;
    let is_program = command.has_subcommands();
    if is_program {
        man.render_subcommands_section(&mut file)?;
    }
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    rest(&after, is_program.then_some(command)).to_writer(&mut file)?;
    if is_program {
        man.render_version_section(&mut file)?;
    }
    file.flush()
}

/// What stands below the flags in `--help`, and of the program its environment.
fn rest(after: &str, program: Option<&Command>) -> Roff {
    let mut roff = Roff::default();
    let mut notes = false;
    for paragraph in after.split("\n\n") {
        if paragraph.starts_with("Examples:") {
            roff.control("SH", ["EXAMPLES"]).control("nf", []);
            for line in paragraph.lines().skip(1) {
                roff.text([roman(line)]);
            }
            roff.control("fi", []);
        } else if let Some(codes) = paragraph.strip_prefix("Exit codes: ") {
            roff.control("SH", ["EXIT STATUS"]).text([roman(codes)]);
        } else if !paragraph.is_empty() {
            match std::mem::replace(&mut notes, true) {
                false => roff.control("SH", ["NOTES"]),
                true => roff.control("PP", []),
            };
            roff.text([roman(paragraph)]);
        }
    }
    roff.control("SH", ["ENVIRONMENT"]);
    if let Some(program) = program {
        environment(program, &mut roff);
    } else {
        roff.text([roman("The same as "), bold("ringtail"), roman("(1) has.")]);
    }
    roff
}

fn environment(program: &Command, roff: &mut Roff) {
    for flag in program.get_arguments() {
        let (Some(variable), Some(long)) = (flag.get_env(), flag.get_long()) else { continue };
        roff.control("TP", []).text([bold(variable.to_string_lossy())]);
        roff.text([roman("Stands for "), bold(format!("--{long}")), roman(" where that is not given.")]);
    }
    for (name, what, _) in config::VARIABLES {
        // Its words are Markdown's.
        roff.control("TP", []).text([bold(name)]).text([roman(what.replace('`', ""))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(after: &str, program: Option<&Command>) -> String {
        rest(after, program).render()
    }

    #[test]
    fn examples_keep_their_columns() {
        let page = text(
            "Examples:\n  ringtail a    what\n  ringtail bc   it is\n\nA note.\n\nExit codes: 0 good.",
            None,
        );
        let examples = ".SH EXAMPLES\n.nf\n  ringtail a    what\n  ringtail bc   it is\n.fi\n";
        assert!(page.contains(examples), "{page}");
        assert!(page.contains(".SH NOTES\nA note.\n"), "{page}");
        assert!(page.contains("EXIT STATUS\"\n0 good."), "{page}");
    }

    #[test]
    fn the_program_s_page_has_its_environment() {
        let page = text("", Some(&whole_command()));
        for name in ["RINGTAIL_ADDR", "RINGTAIL_CACERT", "RINGTAIL_PASSWORD", "NO_COLOR"] {
            assert!(page.contains(&format!("\\fB{name}\\fR")), "{name}: {page}");
        }
    }
}
