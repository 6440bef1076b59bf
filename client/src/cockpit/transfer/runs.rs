//! Which processes a cursor is of: another one has another hash seed, where the cursor of the one before stands for nothing.

use std::collections::BTreeMap;

use ringtail::Client;
use serde::{Deserialize, Serialize};

use crate::cockpit::Context;
use crate::cockpit::info::Info;
use crate::cockpit::members::{MemberFlags, Pool};

/// The run ids of a server, or of a pool's members by their names; of those that say them.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Runs(BTreeMap<String, Option<String>>);

impl Runs {
    /// What can be known of a server and of who stands behind it.
    pub(super) async fn ask(client: &Client, context: &Context<'_>) -> Self {
        let Some(pool) = Pool::ask(client).await.ok().flatten() else {
            return Self(BTreeMap::from([("the server".into(), run_of(client).await)]));
        };
        let options = MemberFlags::default().options(context).ok();
        let mut runs = BTreeMap::new();
        for member in pool.members {
            let client = match &options {
                Some(options) => Client::connect(options.clone().at(&member.addr)).await.ok(),
                None => None,
            };
            let run = match client {
                Some(client) => run_of(&client).await,
                None => None,
            };
            runs.insert(format!("member {}", member.name), run);
        }
        Self(runs)
    }

    /// One that is another process now.
    pub(super) fn other(&self, now: &Self) -> Option<&str> {
        let mut both = self.0.iter().filter_map(|(name, then)| Some((name, then, now.0.get(name)?)));
        both.find(|(_, then, now)| then.is_some() && now.is_some() && then != now)
            .map(|(name, ..)| name.as_str())
    }

    /// Those of which that is not known.
    pub(super) fn unknown(&self, now: &Self) -> impl Iterator<Item = &str> {
        let known = |name: &str| now.0.get(name).is_some_and(Option::is_some);
        self.0
            .iter()
            .filter(move |(name, then)| then.is_none() || !known(name))
            .map(|(name, _)| name.as_str())
    }
}

/// Who may not ask INFO may export all the same.
async fn run_of(client: &Client) -> Option<String> {
    let info = Info::ask(client, &["server"]).await.ok()?;
    info.text("run_id").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs(of: &[(&str, Option<&str>)]) -> Runs {
        Runs(of.iter().map(|(name, run)| ((*name).to_owned(), run.map(str::to_owned))).collect())
    }

    #[test]
    fn another_process_is_told_from_one_that_says_nothing() {
        let then = runs(&[("a", Some("1")), ("b", Some("2")), ("c", None)]);
        assert_eq!(then.other(&runs(&[("a", Some("1")), ("b", Some("3"))])), Some("b"));
        assert_eq!(then.other(&runs(&[("a", None), ("b", Some("2")), ("c", Some("4"))])), None);
        let now = runs(&[("a", None), ("b", Some("2")), ("c", Some("4"))]);
        assert_eq!(then.unknown(&now).collect::<Vec<_>>(), ["a", "c"]);
    }
}
