//! Where the collector is: what `--otlp` says.

use ringtail_net::{Problem, TlsClient};

/// Behind the path of the URL, as the protocol has it.
const PATH: &str = "/v1/traces";

/// A collector that takes OTLP over HTTP.
#[derive(Debug)]
pub(super) struct Collector {
    /// `host:port`, to connect to.
    pub(super) addr: String,
    /// The same as the URL has it.
    pub(super) host: String,
    /// With which the path of the request begins.
    pub(super) path: String,
    pub(super) tls: Option<TlsClient>,
}

impl Collector {
    /// At this URL: `http://host:4318`, or with `https` and the system's roots.
    pub(super) fn at(url: &str) -> Result<Self, Problem> {
        let refuse = |why: &str| {
            let hint = "give the URL of a collector that takes OTLP over HTTP: --otlp http://127.0.0.1:4318";
            // Not the URL: who gives a password in it, though there is no place for one, shows it nobody.
            Problem::new(format!("--otlp: {why}"), hint)
        };
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refuse("that is no URL"))?;
        let port = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return Err(refuse("the URL begins with neither http:// nor https://")),
        };
        let (host, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        if host.is_empty() || !rest.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(refuse("the URL has no host, or a character that no URL has"));
        }
        if rest.contains(['@', '?', '#']) {
            return Err(refuse("the URL has more than host, port and path"));
        }
        Ok(Self {
            addr: with_port(host, port).ok_or_else(|| refuse("the URL's port is no port"))?,
            host: host.to_owned(),
            path: format!("{}{PATH}", path.trim_end_matches('/')),
            tls: if scheme == "https" { Some(TlsClient::new(None, None)?) } else { None },
        })
    }
}

/// `None` if it has a port that can't be one.
fn with_port(host: &str, default: u16) -> Option<String> {
    let has_port = host.rfind(':').is_some_and(|at| at > host.rfind(']').unwrap_or(0));
    if !has_port {
        return Some(format!("{host}:{default}"));
    }
    let port = host.rsplit_once(':')?.1.parse::<u16>().ok()?;
    (port > 0).then(|| host.to_owned())
}
