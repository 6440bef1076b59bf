//! A server on loopback that answers as a test tells it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use ringtail_protocol::value::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::{Client, ConnectOptions};

/// What a request gets.
pub(crate) enum Answer {
    Bytes(&'static [u8]),
    /// The first argument after the command's name, back.
    Echo,
    Nothing,
    Close,
}

/// The answer to a request: the number of the connection (from 0) and the request's words.
pub(crate) type Script = fn(usize, &[String]) -> Answer;

pub(crate) struct FakeServer {
    pub(crate) addr: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl FakeServer {
    pub(crate) async fn start(script: Script) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        tokio::spawn(accept(listener, script, seen.clone()));
        Self { addr, seen }
    }

    pub(crate) fn options(&self) -> ConnectOptions {
        ConnectOptions::new(self.addr.to_string()).plaintext()
    }

    pub(crate) async fn client(&self) -> Client {
        Client::connect(self.options()).await.unwrap()
    }

    /// The requests that came, HELLO among them, words joined by spaces.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits until a request like this one has come.
    pub(crate) async fn wait_for(&self, request: &str) {
        for _ in 0..500 {
            if self.seen().iter().any(|seen| seen == request) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("{request:?} did not come within 5 s: {:?}", self.seen());
    }
}

async fn accept(listener: TcpListener, script: Script, seen: Arc<Mutex<Vec<String>>>) {
    for number in 0.. {
        let (socket, _) = listener.accept().await.unwrap();
        tokio::spawn(serve(socket, number, script, seen.clone()));
    }
}

async fn serve(mut socket: TcpStream, number: usize, script: Script, seen: Arc<Mutex<Vec<String>>>) {
    let mut input = Vec::new();
    loop {
        while let Some((request, end)) = Value::decode(&input).unwrap() {
            input.drain(..end);
            let words: Vec<String> =
                request.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned()).collect();
            seen.lock().unwrap().push(words.join(" "));
            match script(number, &words) {
                Answer::Bytes(bytes) => socket.write_all(bytes).await.unwrap(),
                Answer::Echo => {
                    let reply = format!("${}\r\n{}\r\n", words[1].len(), words[1]);
                    socket.write_all(reply.as_bytes()).await.unwrap();
                }
                Answer::Nothing => {}
                Answer::Close => return,
            }
        }
        if !matches!(socket.read_buf(&mut input).await, Ok(1..)) {
            return;
        }
    }
}

/// HELLO is answered as Redis does; everything else as a test says.
pub(crate) fn greeted(words: &[String]) -> Option<Answer> {
    (words[0] == "HELLO").then_some(Answer::Bytes(b"%1\r\n+proto\r\n:3\r\n"))
}
