//! The PROXY protocol, version 2: what a load balancer says of the client for whom it connects, before that client's first byte.
//! <https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt>
//!
//! It is believed only from networks that the operator named: anybody else could call himself what he likes. Connections from elsewhere
//! are direct ones, and their clients are who they are.

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::str::FromStr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::limits;
use crate::listener::Accepted;
use crate::problem::Problem;

const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";

/// Signature, version and command, family and protocol, length.
const FIXED: usize = 16;

/// Addresses with the same first bits, as `10.0.0.0/8`; one alone has all of its bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    ip: IpAddr,
    bits: u32,
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("'{text}' is no network: write 10.0.0.0/8, fd00::/8 or one address");
        let (ip, bits) = text.split_once('/').map_or((text, None), |(ip, bits)| (ip, Some(bits)));
        let ip = ip.trim().parse::<IpAddr>().map_err(|_| bad())?;
        let most = if ip.is_ipv4() { 32 } else { 128 };
        let bits = bits.map_or(Ok(most), |bits| bits.trim().parse()).map_err(|_| bad())?;
        if bits > most { Err(bad()) } else { Ok(Self { ip, bits }) }
    }
}

impl Network {
    fn has(self, ip: IpAddr) -> bool {
        match (self.ip, ip.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                same(own.to_bits().into(), ip.to_bits().into(), 32, self.bits)
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => same(own.to_bits(), ip.to_bits(), 128, self.bits),
            _ => false,
        }
    }
}

fn same(one: u128, other: u128, width: u32, bits: u32) -> bool {
    (one ^ other).checked_shr(width - bits).unwrap_or(0) == 0
}

/// Who may say for whom it connects.
#[derive(Debug, Clone)]
pub struct Proxied {
    from: Vec<Network>,
}

impl Proxied {
    /// From `--proxy-protocol` and `--proxy-protocol-from`.
    ///
    /// # Errors
    /// A network that is none, or one of the two without the other.
    pub fn from_flags(on: bool, from: &[String]) -> Result<Option<Self>, Problem> {
        match (on, from.is_empty()) {
            (false, true) => return Ok(None),
            (false, false) => {
                return Err(Problem::new(
                    "--proxy-protocol-from without --proxy-protocol",
                    "give both or neither",
                ));
            }
            (true, true) => {
                let hint =
                    "say by --proxy-protocol-from which load balancers are believed, such as 10.0.0.0/8";
                return Err(Problem::new(
                    "--proxy-protocol from anybody would let clients forge their address",
                    hint,
                ));
            }
            (true, false) => {}
        }
        let parse =
            |text: &String| text.parse().map_err(|why| Problem::new(why, "correct --proxy-protocol-from"));
        Ok(Some(Self { from: from.iter().map(parse).collect::<Result<_, _>>()? }))
    }

    fn trusts(&self, peer: SocketAddr) -> bool {
        self.from.iter().any(|network| network.has(peer.ip()))
    }

    /// Reads the header of a connection that has to have one; its peer is then the client.
    ///
    /// # Errors
    /// There is no header of version 2, or none within [`limits::PROXY_HEADER_TIMEOUT`], or it is longer than [`limits::PROXY_HEADER`].
    pub(crate) async fn identify(&self, accepted: Accepted) -> io::Result<Accepted> {
        if !self.trusts(accepted.peer) {
            return Ok(accepted);
        }
        let Accepted { socket, peer, door, live } = accepted;
        let mut socket = TcpStream::from_std(socket)?;
        let read = timeout(limits::PROXY_HEADER_TIMEOUT, read_header(&mut socket)).await;
        let client = read.map_err(|_| late())??.unwrap_or(peer);
        Ok(Accepted { socket: socket.into_std()?, peer: client, door, live })
    }
}

fn late() -> io::Error {
    let text = format!("no PROXY header within {} s", limits::PROXY_HEADER_TIMEOUT.as_secs());
    io::Error::new(io::ErrorKind::TimedOut, text)
}

fn bad(text: impl fmt::Display) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("PROXY header: {text}"))
}

/// Reads exactly the header: what follows is the client's. `None` if the connection is the balancer's own.
async fn read_header(socket: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut fixed = [0; FIXED];
    read_exact(socket, &mut fixed).await?;
    let (family, length) = parse_fixed(&fixed)?;
    let mut rest = vec![0; length];
    read_exact(socket, &mut rest).await?;
    parse_addresses(family, &rest)
}

async fn read_exact(socket: &mut TcpStream, buf: &mut [u8]) -> io::Result<()> {
    socket.read_exact(buf).await.map(drop).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => bad("the connection ended before it was complete"),
        _ => error,
    })
}

/// Where the addresses are from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    /// The balancer's own connection, such as a health check, or one of a client without addresses.
    Own,
    V4,
    V6,
}

/// The family, and how many bytes follow.
fn parse_fixed(fixed: &[u8; FIXED]) -> io::Result<(Family, usize)> {
    if fixed.starts_with(b"PROXY ") {
        return Err(bad("it is of version 1; send version 2 (haproxy: send-proxy-v2)"));
    }
    if !fixed.starts_with(SIGNATURE) {
        return Err(bad("there is none; the balancer has to send version 2 (haproxy: send-proxy-v2)"));
    }
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > limits::PROXY_HEADER {
        return Err(bad(format_args!("it is longer than {} bytes", limits::PROXY_HEADER)));
    }
    let family = match (fixed[12], fixed[13]) {
        (0x20, _) => Family::Own,
        (0x21, 0x11) => Family::V4,
        (0x21, 0x21) => Family::V6,
        // Unspecified, and a UNIX socket's stream.
        (0x21, 0x00 | 0x31) => Family::Own,
        (0x21, protocol) => return Err(bad(format_args!("protocol 0x{protocol:02x} is not TCP"))),
        (command, _) => return Err(bad(format_args!("command 0x{command:02x} is not one of version 2"))),
    };
    Ok((family, length))
}

/// The client's address; what is behind the addresses (TLVs) is of no use here.
fn parse_addresses(family: Family, bytes: &[u8]) -> io::Result<Option<SocketAddr>> {
    let short = || bad("it is too short for its addresses");
    match family {
        Family::Own => Ok(None),
        Family::V4 => {
            let [a, b, c, d, _, _, _, _, high, low, _, _] = *bytes.first_chunk::<12>().ok_or_else(short)?;
            Ok(Some((Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into()))
        }
        Family::V6 => {
            let addresses = bytes.first_chunk::<36>().ok_or_else(short)?;
            let (source, _) = addresses.split_first_chunk::<16>().ok_or_else(short)?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            Ok(Some((Ipv6Addr::from(*source), port).into()))
        }
    }
}

#[cfg(test)]
mod tests;
