//! TLS on one connection, driven by hand: ciphertext is read by one system call into a buffer of the thread,
//! decrypted, and the plaintext appended to the caller's buffer; plaintext is encrypted once into
//! records that are written together.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, BufRead, IoSlice, Write};

use rustls::Connection;
use tokio::io::Interest;
use tokio::net::TcpStream;

use crate::limits;
use crate::socket::Transport;
use crate::tls_error::tls_error;

thread_local! {
    static CIPHERTEXT: RefCell<Box<[u8]>> = RefCell::new(vec![0; limits::CIPHERTEXT_READ].into_boxed_slice());
}

/// A TLS session after its handshake.
pub(crate) struct Session {
    connection: Connection,
    /// Decrypted bytes, or the end of the stream, wait inside `connection`: the stream is readable whatever
    /// the socket says.
    waiting: bool,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("waiting", &self.waiting).finish_non_exhaustive()
    }
}

impl Session {
    pub(crate) fn new(connection: impl Into<Connection>) -> Self {
        let mut connection = connection.into();
        connection.set_buffer_limit(Some(limits::CIPHERTEXT_PENDING));
        // Requests may have come in one segment with the last handshake message.
        Self { connection, waiting: true }
    }

    #[cfg(test)]
    pub(crate) fn is_resumed(&self) -> bool {
        self.connection.handshake_kind() == Some(rustls::HandshakeKind::Resumed)
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.waiting
    }

    pub(crate) fn has_pending(&self) -> bool {
        self.connection.wants_write()
    }

    /// Appends at most `room` bytes of plaintext. Reads no more ciphertext than that either, so that what stays
    /// behind inside the connection is never more than one record.
    pub(crate) fn try_read(
        &mut self,
        socket: &TcpStream,
        buf: &mut Vec<u8>,
        room: usize,
    ) -> io::Result<usize> {
        let start = buf.len();
        let full = start + room;
        let mut ended = self.waiting && self.drain(buf, full)?;
        if buf.len() == start && !ended {
            ended = self.receive(socket, buf, full)?;
        }
        match buf.len() - start {
            // Part of a record: the rest has yet to come.
            0 if !ended => Err(io::ErrorKind::WouldBlock.into()),
            read => Ok(read),
        }
    }

    /// One read of the socket. `true` at the end of the stream.
    fn receive(&mut self, socket: &TcpStream, buf: &mut Vec<u8>, full: usize) -> io::Result<bool> {
        CIPHERTEXT.with_borrow_mut(|scratch| {
            let space = (full - buf.len()).min(scratch.len());
            let read = socket.try_read(&mut scratch[..space])?;
            if read < space {
                socket.forget_readiness(Interest::READABLE, read);
            }
            let ended = read == 0 || self.decrypt(socket, &scratch[..read], buf, full)?;
            self.waiting |= ended;
            Ok(ended)
        })
    }

    fn decrypt(
        &mut self,
        socket: &TcpStream,
        mut wire: &[u8],
        buf: &mut Vec<u8>,
        full: usize,
    ) -> io::Result<bool> {
        let mut ended = false;
        while !wire.is_empty() && !ended {
            // Takes nothing more once the peer has said close_notify.
            ended = self.connection.read_tls(&mut wire)? == 0;
            let processed = self.connection.process_new_packets();
            if self.has_pending() {
                // Our half of a key update, or the alert that says why we end: not worth waiting for.
                let _ = self.try_flush(socket);
            }
            processed.map_err(tls_error)?;
            ended |= self.drain(buf, full)?;
        }
        Ok(ended)
    }

    /// Moves decrypted bytes to `buf` until it holds `full` bytes. `true` at the end of the stream.
    fn drain(&mut self, buf: &mut Vec<u8>, full: usize) -> io::Result<bool> {
        let mut reader = self.connection.reader();
        loop {
            let chunk = match reader.fill_buf() {
                Ok(chunk) => chunk,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.waiting = false;
                    return Ok(false);
                }
                Err(error) => return Err(error),
            };
            let taken = chunk.len().min(full - buf.len());
            if taken == 0 {
                self.waiting = true;
                return Ok(chunk.is_empty());
            }
            buf.extend_from_slice(&chunk[..taken]);
            reader.consume(taken);
        }
    }

    /// Encrypts what fits and writes it. Takes nothing while older ciphertext is stuck: the bound on what a
    /// peer who does not read can make us hold.
    pub(crate) fn try_write(&mut self, socket: &TcpStream, bytes: &[u8]) -> io::Result<usize> {
        self.try_flush(socket)?;
        let accepted = self.connection.writer().write(bytes)?;
        match self.try_flush(socket) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(accepted),
        }
    }

    pub(crate) fn try_flush(&mut self, socket: &TcpStream) -> io::Result<()> {
        while self.connection.wants_write() {
            self.connection.write_tls(&mut Wire(socket))?;
        }
        Ok(())
    }

    pub(crate) fn queue_close(&mut self) {
        self.connection.send_close_notify();
    }
}

/// The socket as rustls wants to see it.
struct Wire<'a>(&'a TcpStream);

impl Write for Wire<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, records: &[IoSlice<'_>]) -> io::Result<usize> {
        // Mostly there is one record, and send() costs the kernel less than writev().
        let written = match records {
            [one] => self.0.try_write(one)?,
            several => self.0.try_write_vectored(several)?,
        };
        if written < records.iter().map(|record| record.len()).sum() {
            self.0.forget_readiness(Interest::WRITABLE, written);
        }
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
