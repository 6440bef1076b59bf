//! How long commands took between two looks, from LATENCY HISTOGRAM.

use std::collections::HashMap;

use ringtail::{Client, Value};

use super::value::field;

/// By command: how many calls took at most so many microseconds, for rising bounds.
#[derive(Debug, Clone, Default)]
pub(super) struct Latencies(HashMap<String, Vec<(u64, u64)>>);

impl Latencies {
    /// `None` where the server has none: Redis before 7, and users who may not ask.
    pub(super) async fn ask(client: &Client) -> Option<Self> {
        client.cmd(["LATENCY", "HISTOGRAM"]).await.ok().as_ref().and_then(Self::of)
    }

    fn of(reply: &Value) -> Option<Self> {
        let commands = reply.as_pairs()?.into_iter().filter_map(|(name, about)| {
            let steps =
                field(about, "histogram_usec")?.as_pairs()?.into_iter().filter_map(|(bound, calls)| {
                    Some((u64::try_from(bound.as_int()?).ok()?, u64::try_from(calls.as_int()?).ok()?))
                });
            Some((name.as_str()?.to_ascii_lowercase(), steps.collect()))
        });
        Some(Self(commands.collect()))
    }

    /// What so great a share of a command's calls since `before` took at most, in microseconds; `None` without calls.
    pub(super) fn quantile(&self, before: &Self, command: &str, share: f64) -> Option<f64> {
        let now = self.0.get(command)?;
        let all = now.last()?.1;
        let empty = Vec::new();
        let was = before.0.get(command).unwrap_or(&empty);
        // Fewer than before are counted anew, since CONFIG RESETSTAT or a restart.
        let was = if was.last().is_some_and(|last| last.1 > all) { &empty } else { was };
        let calls = all - was.last().map_or(0, |last| last.1);
        // Bounds that no call came to are left out, so each count stands up to the next bound.
        let until =
            |bound: u64| was.iter().take_while(|step| step.0 <= bound).last().map_or(0, |step| step.1);
        let wanted = (calls as f64 * share).ceil() as u64;
        let found = now.iter().find(|(bound, sum)| sum.saturating_sub(until(*bound)) >= wanted);
        found.filter(|_| calls > 0).map(|(bound, _)| *bound as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn latencies(steps: &[(u64, u64)]) -> Latencies {
        Latencies(HashMap::from([("get".to_owned(), steps.to_vec())]))
    }

    #[test]
    fn only_calls_since_the_last_look_count() {
        let before = latencies(&[(1, 1000), (8, 1100)]);
        let now = latencies(&[(1, 1000), (4, 1090), (8, 1190), (64, 1200)]);
        let quantile = |share| now.quantile(&before, "get", share);
        assert_eq!((quantile(0.5), quantile(0.9), quantile(0.99)), (Some(4.0), Some(4.0), Some(64.0)));
        assert_eq!(now.quantile(&now, "get", 0.5), None);
        assert_eq!(now.quantile(&before, "set", 0.5), None);
        assert_eq!(before.quantile(&now, "get", 0.99), Some(8.0), "counted anew");
    }

    #[test]
    fn replies_of_both_protocols_are_read() {
        for reply in [
            "%1\r\n+get\r\n%2\r\n+calls\r\n:3\r\n+histogram_usec\r\n%2\r\n:1\r\n:2\r\n:4\r\n:3\r\n",
            "*2\r\n+get\r\n*4\r\n+calls\r\n:3\r\n+histogram_usec\r\n*4\r\n:1\r\n:2\r\n:4\r\n:3\r\n",
        ] {
            let read = Latencies::of(&Value::decode(reply.as_bytes()).unwrap().unwrap().0).unwrap();
            assert_eq!(read.quantile(&Latencies::default(), "get", 0.99), Some(4.0));
        }
    }
}
