//! What every member owns, holds and needs before and after.

use std::collections::BTreeMap;

use ringtail_cluster::{Member, Plan, Topology};

use super::load::{Load, Loads};

/// A figure before and after.
pub(super) type Change<T> = (T, T);

/// What comes of an edit.
#[derive(Debug)]
pub(super) struct Forecast {
    pub(super) plan: Plan,
    /// By name: members of either topology.
    pub(super) members: Vec<Share>,
    /// By the names of owner and heir.
    pub(super) flows: Vec<Flow>,
    /// Slots that stay with a member that gets another server: their keys stay at the old one.
    pub(super) lost: Vec<Flow>,
    pub(super) verdict: Verdict,
}

/// One member.
#[derive(Debug)]
pub(super) struct Share {
    pub(super) name: String,
    pub(super) addr: String,
    /// Nothing where it is no member.
    pub(super) weight: Change<Option<u32>>,
    pub(super) slots: Change<usize>,
    pub(super) keys: Change<Option<f64>>,
    pub(super) bytes: Change<Option<f64>>,
    /// All memory that it needs afterwards.
    pub(super) needs: Option<f64>,
    pub(super) maxmemory: Option<u64>,
    pub(super) fit: Fit,
}

/// Slots that move from one member to another.
#[derive(Debug, PartialEq)]
pub(super) struct Flow {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) slots: usize,
    pub(super) keys: Option<f64>,
    pub(super) bytes: Option<f64>,
}

/// Whether a member's memory is enough.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fit {
    Yes,
    /// It has no limit.
    NoLimit,
    /// So many bytes are missing.
    No(f64),
    /// Nobody knows, and why.
    Unknown(String),
    /// Nobody asked.
    NotAsked,
}

/// What to make of all of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    Good,
    TooLarge,
    Unknown,
}

impl Forecast {
    pub(super) fn of(old: &Topology, new: &Topology, loads: &Loads) -> Self {
        let plan = Plan::between(old, new);
        let flows = flows(old, new, &plan, loads);
        let mut names: Vec<&str> =
            old.members().iter().chain(new.members()).map(|member| member.name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        let members: Vec<_> = names.into_iter().map(|name| share(name, old, new, &flows, loads)).collect();
        let verdict = verdict(&members);
        let lost = lost(old, new, &flows, loads);
        Self { plan, members, flows, lost, verdict }
    }
}

/// Members that get another server which is none of their own: a replica has their keys.
pub(super) fn replaced<'t>(old: &'t Topology, new: &'t Topology) -> Vec<(&'t Member, &'t Member)> {
    let both =
        old.members().iter().filter_map(|was| Some((was, &new.members()[new.member_named(&was.name)?])));
    both.filter(|(was, is)| was.addr != is.addr && !was.replicas.contains(&is.addr)).collect()
}

fn lost(old: &Topology, new: &Topology, flows: &[Flow], loads: &Loads) -> Vec<Flow> {
    let owned = old.slot_counts();
    let replaced = replaced(old, new).into_iter().filter_map(|(was, _)| {
        let name = was.name.clone();
        let owned = owned[old.member_named(&name)?];
        let gone: usize = flows.iter().filter(|flow| flow.from == name).map(|flow| flow.slots).sum();
        let (slots, load) = (owned - gone, loads.of(&name));
        let part = slots as f64 / owned.max(1) as f64;
        let of = |amount: Option<f64>| amount.map(|amount| amount * part);
        Some(Flow { from: name.clone(), to: name, slots, keys: of(load.keys), bytes: of(load.bytes) })
    });
    replaced.filter(|flow| flow.slots > 0).collect()
}

fn verdict(members: &[Share]) -> Verdict {
    let any = |is: fn(&Fit) -> bool| members.iter().any(|member| is(&member.fit));
    if any(|fit| matches!(fit, Fit::No(_))) {
        Verdict::TooLarge
    } else if any(|fit| matches!(fit, Fit::Unknown(_))) {
        Verdict::Unknown
    } else {
        Verdict::Good
    }
}

fn flows(old: &Topology, new: &Topology, plan: &Plan, loads: &Loads) -> Vec<Flow> {
    let mut counts = BTreeMap::new();
    for change in &plan.moves {
        *counts.entry((change.from, change.to)).or_insert(0_usize) += 1;
    }
    let owned = old.slot_counts();
    let flow = |((from, to), slots): ((u16, u16), usize)| {
        let (from, to) = (usize::from(from), usize::from(to));
        let load = loads.of(&old.members()[from].name);
        let part = slots as f64 / owned[from] as f64;
        Flow {
            from: old.members()[from].name.clone(),
            to: new.members()[to].name.clone(),
            slots,
            keys: load.keys.map(|keys| keys * part),
            bytes: load.bytes.map(|bytes| bytes * part),
        }
    };
    counts.into_iter().map(flow).collect()
}

