//! `ringtail-server`: see `ringtail-server --help`.

use ringtail_dataserver::options::Options;
use ringtail_dataserver::start::{PROGRAM, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    match ringtail_net::config::load::<Options>(
        PROGRAM,
        "Ringtail's data server: keys in memory, spoken to in Redis's protocol",
    ) {
        Ok(loaded) => {
            let (level, format) = (loaded.settings.log_level, loaded.settings.log_format);
            ringtail_net::logging::init(level.unwrap_or_default(), format.unwrap_or_default());
            run(&loaded.settings, loaded.file, loaded.check_only)
        }
        Err(code) => code,
    }
}
