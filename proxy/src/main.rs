//! `ringtail-proxy`: see `ringtail-proxy --help`.

use std::process::ExitCode;

use ringtail_proxy::options::Options;
use ringtail_proxy::start::{PROGRAM, run};

fn main() -> ExitCode {
    let about = "Ringtail's proxy: a pool of servers that answers as one, in Redis's protocol";
    match ringtail_net::config::load::<Options>(PROGRAM, about) {
        Ok(loaded) => {
            let (level, format) = (loaded.settings.log_level, loaded.settings.log_format);
            ringtail_net::logging::init(level.unwrap_or_default(), format.unwrap_or_default());
            run(&loaded.settings, loaded.check_only)
        }
        Err(code) => code,
    }
}