fn share(name: &str, old: &Topology, new: &Topology, flows: &[Flow], loads: &Loads) -> Share {
    let in_old = old.member_named(name);
    let in_new = new.member_named(name);
    let slots =
        |topology: &Topology, index: Option<usize>| index.map_or(0, |index| topology.slot_counts()[index]);
    let load = loads.of(name);
    // Who is new has nothing that counts; what is there already only if it can be asked.
    let has = |amount: Option<f64>| if in_old.is_none() { amount.or(Some(0.0)) } else { amount };
    let keys = (has(load.keys), after(name, has(load.keys), flows, |flow| flow.keys));
    let bytes = (has(load.bytes), after(name, has(load.bytes), flows, |flow| flow.bytes));
    // The new server has none of the keys that are to come to it, and its own memory and limit.
    let heir = replaced(old, new).iter().any(|(was, _)| was.name == name).then(|| loads.of_heir(name));
    let there = heir.as_ref().map(|heir| heir.bytes.unwrap_or(0.0));
    let bytes_there = (there.or(bytes.0), bytes.1.map(|bytes| bytes + there.unwrap_or(0.0)));
    let load = heir.unwrap_or(load);
    let needs = bytes_there.1.map(|bytes| bytes + load.rest);
    let member = in_new.map(|index| &new.members()[index]).or(in_old.map(|index| &old.members()[index]));
    Share {
        name: name.to_owned(),
        addr: member.map(|member| member.addr.to_string()).unwrap_or_default(),
        weight: (
            in_old.map(|index| old.members()[index].weight),
            in_new.map(|index| new.members()[index].weight),
        ),
        slots: (slots(old, in_old), slots(new, in_new)),
        fit: if in_new.is_some() { fit(&load, bytes_there, needs, loads.about_memory) } else { Fit::Yes },
        keys,
        bytes,
        needs,
        maxmemory: load.maxmemory,
    }
}

/// What a member has once everything has moved; nothing is known if any part of it isn't.
fn after(name: &str, has: Option<f64>, flows: &[Flow], amount: impl Fn(&Flow) -> Option<f64>) -> Option<f64> {
    let mut sum = has?;
    for flow in flows {
        if flow.to == name {
            sum += amount(flow)?;
        }
        if flow.from == name {
            sum -= amount(flow)?;
        }
    }
    Some(sum.max(0.0))
}

