use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

use ringtail_protocol::sha1::{hex, sha1};

use super::*;
use crate::limits;
use crate::testing::{Answering, Client, Fake, Proxy, bulk, keys_of, on_a_worker};

const TIMEOUT: Duration = Duration::from_secs(10);

/// What a member knows and was asked.
#[derive(Default)]
struct Memory {
    scripts: HashMap<String, Vec<u8>>,
    libraries: Vec<String>,
    asked: Vec<String>,
}

type Shared = Rc<RefCell<Memory>>;

/// A member that answers a script with its text, and a function with its name if it has a library of that name.
fn member(memory: &Shared) -> Answering {
    let memory = Rc::clone(memory);
    Rc::new(move |words| {
        let words: Vec<String> =
            words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let mut memory = memory.borrow_mut();
        memory.asked.push(words.join(" "));
        Some(memory.answer(&words))
    })
}

impl Memory {
    fn answer(&mut self, words: &[String]) -> Vec<u8> {
        let text = |text: &str| bulk(text.as_bytes());
        let known = |sha: &str| self.scripts.get(&sha.to_lowercase()).map(|body| bulk(body));
        let missing = || b"-NOSCRIPT No matching script. Please use EVAL.\r\n".to_vec();
        let name: Vec<String> = words.iter().take(2).map(|word| word.to_uppercase()).collect();
        match (&*name[0], name.get(1).map_or("", String::as_str)) {
            ("EVAL", _) => {
                self.scripts.insert(hex(&sha1(words[1].as_bytes())), words[1].clone().into_bytes());
                text(&words[1])
            }
            ("EVALSHA", _) => known(&words[1]).unwrap_or_else(missing),
            ("SCRIPT", "SHOW") => known(&words[2]).unwrap_or_else(missing),
            ("SCRIPT", "LOAD") => {
                let sha = hex(&sha1(words[2].as_bytes()));
                self.scripts.insert(sha.clone(), words[2].clone().into_bytes());
                text(&sha)
            }
            ("SCRIPT", "EXISTS") => {
                format!("*1\r\n:{}\r\n", u8::from(known(&words[2]).is_some())).into_bytes()
            }
            ("SCRIPT", "FLUSH") => {
                self.scripts.clear();
                b"+OK\r\n".to_vec()
            }
            ("SCRIPT", "KILL") if self.libraries.is_empty() => b"-NOTBUSY none\r\n".to_vec(),
            ("FCALL", _) if !self.libraries.contains(&words[1]) => b"-ERR Function not found\r\n".to_vec(),
            ("FCALL", _) => text(&words[1]),
            ("FUNCTION", "LIST") => self.list(),
            ("FUNCTION", "LOAD") => {
                self.libraries.push(words[2].clone());
                text(&words[2])
            }
            ("FUNCTION", "DELETE") => match self.libraries.iter().position(|library| *library == words[2]) {
                None => b"-ERR Library not found\r\n".to_vec(),
                Some(at) => {
                    self.libraries.remove(at);
                    b"+OK\r\n".to_vec()
                }
            },
            ("MULTI", _) => b"+OK\r\n".to_vec(),
            ("EXEC", _) => b"*0\r\n".to_vec(),
            _ => b"+OK\r\n".to_vec(),
        }
    }

    /// A library's code is its name.
    fn list(&self) -> Vec<u8> {
        let one = |name: &String| {
            let words = ["library_name", name, "library_code", name];
            [b"*4\r\n".to_vec(), words.iter().flat_map(|word| bulk(word.as_bytes())).collect()].concat()
        };
        [format!("*{}\r\n", self.libraries.len()).into_bytes(), self.libraries.iter().flat_map(one).collect()]
            .concat()
    }
}

/// A proxy before three such members, a client, and a key of each member.
async fn pool() -> (Vec<Shared>, Vec<Fake>, Proxy, Client, Vec<String>) {
    let memories: Vec<Shared> = (0..3).map(|_| Shared::default()).collect();
    let mut fakes = Vec::new();
    for memory in &memories {
        fakes.push(Fake::start(member(memory)).await);
    }
    let proxy = Proxy::start(&fakes.iter().collect::<Vec<_>>(), TIMEOUT).await;
    let (client, keys) = (proxy.client().await, keys_of(&proxy, 3));
    (memories, fakes, proxy, client, keys)
}

