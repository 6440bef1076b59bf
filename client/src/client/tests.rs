use super::*;
use crate::testing::{Answer, FakeServer, greeted};

fn echo(_: usize, words: &[String]) -> Answer {
    greeted(words).unwrap_or(Answer::Echo)
}

#[tokio::test]
async fn every_future_gets_its_own_answer() {
    let server = FakeServer::start(echo).await;
    let client = server.client().await;
    let mut tasks = Vec::new();
    for i in 0..200 {
        let client = client.clone();
        tasks.push(tokio::spawn(async move { (i, client.cmd(["ECHO", &i.to_string()]).await.unwrap()) }));
    }
    for task in tasks {
        let (i, value) = task.await.unwrap();
        assert_eq!(value.as_int(), Some(i));
    }
    assert_eq!(server.seen().iter().filter(|request| request.starts_with("HELLO")).count(), 1);
}

#[tokio::test]
async fn a_dropped_future_takes_nobodys_answer() {
    let server = FakeServer::start(echo).await;
    let client = server.client().await;
    for round in 0..200 {
        let dropped = client.cmd(["ECHO", "dropped"]);
        // Polled a varying number of times: not sent, queued, or sent.
        let _ = tokio::time::timeout(Duration::from_micros(round * 5), dropped).await;
        let kept = format!("kept {round}");
        assert_eq!(client.cmd(["ECHO", &kept]).await.unwrap().as_str(), Some(kept.as_str()));
    }
}

#[tokio::test]
async fn a_pipeline_answers_in_order_with_its_errors() {
    let server = FakeServer::start(|_, words| match words[0].as_str() {
        "BAD" => Answer::Bytes(b"-WRONGTYPE no\r\n"),
        _ => echo(0, words),
    })
    .await;
    let client = server.client().await;
    let replies = client.pipeline().cmd(["ECHO", "a"]).cmd(["BAD"]).cmd(["ECHO", "b"]).run().await.unwrap();
    assert_eq!(replies[0].as_str(), Some("a"));
    assert_eq!(replies[1].error_code(), Some(&b"WRONGTYPE"[..]));
    assert_eq!(replies[2].as_str(), Some("b"));
    assert_eq!(client.cmd(["BAD"]).await, Err(Error::Reply("WRONGTYPE no".into())));
    assert_eq!(client.pipeline().run().await, Ok(vec![]));
    let refused = client.pipeline().cmd(["ECHO", "c"]).cmd(["SUBSCRIBE", "c"]).run().await;
    assert!(matches!(refused, Err(Error::Unsupported(_))));
    assert!(!server.seen().contains(&"ECHO c".to_string()), "nothing of it was sent");
}

#[tokio::test]
async fn pushes_answer_nothing() {
    let server = FakeServer::start(|_, words| {
        greeted(words).unwrap_or(Answer::Bytes(b">2\r\n+invalidate\r\n*1\r\n+k\r\n+PONG\r\n>1\r\n+x\r\n"))
    })
    .await;
    let client = server.client().await;
    for _ in 0..3 {
        assert_eq!(client.cmd(["PING"]).await.unwrap().as_str(), Some("PONG"));
    }
}

#[tokio::test]
async fn a_lost_connection_is_made_again_and_says_what_is_safe() {
    let server = FakeServer::start(|number, words| match (number, words[0].as_str()) {
        (_, "HELLO") => echo(0, words),
        (0, "GET" | "INCR") => Answer::Close,
        _ => Answer::Echo,
    })
    .await;
    let client = server.client().await;
    let lost = client.cmd(["INCR", "n"]).await.unwrap_err();
    assert!(matches!(&lost, Error::Lost { safe_to_retry: false, .. }), "{lost:?}");
    assert_eq!(client.cmd(["INCR", "n"]).await.unwrap().as_str(), Some("n"));
    assert_eq!(
        server.seen().iter().filter(|request| *request == "INCR n").count(),
        2,
        "never resent by itself"
    );

    let server = FakeServer::start(|_, words| greeted(words).unwrap_or(Answer::Close)).await;
    let lost = server.client().await.cmd(["GET", "n"]).await.unwrap_err();
    assert!(lost.is_safe_to_retry(), "a read may be repeated: {lost:?}");
}

#[tokio::test]
async fn the_database_and_the_user_come_back_with_the_connection() {
    let server = FakeServer::start(|number, words| match (number, words[0].as_str()) {
        (_, "HELLO") => echo(0, words),
        (0, "PING") => Answer::Close,
        _ => Answer::Bytes(b"+OK\r\n"),
    })
    .await;
    let client = Client::connect(server.options().database(2)).await.unwrap();
    client.cmd(["SELECT", "3"]).await.unwrap();
    client.cmd(["AUTH", "ann", "secret"]).await.unwrap();
    assert!(client.cmd(["PING"]).await.is_err());
    client.cmd(["PING"]).await.unwrap();
    let seen = server.seen();
    assert_eq!(seen[..2], ["HELLO 3", "SELECT 2"]);
    assert_eq!(seen[5..], ["HELLO 3 AUTH ann secret", "SELECT 3", "PING"]);
}