fn fit(load: &Load, bytes: Change<Option<f64>>, needs: Option<f64>, about_memory: bool) -> Fit {
    let unknown = |what: &str| Fit::Unknown(load.fault.clone().unwrap_or_else(|| what.into()));
    match (load.maxmemory, needs) {
        _ if !about_memory => Fit::NotAsked,
        (Some(0), _) => Fit::NoLimit,
        (None, _) => unknown("its --maxmemory is not known"),
        (Some(_), None) => unknown("what comes to it is not known"),
        // Who is full and gets no more goes on as it does.
        (Some(_), _) if bytes.0.is_some() && bytes.1 <= bytes.0 => Fit::Yes,
        (Some(most), Some(needs)) if needs <= most as f64 => Fit::Yes,
        (Some(most), Some(needs)) => Fit::No(needs - most as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ringtail_cluster::Servers;
    use std::collections::HashMap;
    use std::path::Path;

    fn topology(json: &str) -> Topology {
        Topology::new(Servers::parse(json.as_bytes(), Path::new("test")).unwrap(), 1)
    }

    fn loads(all: &[(&str, f64, u64)]) -> Loads {
        let load = |bytes: f64, maxmemory| Load {
            keys: Some(bytes / 100.0),
            bytes: Some(bytes),
            rest: 1000.0,
            maxmemory: Some(maxmemory),
            fault: None,
        };
        let named = all.iter().map(|&(name, bytes, maxmemory)| (name.to_owned(), load(bytes, maxmemory)));
        Loads::new(named.collect::<HashMap<_, _>>())
    }

    const TWO: &str = r#"[{"name":"a","addr":"h:1"},{"name":"b","addr":"h:2"}]"#;
    const THREE: &str = r#"[{"name":"a","addr":"h:1"},{"name":"b","addr":"h:2"},{"name":"c","addr":"h:3"}]"#;

    #[test]
    fn what_comes_is_what_goes() {
        let loads = loads(&[("a", 90_000.0, 200_000), ("b", 60_000.0, 200_000), ("c", 0.0, 200_000)]);
        let forecast = Forecast::of(&topology(TWO), &topology(THREE), &loads);
        assert_eq!(forecast.verdict, Verdict::Good);
        let sum = |pick: fn(&Share) -> f64| forecast.members.iter().map(pick).sum::<f64>();
        assert!((sum(|member| member.bytes.1.unwrap()) - 150_000.0).abs() < 0.1);
        assert!((sum(|member| member.keys.1.unwrap()) - 1_500.0).abs() < 0.1);
        let moved: usize = forecast.flows.iter().map(|flow| flow.slots).sum();
        assert_eq!(moved, forecast.plan.moves.len());
        let c = &forecast.members[2];
        assert!(c.slots.0 == 0 && c.slots.1 > 4900, "{c:?}");
        assert!((c.bytes.1.unwrap() - 50_000.0).abs() < 5_000.0, "{c:?}");
    }

    #[test]
    fn who_gets_too_much_is_told() {
        let small = loads(&[("a", 90_000.0, 200_000), ("b", 60_000.0, 70_000), ("c", 40_000.0, 0)]);
        let forecast = Forecast::of(&topology(THREE), &topology(TWO), &small);
        assert_eq!(forecast.verdict, Verdict::TooLarge);
        let fits: Vec<_> = forecast.members.iter().map(|member| member.fit.clone()).collect();
        assert!(matches!(fits[..], [Fit::Yes, Fit::No(missing), Fit::Yes] if missing > 1000.0), "{fits:?}");
    }

    #[test]
    fn who_gets_another_server_loses_its_keys_and_has_that_one_s_memory() {
        let moved = topology(r#"[{"name":"a","addr":"h:9"},{"name":"b","addr":"h:2"}]"#);
        let all = || loads(&[("a", 90_000.0, 200_000), ("b", 60_000.0, 200_000)]);
        for (maxmemory, verdict) in [(200_000, Verdict::Good), (50_000, Verdict::TooLarge)] {
            let mut loads = all();
            loads.heirs(self::loads(&[("a", 0.0, maxmemory)]));
            let forecast = Forecast::of(&topology(TWO), &moved, &loads);
            assert_eq!((&forecast.verdict, forecast.flows.len()), (&verdict, 0));
            let [lost] = &forecast.lost[..] else { panic!("{:?}", forecast.lost) };
            assert_eq!((lost.from.as_str(), lost.keys, lost.bytes), ("a", Some(900.0), Some(90_000.0)));
            assert_eq!(forecast.members[0].maxmemory, Some(maxmemory));
        }
        // Nobody knows what a server that can't be asked may take.
        assert_eq!(Forecast::of(&topology(TWO), &moved, &all()).verdict, Verdict::Unknown);
        let with_replica =
            topology(r#"[{"name":"a","addr":"h:1","replicas":["h:9"]},{"name":"b","addr":"h:2"}]"#);
        let promoted = Forecast::of(&with_replica, &moved, &all());
        assert!(promoted.verdict == Verdict::Good && promoted.lost.is_empty(), "{promoted:?}");
    }

    #[test]
    fn who_is_full_may_stay_full() {
        let full = loads(&[("a", 90_000.0, 80_000), ("b", 60_000.0, 200_000), ("c", 0.0, 200_000)]);
        assert_eq!(Forecast::of(&topology(TWO), &topology(THREE), &full).verdict, Verdict::Good);
        assert_eq!(Forecast::of(&topology(TWO), &topology(TWO), &full).verdict, Verdict::Good);
    }

    #[test]
    fn what_nobody_knows_is_not_called_good() {
        let some = loads(&[("a", 90_000.0, 200_000), ("b", 60_000.0, 200_000)]);
        let forecast = Forecast::of(&topology(TWO), &topology(THREE), &some);
        assert_eq!(forecast.verdict, Verdict::Unknown);
        assert!(matches!(forecast.members[2].fit, Fit::Unknown(_)));
        // A member that can't be asked hands on what nobody knows.
        let some = loads(&[("b", 60_000.0, 200_000), ("c", 0.0, 200_000)]);
        let forecast = Forecast::of(&topology(TWO), &topology(THREE), &some);
        assert_eq!((forecast.verdict, forecast.members[2].bytes.1), (Verdict::Unknown, None));
    }

    #[test]
    fn without_a_pool_nobody_is_asked() {
        let old = topology(TWO);
        let forecast = Forecast::of(&old, &topology(THREE), &Loads::spread(&old, &Load::default()));
        assert_eq!(forecast.verdict, Verdict::Good);
        assert!(forecast.members.iter().all(|member| member.fit == Fit::NotAsked));
    }
}
