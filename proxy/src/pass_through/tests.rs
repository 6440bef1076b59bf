//! Users that the servers know, and the proxy does not.

use std::rc::Rc;
use std::time::Duration;

use ringtail_protocol::acl::Access;

use super::users;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, on_a_worker, settings};

const WRONG: &str = "-WRONGPASS invalid username-password pair or user is disabled.\r\n";

/// A member that lets in who shows its name backwards, and answers GET with the connection's user.
fn knowing() -> Answering {
    let ok = || Some(b"+OK\r\n".to_vec());
    let wrong = || Some(WRONG.as_bytes().to_vec());
    let lets_in = |user: &[u8], password: &[u8]| user.iter().rev().eq(password.iter());
    Rc::new(move |words| match &words.iter().map(Vec::as_slice).collect::<Vec<_>>()[..] {
        [b"AUTH", password] if lets_in(b"default", password) => ok(),
        [b"AUTH", user, password] if lets_in(user, password) => ok(),
        [b"HELLO", _, _, user, password] if lets_in(user, password) => Some(b"%0\r\n".to_vec()),
        [b"AUTH" | b"HELLO", ..] => wrong(),
        [b"GET", key] => Some(bulk(key)),
        [b"DBSIZE"] => Some(b"-NOPERM not this one\r\n".to_vec()),
        _ => ok(),
    })
}

async fn proxy(members: &[&Fake]) -> Proxy {
    let mut settings = settings(Duration::from_secs(10));
    settings.pass_through = true;
    Proxy::with(settings, Access::new(users(), None), members).await
}

async fn ask_all(client: &mut Client, cases: &[(&str, &str)]) {
    for (request, answer) in cases {
        assert_eq!(client.ask(request).await, *answer, "{request}");
    }
}

#[test]
fn a_member_says_who_is_let_in_and_each_user_has_its_connections() {
    on_a_worker(async {
        let member = Fake::start(knowing()).await;
        let proxy = proxy(&[&member]).await;
        assert_eq!(member.connections.get(), 0, "the proxy has none of its own");
        let mut client = proxy.client().await;
        ask_all(
            &mut client,
            &[
                ("GET a", "-NOAUTH Authentication required.\r\n"),
                ("AUTH ann wrong", WRONG),
                ("GET a", "-NOAUTH Authentication required.\r\n"),
                ("AUTH ann nna", "+OK\r\n"),
                ("GET a", "$1\r\na\r\n"),
                ("DBSIZE", "-NOPERM not this one\r\n"),
                ("ACL WHOAMI", "$3\r\nann\r\n"),
                (
                    "ACL LIST",
                    "-ERR users are the servers' own (--acl-pass-through): send this to each of them\r\n",
                ),
            ],
        )
        .await;
        assert!(
            client.ask("CONFIG SET requirepass x").await.starts_with("-NOPERM User ann has no permissions")
        );
        assert!(client.ask("CLIENT LIST").await.contains(" user=ann "));
        let of_ann = member.connections.get();
        let (mut second, mut other) = (proxy.client().await, proxy.client().await);
        ask_all(&mut second, &[("AUTH ann nna", "+OK\r\n"), ("GET a", "$1\r\na\r\n")]).await;
        // One to ask who it is; lanes are shared by a user's clients.
        assert_eq!(member.connections.get(), of_ann + 1);
        assert!(other.ask("HELLO 3 AUTH default tluafed").await.starts_with('%'));
        ask_all(&mut other, &[("GET b", "$1\r\nb\r\n"), ("RESET", "+RESET\r\n")]).await;
        assert!(member.connections.get() > of_ann + 2, "another user has its own");
        assert_eq!(other.ask("GET b").await, "-NOAUTH Authentication required.\r\n");
    });
}

#[test]
fn what_comes_behind_auth_in_one_piece_is_run_as_that_user() {
    on_a_worker(async {
        let member = Fake::start(knowing()).await;
        let proxy = proxy(&[&member]).await;
        let mut client = proxy.client().await;
        client
            .send(&["AUTH ann nna", "GET a", "AUTH bob bob", "GET b", "AUTH ann x", "GET c", "ACL WHOAMI"])
            .await;
        for answer in
            ["+OK\r\n", "$1\r\na\r\n", "+OK\r\n", "$1\r\nb\r\n", WRONG, "$1\r\nc\r\n", "$3\r\nbob\r\n"]
        {
            assert_eq!(client.answer().await, answer);
        }
    });
}

#[test]
fn an_auth_that_fails_in_form_vouches_for_nobody() {
    on_a_worker(async {
        let member = Fake::start(knowing()).await;
        let proxy = proxy(&[&member]).await;
        let mut client = proxy.client().await;
        assert!(client.ask("HELLO 9 AUTH ann nna").await.starts_with("-NOPROTO"));
        assert_eq!(client.ask("AUTH bob wrong").await, WRONG);
        assert_eq!(client.ask("GET a").await, "-NOAUTH Authentication required.\r\n");
    });
}

#[test]
fn members_that_are_down_let_nobody_in_and_lose_nobody() {
    on_a_worker(async {
        let (gone, member) = (Fake::start(knowing()).await, Fake::start(knowing()).await);
        gone.stop().await;
        let proxy = proxy(&[&gone, &member]).await;
        let mut client = proxy.client().await;
        assert_eq!(client.ask("AUTH ann nna").await, "+OK\r\n", "another member is asked");
        member.stop().await;
        let answer = proxy.client().await.ask("AUTH ann nna").await;
        assert!(answer.starts_with("-ERR no server could be asked who you are"), "{answer}");
    });
}

#[test]
fn users_are_bounded_and_those_without_a_client_make_room() {
    on_a_worker(async {
        let member = Fake::start(knowing()).await;
        let proxy = proxy(&[&member]).await;
        const MOST: usize = 4;
        proxy.worker.logins.most.set(MOST);
        let mut kept = proxy.client().await;
        assert_eq!(kept.ask("AUTH ann nna").await, "+OK\r\n");
        let mut client = proxy.client().await;
        for n in 0..MOST + 5 {
            let (user, password) = (format!("{n}"), n.to_string().chars().rev().collect::<String>());
            assert_eq!(client.ask(&format!("AUTH {user} {password}")).await, "+OK\r\n");
            assert_eq!(client.ask("GET a").await, "$1\r\na\r\n");
            assert!(proxy.worker.logins.guests.borrow().len() <= MOST);
        }
        assert_eq!(kept.ask("GET a").await, "$1\r\na\r\n");
    });
}
