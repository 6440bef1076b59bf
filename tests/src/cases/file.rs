use super::{Line, Pattern};
use std::path::Path;

/// One case: commands on an empty server, and what each answers.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file's name and the line of the title.
    pub at: String,
    /// What it shows.
    pub title: String,
    /// The words behind `@` in its title or at the head of its file.
    pub markers: Vec<String>,
    /// Why a target answers differently, where one does.
    pub why: Option<String>,
    /// The commands in order.
    pub steps: Vec<Step>,
}

/// One command and its reply.
#[derive(Debug, Clone)]
pub struct Step {
    /// The file's name and the line.
    pub at: String,
    /// Which of the case's connections it goes over.
    pub conn: char,
    /// The command as it is written.
    pub command: String,
    /// The reply everywhere but where another is given.
    pub reply: Pattern,
    /// Asked again until the reply is this one.
    pub eventually: bool,
    /// The name that the reply is kept under, for use as `$name`.
    pub keep: Option<String>,
    /// Selectors (`redis`, `pool`, `resp2`, …) and the reply of those targets.
    pub others: Vec<(Vec<String>, Pattern)>,
}

impl Case {
    /// Whether it carries this marker.
    pub fn has(&self, marker: &str) -> bool {
        self.markers.iter().any(|m| m == marker)
    }
}

/// Reads every `.txt` file of a directory, in the order of their names.
/// Panics with file and line where one can't be understood.
pub fn load(dir: &Path) -> Vec<Case> {
    let entries = std::fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display()));
    let mut paths: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths.iter().flat_map(|path| load_file(path)).collect()
}

fn load_file(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    parse_file(&name, &text).unwrap_or_else(|why| panic!("{why}"))
}

pub(super) fn parse_file(name: &str, text: &str) -> Result<Vec<Case>, String> {
    let mut reader = Reader { name, markers: Vec::new(), why: None, cases: Vec::new() };
    for (i, line) in text.lines().enumerate() {
        reader.line(i + 1, line).map_err(|why| format!("{name}:{}: {why}", i + 1))?;
    }
    reader.cases.iter().try_for_each(check)?;
    Ok(reader.cases)
}

/// A difference from real Redis is only taken with its reason.
fn check(case: &Case) -> Result<(), String> {
    let differs = case.has("ringtail")
        || case.steps.iter().any(|s| s.others.iter().any(|(who, _)| who.iter().any(|w| w == "redis")));
    match (&case.why, differs) {
        (None, true) => Err(format!("{}: differs from Redis without a `why:`", case.at)),
        _ if case.steps.is_empty() => Err(format!("{}: no command", case.at)),
        _ => Ok(()),
    }
}

struct Reader<'a> {
    name: &'a str,
    markers: Vec<String>,
    why: Option<String>,
    cases: Vec<Case>,
}

impl Reader<'_> {
    fn line(&mut self, number: usize, line: &str) -> Result<(), String> {
        let at = format!("{}:{number}", self.name);
        let indented = line.starts_with(' ');
        match line.trim() {
            "" => Ok(()),
            text if text.starts_with('#') => Ok(()),
            text if text.starts_with("== ") => self.title(at, &text[3..]),
            text if text.starts_with("why: ") => self.reason(&text[5..]),
            text if text.starts_with('@') && self.cases.is_empty() => self.file_markers(text),
            text if indented => self.other(text),
            text => self.step(at, text),
        }
    }

    fn file_markers(&mut self, text: &str) -> Result<(), String> {
        self.markers.extend(text.split_whitespace().map(|m| m.trim_start_matches('@').to_string()));
        Ok(())
    }

    fn title(&mut self, at: String, text: &str) -> Result<(), String> {
        let (title, own) = text.split_once(" @").unwrap_or((text, ""));
        let own = own.split_whitespace().map(|m| m.trim_start_matches('@').to_string());
        let markers = self.markers.iter().cloned().chain(own).collect();
        let title = title.trim().to_string();
        self.cases.push(Case { at, title, markers, why: self.why.clone(), steps: Vec::new() });
        Ok(())
    }

    /// Before the first case it holds for all of the file.
    fn reason(&mut self, text: &str) -> Result<(), String> {
        let place = match self.cases.last_mut() {
            Some(case) => &mut case.why,
            None => &mut self.why,
        };
        *place = Some(text.trim().to_string());
        Ok(())
    }

    fn step(&mut self, at: String, text: &str) -> Result<(), String> {
        let (conn, text) = match text.as_bytes() {
            [b'[', name, b']', b' ', ..] => (*name as char, &text[4..]),
            _ => ('a', text),
        };
        let (command, reply) = split_arrow(text).ok_or("no ` -> `")?;
        let (reply, keep) = match reply.rsplit_once(" as $") {
            Some((reply, name)) => (reply, Some(name.to_string())),
            None => (reply, None),
        };
        let mut line = Line::new(reply);
        let eventually = line.take("eventually ");
        let step = Step {
            at,
            conn,
            command: command.trim().into(),
            reply: line.reply()?,
            eventually,
            keep,
            others: vec![],
        };
        self.cases.last_mut().ok_or("a command before the first title")?.steps.push(step);
        Ok(())
    }

    fn other(&mut self, text: &str) -> Result<(), String> {
        let (who, reply) = text.split_once(": ").ok_or("expected `target: reply`")?;
        let who: Vec<String> = who.split_whitespace().map(str::to_string).collect();
        if let Some(unknown) = who.iter().find(|w| !SELECTORS.contains(&w.as_str())) {
            return Err(format!("{unknown:?} is no target; they are {SELECTORS:?}"));
        }
        let step = self.cases.last_mut().and_then(|case| case.steps.last_mut());
        let reply = Line::new(reply).reply()?;
        step.ok_or("a reply before the first command")?.others.push((who, reply));
        Ok(())
    }
}

/// What may stand before `:` in a reply of its own.
const SELECTORS: [&str; 8] =
    ["redis", "server", "pool", "ringtail-pool", "redis-pool", "tls", "resp2", "resp3"];

/// Splits at the first arrow outside of quotes.
fn split_arrow(text: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    text.char_indices().find_map(|(i, c)| {
        let plain = !escaped;
        escaped = quoted && plain && c == '\\';
        quoted ^= plain && c == '"';
        let rest = text[i..].strip_prefix(" -> ")?;
        (!quoted).then(|| (&text[..i], rest))
    })
}
