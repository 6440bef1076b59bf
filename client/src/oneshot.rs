//! One command, its reply, and an exit code.

use std::io::{self, Write, stdout};
use std::process::ExitCode;

use ringtail::{Client, Error, Value};
use ringtail_net::exit::RUNTIME;

use crate::args::Settings;
use crate::explain;

/// Runs the command of the command line as often as asked.
pub(crate) async fn run(settings: &Settings) -> ExitCode {
    let client = match Client::connect(settings.options.clone()).await {
        Ok(client) => client,
        Err(error) => return explain::end(&error, settings),
    };
    let mut failed = false;
    for round in 0..settings.repeat {
        if round > 0 {
            tokio::time::sleep(settings.interval).await;
        }
        match ask(&client, &settings.command).await {
            Ok(value) => {
                failed |= value.error().is_some();
                if print(settings, &value).is_err() {
                    return ExitCode::from(RUNTIME);
                }
            }
            Err(error) => return explain::end(&error, settings),
        }
    }
    ExitCode::from(if failed { RUNTIME } else { 0 })
}

/// One command; an error reply is a value here, to be shown like the others.
pub(crate) async fn ask(client: &Client, command: &[Vec<u8>]) -> Result<Value, Error> {
    let mut values = client.pipeline().cmd(command).run().await?;
    Ok(values.pop().unwrap_or(Value::Null))
}

fn print(settings: &Settings, value: &Value) -> io::Result<()> {
    let mut out = stdout().lock();
    out.write_all(&settings.style.render(&settings.command, value))?;
    out.flush()
}