fn answered(text: &str) -> String {
    String::from_utf8(bulk(text.as_bytes())).unwrap()
}

#[test]
fn a_script_that_a_member_forgot_is_brought_to_it() {
    on_a_worker(async {
        let (memories, _fakes, proxy, mut client, keys) = pool().await;
        let sha = hex(&sha1(b"body"));
        assert_eq!(client.ask("SCRIPT LOAD body").await, answered(&sha));
        for (memory, key) in memories.iter().zip(&keys) {
            memory.borrow_mut().scripts.clear();
            assert_eq!(client.ask(&format!("EVALSHA {sha} 1 {key}")).await, answered("body"));
        }
        assert_eq!(client.ask(&format!("SCRIPT EXISTS {sha}")).await, "*1\r\n:1\r\n");
        assert_eq!(proxy.worker.shared.scripts.brought.load(std::sync::atomic::Ordering::Relaxed), 3);
        assert_eq!(client.ask("SCRIPT FLUSH").await, "+OK\r\n");
        assert!(client.ask(&format!("EVALSHA {sha} 1 {}", keys[0])).await.starts_with("-NOSCRIPT"));
        assert_eq!(client.ask(&format!("SCRIPT EXISTS {sha}")).await, "*1\r\n:0\r\n");
    });
}

#[test]
fn a_script_that_the_proxy_does_not_know_is_asked_of_the_other_members() {
    on_a_worker(async {
        let (memories, _fakes, _proxy, mut client, keys) = pool().await;
        let sha = hex(&sha1(b"other"));
        memories[2].borrow_mut().scripts.insert(sha.clone(), b"other".to_vec());
        assert_eq!(client.ask(&format!("EVALSHA {sha} 1 {}", keys[0])).await, answered("other"));
        assert!(memories[0].borrow().scripts.contains_key(&sha));
        assert!(client.ask(&format!("EVALSHA {} 0", hex(&sha1(b"no")))).await.starts_with("-NOSCRIPT"));
    });
}

#[test]
fn in_a_transaction_a_script_is_sent_with_its_text_once() {
    on_a_worker(async {
        let (memories, _fakes, _proxy, mut client, keys) = pool().await;
        let sha = hex(&sha1(b"other"));
        memories[2].borrow_mut().scripts.insert(sha.clone(), b"other".to_vec());
        let line = format!("EVALSHA {sha} 1 {}", keys[0]);
        client.send(&["MULTI", &line, &line, "EXEC"]).await;
        for answer in ["+OK\r\n", "+QUEUED\r\n", "+QUEUED\r\n", "*0\r\n"] {
            assert_eq!(client.answer().await, answer);
        }
        let asked = memories[0].borrow().asked.join("\n");
        assert!(asked.ends_with(&format!("MULTI\nEVAL other 1 {}\n{line}\nEXEC", keys[0])), "{asked}");
    });
}

#[test]
fn keys_of_several_members_are_refused_with_the_rule_that_would_help() {
    on_a_worker(async {
        let (_memories, _fakes, proxy, mut client, _) = pool().await;
        let topology = proxy.worker.topology();
        let one = b"bull:q:wait";
        let other = (0..)
            .map(|n| format!("bull:q:{n}"))
            .find(|key| topology.owner_of(key.as_bytes()) != topology.owner_of(one));
        let other = other.unwrap();
        let error = client.ask(&format!("EVAL x 2 bull:q:wait {other}")).await;
        let names = [topology.owner_of(one), topology.owner_of(other.as_bytes())]
            .map(|at| &topology.members()[at].name);
        assert_eq!(
            error,
            format!(
                "-CROSSSLOT the script's keys 'bull:q:wait' and '{other}' are of members {} and {}: give them one {{tag}}, \
                 or start proxies and servers with --colocate 'bull:q:*'\r\n",
                names[0], names[1]
            )
        );
        client.send(&["MULTI", &format!("EVAL x 2 bull:q:wait {other}"), "EXEC"]).await;
        assert_eq!(client.answer().await, "+OK\r\n");
        assert!(client.answer().await.starts_with("-CROSSSLOT the script's keys"));
        assert!(client.answer().await.starts_with("-EXECABORT"));
    });
}

