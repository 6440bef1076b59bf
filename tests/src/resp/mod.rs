//! A small blocking client of the protocol, written apart from the product's
//! own so that one mistake can't hide in both.

mod conn;
mod parse;
mod value;

pub use conn::{Conn, Endpoint, Tls};
pub use parse::parse;
pub use value::{Value, escape};

/// The bytes of a request: an array of bulk strings.
pub fn request<A: AsRef<[u8]>>(args: &[A]) -> Vec<u8> {
    let mut out = format!("*{}\r\n", args.len()).into_bytes();
    for arg in args {
        let arg = arg.as_ref();
        out.extend_from_slice(format!("${}\r\n", arg.len()).as_bytes());
        out.extend_from_slice(arg);
        out.extend_from_slice(b"\r\n");
    }
    out
}
