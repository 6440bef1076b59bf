//! Prints the reference page of all commands.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(ringtail_protocol::command::reference::markdown().as_bytes())
}
