//! Prints this program's part of docs/metrics.md.

use std::io::Write;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(ringtail_proxy::metrics::reference().as_bytes())
}
