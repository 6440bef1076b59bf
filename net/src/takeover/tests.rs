use std::net::{SocketAddr, TcpListener, TcpStream};

use socket2::{Domain, Socket, Type};

use super::*;

fn listen(address: SocketAddr) -> TcpListener {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(16).unwrap();
    let listener = TcpListener::from(socket);
    listener.set_nonblocking(true).unwrap();
    listener
}

fn accepted(listener: &TcpListener) -> usize {
    std::iter::from_fn(|| listener.accept().ok()).count()
}

fn connect(address: SocketAddr, count: usize) -> Vec<TcpStream> {
    (0..count).map(|_| TcpStream::connect(address).unwrap()).collect()
}

#[test]
fn the_newcomer_gets_every_connection_and_whoever_stays_the_rest() {
    for first in ["127.0.0.1:0", "[::1]:0"] {
        let old = listen(first.parse().unwrap());
        let address = old.local_addr().unwrap();
        take_all(&old).unwrap();
        assert_eq!(others(&old).unwrap(), 0);
        let _kept = connect(address, 10);
        assert_eq!(accepted(&old), 10);

        let new = listen(address);
        assert_eq!((others(&old).unwrap(), others(&new).unwrap()), (1, 1));
        take_all(&new).unwrap();
        let _kept = connect(address, 10);
        assert_eq!((accepted(&old), accepted(&new)), (0, 10));

        // The kernel gives the place of the one that leaves to the last.
        drop(old);
        let _kept = connect(address, 10);
        assert_eq!(accepted(&new), 10);
        let newest = listen(address);
        take_all(&newest).unwrap();
        let _kept = connect(address, 10);
        assert_eq!((accepted(&new), accepted(&newest)), (0, 10));

        // One that was started in vain takes nothing with it.
        drop(newest);
        let _kept = connect(address, 10);
        assert_eq!(accepted(&new), 10);
    }
}

#[test]
fn what_no_longer_listens_is_not_counted() {
    let table = "  sl  local_address rem_address   st tx rx tr tm retr uid timeout inode\n\
        0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 41 1 x 100 0 0 10 0\n\
        1: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 0 0 42 1 x 100 0 0 10 0\n\
        2: 0100007F:1F90 0100007F:D431 01 0:0 0:0 0 0 0 43 1 x 100 0 0 10 0\n";
    let rows = listening(table.as_bytes()).unwrap();
    assert_eq!(rows, [("0100007F:1F90".into(), "41".into()), ("0100007F:1F90".into(), "42".into())]);
    assert!(listening(&b""[..]).unwrap().is_empty());
}
