//! The load generator of `make bench`; see `ringtail_tests::load`.

use clap::Parser;
use ringtail_tests::load::options::Options;
use ringtail_tests::load::run::run;
use std::io::{self, Write};
use std::process::ExitCode;
use tokio::runtime::{Builder, LocalOptions};

fn main() -> ExitCode {
    match load(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("ringtail-load: {error}");
            ExitCode::from(2)
        }
    }
}

/// Runs the load and prints its report; whether every reply was right.
fn load(options: &Options) -> Result<bool, String> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .map_err(|error| error.to_string())?;
    let outcome = runtime.block_on(run(options))?;
    writeln!(io::stdout(), "{:#}", outcome.report).map_err(|error| error.to_string())?;
    Ok(outcome.clean)
}
