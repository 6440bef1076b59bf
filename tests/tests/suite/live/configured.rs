//! The page of the configuration: what it says of how settings change is so.

use super::*;
use ringtail_tests::resp::Value;

/// Its rows: a flag, and how it changes.
fn rows(program: &Program) -> Vec<(String, String)> {
    let page = program.command(&["--configuration-page"]).output().expect("it starts");
    let page = String::from_utf8(page.stdout).expect("text");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" | ").collect();
        let name = cells[0].trim_start_matches("| `--").trim_end_matches('`');
        let end = name.find([' ', '[']).unwrap_or(name.len());
        (name[..end].to_owned(), cells[4].to_owned())
    };
    page.lines().skip(2).map(row).collect()
}

/// The value that a running program has of a parameter, if it knows it.
fn value_of(conn: &mut Conn, name: &str) -> Option<String> {
    let pair = conn.call(&["CONFIG", "GET", name]);
    pair.items().get(1).map(Value::text)
}

#[test]
fn what_the_page_calls_live_can_be_set_and_nothing_else() {
    for program in Program::both() {
        let endpoint = Endpoint { port: free_port(), tls: None, password: None };
        let _running = program.start(&endpoint, &[]);
        let mut conn = endpoint.open();
        let rows = rows(&program);
        let mut live = 0;
        for (flag, how) in &rows {
            match how.strip_prefix("`CONFIG SET ").and_then(|name| name.strip_suffix('`')) {
                Some(name) => {
                    let value = value_of(&mut conn, name).unwrap_or_else(|| panic!("{flag}: no {name}"));
                    assert!(conn.call(&["CONFIG", "SET", name, &value]).is_ok(), "{flag}: {name} = {value}");
                    live += 1;
                }
                None => {
                    assert!(how == "no" || how == "with its file", "{flag}: {how}");
                    let is_flag = value_of(&mut conn, flag).is_some_and(|_| flag != "timeout");
                    let refused = conn.call(&["CONFIG", "SET", flag, "1"]).error().is_some();
                    assert!(refused || !is_flag, "{}: {flag} is live", program.name);
                }
            }
        }
        assert!(live > 3 && rows.len() > 30, "{}: {live} of {}", program.name, rows.len());
    }
}

#[test]
fn what_is_in_force_names_its_source_and_starts_the_same_program() {
    for program in Program::both() {
        let dir = scratch("configured");
        let file = dir.join("first.toml");
        std::fs::write(&file, "maxclients = 77\nusers = ['user app on >wonderland ~* +@all']\n")
            .expect("written");
        let file = file.to_str().expect("a path in UTF-8");
        let mut command = program.command(&["--config", file, "--drain-timeout", "3s", "--print-config"]);
        let printed = command.env("RINGTAIL_THREADS", "2").output().expect("it starts");
        let text = String::from_utf8(printed.stdout).expect("text");
        assert!(printed.status.success() && !text.contains("wonderland"), "{text}");
        for (setting, source) in [
            ("maxclients = 77", format!("file {file}")),
            ("threads = 2", "environment, RINGTAIL_THREADS".into()),
            ("drain-timeout = \"3s\"", "flag".into()),
            ("# cert =", "not set".into()),
            ("users = \"1, not shown: to be put here again\"", format!("file {file}")),
        ] {
            let said = text.lines().filter_map(|line| line.split_once(setting));
            let sources: Vec<&str> = said.map(|(_, rest)| rest.trim()).collect();
            assert_eq!(sources, [format!("# {source}")], "{setting}\n{text}");
        }
        // Without its users it would let everybody in.
        let again = dir.join("again.toml");
        std::fs::write(&again, &text).expect("written");
        let refused =
            program.command(&["--config", again.to_str().expect("UTF-8"), "--check-config"]).output();
        assert_eq!(refused.expect("it starts").status.code(), Some(2));
        let is_users = |line: &&str| line.starts_with("users = ");
        let users = text.lines().find(is_users).expect("a line");
        std::fs::write(&again, text.replace(users, "users = ['user app on >wonderland ~* +@all']"))
            .expect("written");
        let endpoint = Endpoint { port: free_port(), tls: None, password: None };
        let again = again.to_str().expect("a path in UTF-8");
        let mut running = Command::new(ours(program.name));
        running.args(["--config", again, "--addr", &format!("127.0.0.1:{}", endpoint.port)]);
        let _running = program.run(&mut running, Stdio::null(), &endpoint);
        assert_eq!(value_of(&mut endpoint.open(), "maxclients").as_deref(), Some("77"));
        assert_eq!(value_of(&mut endpoint.open(), "io-threads").as_deref(), Some("2"));
    }
}