#[test]
fn a_rule_is_made_of_what_will_be_the_same_next_time() {
    for (keys, rule) in [
        (["bull:q:wait", "bull:q:meta"], Some("bull:q:")),
        (["celery-taskset-meta-4a-5b.j", "celery-taskset-meta-4a-5b.c"], Some("celery-taskset-meta-")),
        (["app1:a", "app1:b"], Some("app1:")),
        (["wait", "want"], None),
        (["a:*:b", "a:*:c"], None),
        (["a b:1", "a b:2"], None),
    ] {
        let all = keys.map(str::as_bytes);
        assert_eq!(rule_for(&all).as_deref(), rule, "{keys:?}");
    }
}

#[test]
fn a_library_that_a_member_misses_is_brought_to_it() {
    on_a_worker(async {
        let (memories, fakes, proxy, mut client, keys) = pool().await;
        assert_eq!(client.ask("FUNCTION LOAD lib").await, answered("lib"));
        memories[1].borrow_mut().libraries.clear();
        assert_eq!(client.ask(&format!("FCALL lib 1 {}", keys[1])).await, answered("lib"));
        assert_eq!(memories[1].borrow().libraries, ["lib"]);
        assert!(client.ask("FCALL nope 0").await.starts_with("-ERR Function not found"));
        // One that joins has it at once.
        let memory = Shared::default();
        let joins = Fake::start(member(&memory)).await;
        proxy.adopt(&[&fakes[0], &fakes[1], &joins]);
        while memory.borrow().libraries.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(client.ask("FUNCTION DELETE lib").await, "+OK\r\n");
        assert_eq!(client.ask("FUNCTION DELETE lib").await, "-ERR Library not found\r\n");
    });
}

#[test]
fn what_one_member_did_is_enough_or_not() {
    on_a_worker(async {
        let (memories, _fakes, _proxy, mut client, _) = pool().await;
        assert_eq!(client.ask("SCRIPT KILL").await, "-NOTBUSY none\r\n");
        // Half done: what is left of it can be done again.
        memories[1].borrow_mut().libraries.push("lib".to_owned());
        assert_eq!(client.ask("SCRIPT KILL").await, "+OK\r\n");
        let list = client.ask("FUNCTION LIST").await;
        assert!(list.starts_with("*1\r\n*4\r\n$12\r\nlibrary_name\r\n$3\r\nlib\r\n"), "{list}");
        assert_eq!(client.ask("FUNCTION DELETE lib").await, "+OK\r\n");
    });
}

#[test]
fn the_scripts_that_are_kept_are_bounded_and_those_in_use_stay() {
    let scripts = Scripts::default();
    let used = scripts.keep(b"used");
    let first = scripts.keep(b"first");
    assert!(scripts.find(&used).is_some());
    for n in 0..limits::SCRIPTS {
        scripts.keep(format!("{n}").as_bytes());
    }
    assert!(scripts.find(&used).is_some() && scripts.find(&first).is_none());
    assert_eq!(scripts.size().0, limits::SCRIPTS);
    for n in 0..10 {
        scripts.keep(&vec![b'a' + n; limits::SCRIPT_BYTES / 4]);
    }
    assert!(scripts.size().1 <= limits::SCRIPT_BYTES && scripts.size().0 >= 3, "{:?}", scripts.size());
    let (before, too_long) = (scripts.size(), scripts.keep(&vec![b'x'; limits::SCRIPT_BYTES / 4 + 1]));
    assert!(scripts.size() == before && scripts.find(&too_long).is_none());
    scripts.flush();
    assert_eq!(scripts.size(), (0, 0));
}
