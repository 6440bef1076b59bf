use super::*;
use ringtail_protocol::reply::Resp;

fn undone(id: CommandId, words: &str, answer: &str) -> Option<String> {
    let words = words.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    let question = Question { id, blocks: false, words, db: 0, resp: Resp::V2 };
    let words = inverse(&question, answer.as_bytes())?;
    Some(words.iter().map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>().join(" "))
}

#[test]
fn what_was_taken_goes_back_to_its_place() {
    let pair = "*2\r\n$1\r\nk\r\n$3\r\na\nb\r\n";
    assert_eq!(undone(CommandId::Blpop, "BLPOP k 0", pair).as_deref(), Some("LPUSH k a\nb"));
    assert_eq!(undone(CommandId::Brpop, "BRPOP k 0", pair).as_deref(), Some("RPUSH k a\nb"));
    let many = "*2\r\n$1\r\nk\r\n*2\r\n$1\r\n1\r\n$1\r\n2\r\n";
    assert_eq!(undone(CommandId::Blmpop, "BLMPOP 0 1 k left", many).as_deref(), Some("LPUSH k 2 1"));
    assert_eq!(undone(CommandId::Blmpop, "BLMPOP 0 1 k RIGHT", many).as_deref(), Some("RPUSH k 2 1"));
    let scored = "*2\r\n$1\r\nk\r\n*2\r\n*2\r\n$1\r\nm\r\n,1.5\r\n*2\r\n$1\r\nn\r\n,2\r\n";
    assert_eq!(undone(CommandId::Bzmpop, "BZMPOP 0 1 k MIN", scored).as_deref(), Some("ZADD k 1.5 m 2 n"));
    let lowest = "*3\r\n$1\r\nk\r\n$1\r\nm\r\n$3\r\n1.5\r\n";
    assert_eq!(undone(CommandId::Bzpopmin, "BZPOPMIN k 0", lowest).as_deref(), Some("ZADD k 1.5 m"));
}

#[test]
fn what_took_nothing_is_left_alone() {
    for nothing in ["*-1\r\n", "_\r\n", "-UNBLOCKED\r\n", "$-1\r\n", "*2\r\n$1\r\nk\r\n", ""] {
        assert_eq!(undone(CommandId::Blpop, "BLPOP k 0", nothing), None, "{nothing:?}");
    }
    assert_eq!(undone(CommandId::Blmove, "BLMOVE k l LEFT LEFT 0", "$1\r\nv\r\n"), None);
}