#[tokio::test]
async fn servers_without_hello_are_spoken_to_in_resp2() {
    let server = FakeServer::start(|_, words| match words[0].as_str() {
        "HELLO" => Answer::Bytes(b"-ERR unknown command 'HELLO', with args beginning with: '3' \r\n"),
        _ => Answer::Bytes(b"+OK\r\n"),
    })
    .await;
    let client = Client::connect(server.options().auth("u", "p").name("me")).await.unwrap();
    client.cmd(["PING"]).await.unwrap();
    assert_eq!(server.seen(), ["HELLO 3 AUTH u p SETNAME me", "AUTH u p", "CLIENT SETNAME me", "PING"]);
}

#[tokio::test]
async fn a_wrong_password_is_an_error_of_its_own() {
    let server =
        FakeServer::start(|_, _| Answer::Bytes(b"-WRONGPASS invalid username-password pair\r\n")).await;
    let error = Client::connect(server.options().password("x")).await.unwrap_err();
    assert!(matches!(error, Error::Auth(_)), "{error:?}");
}

#[tokio::test]
async fn a_request_that_nobody_answers_ends_in_time() {
    let server = FakeServer::start(|number, words| match (number, words[0].as_str()) {
        (0, "DEL") => Answer::Nothing,
        _ => echo(0, words),
    })
    .await;
    let options = server.options().timeout(Some(Duration::from_millis(100)));
    let client = Client::connect(options).await.unwrap();
    let late = client.cmd(["DEL", "k"]).await.unwrap_err();
    assert_eq!(late, Error::Timeout { safe_to_retry: false });
    let longer = client.with_timeout(Some(Duration::from_secs(5)));
    // Sent in the moment before the driver gives the old connection up, a request is lost with it.
    let answer = match longer.cmd(["DEL", "k"]).await {
        Err(Error::Lost { .. }) => longer.cmd(["DEL", "k"]).await,
        answer => answer,
    };
    assert_eq!(answer.unwrap().as_str(), Some("k"), "on a new connection");
}

#[tokio::test]
async fn a_server_that_is_away_is_waited_for() {
    let server = FakeServer::start(echo).await;
    let options = server.options();
    drop(server);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let options = ConnectOptions { addr: addr.to_string(), ..options };

    assert!(matches!(Client::connect(options.clone()).await, Err(Error::Connect { .. })));
    let once = Client::disconnected(options.clone().reconnect_attempts(1)).unwrap();
    let error = once.cmd(["PING"]).await.unwrap_err();
    assert!(error.is_safe_to_retry() && matches!(error, Error::Connect { .. }), "{error:?}");
    let brief = Client::disconnected(options.timeout(Some(Duration::from_millis(200)))).unwrap();
    assert_eq!(brief.cmd(["SET", "k", "v"]).await, Err(Error::Timeout { safe_to_retry: true }));
}

#[tokio::test]
async fn answers_owed_to_the_last_handle_still_come() {
    let server = FakeServer::start(echo).await;
    let client = server.client().await;
    let answer = tokio::spawn(async move { client.cmd(["ECHO", "last"]).await });
    assert_eq!(answer.await.unwrap().unwrap().as_str(), Some("last"));
}

#[tokio::test]
async fn disconnecting_frees_from_a_command_that_blocks() {
    let server = FakeServer::start(|_, words| match words[0].as_str() {
        "BLPOP" => Answer::Nothing,
        _ => echo(0, words),
    })
    .await;
    let client = server.client().await;
    let blocked = tokio::spawn({
        let client = client.clone();
        async move { client.cmd(["BLPOP", "k", "0"]).await }
    });
    server.wait_for("BLPOP k 0").await;
    client.disconnect().await;
    assert!(matches!(blocked.await.unwrap(), Err(Error::Lost { .. })));
    assert_eq!(client.cmd(["ECHO", "free"]).await.unwrap().as_str(), Some("free"));
}

#[tokio::test]
async fn garbage_from_the_server_ends_the_connection_only() {
    let server = FakeServer::start(|number, words| match (number, words[0].as_str()) {
        (0, "PING") => Answer::Bytes(b"HTTP/1.1 400 Bad Request\r\n"),
        _ => echo(0, words),
    })
    .await;
    let client = server.client().await;
    let error = client.cmd(["PING"]).await.unwrap_err();
    assert!(error.to_string().contains("no reply"), "{error}");
    assert_eq!(client.cmd(["ECHO", "x"]).await.unwrap().as_str(), Some("x"));
}

#[tokio::test]
async fn who_stays_with_a_connection_gets_no_other() {
    let server = FakeServer::start(|_, words| match words[0].as_str() {
        "BYE" => Answer::Close,
        _ => echo(0, words),
    })
    .await;
    let client = server.client().await;
    let staying = client.staying();
    assert_eq!(staying.cmd(["ECHO", "a"]).await.unwrap().as_str(), Some("a"));
    assert!(matches!(client.cmd(["BYE"]).await, Err(Error::Lost { .. })));
    assert!(matches!(staying.cmd(["ECHO", "b"]).await, Err(Error::Lost { safe_to_retry: true, .. })));
    assert!(!server.seen().contains(&"ECHO b".to_string()));
    client.reconnect().await.unwrap();
    assert_eq!(staying.cmd(["ECHO", "c"]).await.unwrap().as_str(), Some("c"));
}
