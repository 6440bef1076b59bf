//! Behind a real haproxy that says by the PROXY protocol for whom it connects.

use super::{Program, SOON, plain};
use ringtail_tests::harness::{Certs, Process, free_port, real_part, scratch, wait_for};
use ringtail_tests::resp::{Endpoint, request};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

fn haproxy(front: u16, back: u16) -> Option<Process> {
    let program = real_part("haproxy", "haproxy")?;
    let config = scratch("haproxy").join("haproxy.cfg");
    let text = format!(
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 60s\n  timeout server 60s\n\
         listen front\n  bind 127.0.0.1:{front}\n  server back 127.0.0.1:{back} send-proxy-v2 check inter 100ms\n"
    );
    std::fs::write(&config, text).expect("a file below target");
    Some(Process::start("haproxy", Command::new(program).arg("-db").arg("-f").arg(config)))
}

/// What CLIENT INFO says on a new connection, and this end's own address.
fn client_info(port: u16) -> std::io::Result<(String, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_read_timeout(Some(SOON))?;
    stream.write_all(&request(&["CLIENT", "INFO"]))?;
    let mut reply = [0; 2048];
    let read = stream.read(&mut reply)?;
    Ok((String::from_utf8_lossy(&reply[..read]).into_owned(), stream.local_addr()?.to_string()))
}

const BELIEVED: [&str; 3] = ["--proxy-protocol", "--proxy-protocol-from", "127.0.0.0/8,::1"];

#[test]
fn the_true_client_is_seen() {
    for program in Program::both() {
        let (front, back) = (plain(), free_port());
        let Some(_balancer) = haproxy(front.port, back) else { return };
        let mut command = program.command(&BELIEVED);
        command.args(["--addr", &format!("127.0.0.1:{back}")]);
        let process = program.run(&mut command, std::process::Stdio::null(), &front);
        let (info, own) = client_info(front.port).expect("an answer");
        assert!(info.contains(&format!(" addr={own} ")), "{}: not {own} but {info}", program.name);
        // Health checks come as the balancer's own (LOCAL) and leave again.
        let refused = |process: &Process| process.output().contains("PROXY header");
        assert!(!refused(&process), "{}", process.output());
        // Who is trusted and says nothing is refused, and said.
        let mut direct = TcpStream::connect(("127.0.0.1", back)).expect("a connection");
        direct.write_all(b"*1\r\n$4\r\nPING\r\n*1\r\n").expect("sent");
        assert!(matches!(direct.read(&mut [0; 64]), Ok(0) | Err(_)), "it is served without a header");
        assert!(wait_for(SOON, || refused(&process)), "{}", process.output());
    }
}

#[test]
fn tls_begins_behind_the_header() {
    let certs = Certs::get();
    for program in Program::both() {
        let front = Endpoint { tls: Some(certs.trust()), ..plain() };
        let back = free_port();
        let Some(_balancer) = haproxy(front.port, back) else { return };
        let (cert, key) = (certs.server_cert(), certs.server_key());
        let mut command = program.command(&BELIEVED);
        command.args(["--addr", &format!("127.0.0.1:{back}")]).arg("--cert").arg(cert).arg("--key").arg(key);
        let _process = program.run(&mut command, std::process::Stdio::null(), &front);
        assert_eq!(front.open().run("PING").text(), "PONG");
    }
}
