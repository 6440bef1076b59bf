//! Commands, connections and bytes.

use std::sync::atomic::Ordering::Relaxed;

use ringtail_admin::{Metrics, commands, families};
use ringtail_protocol::acl::Reason;

use crate::shared::{Shared, Totals};

families! {
    /// All of this part.
    pub static FAMILIES;
    COMMANDS = Counter "ringtail_proxy_commands" []: "Requests begun.";
    CALLS = Counter "ringtail_proxy_command_calls" ["command"]: "Calls of each command that was used.";
    FAILURES = Counter "ringtail_proxy_command_failures" ["command", "kind"]: "Calls that answered an error (kind failed) or were refused before they were sent (kind rejected).";
    ERRORS = Counter "ringtail_proxy_error_replies" ["code"]: "Error replies by their first word, at most 129 different ones for each thread.";
    DURATIONS = Histogram "ringtail_proxy_command_duration_seconds" ["class"]: "How long requests took, from the turn in which they came to their answer, by class: read, write, blocking, script, transaction, other.";
    SLOW = Counter "ringtail_proxy_slow_requests" []: "Requests that took longer than slowlog-log-slower-than says, or latency-monitor-threshold.";
    CONNECTIONS = Counter "ringtail_proxy_connections" []: "Client connections taken.";
    OPEN = Gauge "ringtail_proxy_connections_open" []: "Client connections now, those by HTTP among them.";
    MOST = Gauge "ringtail_proxy_connections_most" []: "Client connections that may be open (--maxclients).";
    REFUSED = Counter "ringtail_proxy_connections_refused" ["reason"]: "Connections refused because of --maxclients, --maxclients-per-addr, or --handshakes.";
    HANDSHAKES = Counter "ringtail_proxy_tls_handshakes" ["outcome"]: "TLS handshakes that were done (ok), and connections that failed before a request, mostly in the handshake (failed).";
    TURNED_AWAY = Counter "ringtail_proxy_commands_refused" ["reason"]: "Commands refused because of --rate, --maxclients-per-user, or --max-in-flight.";
    BLOCKED = Gauge "ringtail_proxy_clients_blocked" []: "Clients that wait in a blocking command.";
    SUBSCRIBERS = Gauge "ringtail_proxy_clients_subscribed" []: "Clients with subscriptions.";
    TRACKERS = Gauge "ringtail_proxy_clients_tracking" []: "Clients that keep copies of keys (CLIENT TRACKING).";
    CLOSED = Counter "ringtail_proxy_clients_closed" ["reason"]: "Clients closed because they did not take their replies, or their messages.";
    RECEIVED = Counter "ringtail_proxy_received_bytes" []: "Bytes read from clients, of HTTP as it came; TLS is not counted.";
    SENT = Counter "ringtail_proxy_sent_bytes" []: "Bytes written to clients, of HTTP as it went; TLS is not counted.";
    IN_FLIGHT = Gauge "ringtail_proxy_in_flight_bytes" []: "Bytes of requests and replies that are held for all clients, as workers have told of them.";
    IN_FLIGHT_MOST = Gauge "ringtail_proxy_in_flight_most_bytes" []: "How many may be held (--max-in-flight); 0 is no bound.";
    IN_FLIGHT_WAITS = Counter "ringtail_proxy_in_flight_waits" []: "How often requests began to wait because so many bytes were held.";
    LARGE = Counter "ringtail_proxy_large" ["what"]: "Requests and replies that were passed through as they came, because they are large.";
    RETRIED = Counter "ringtail_proxy_retried_reads" []: "Reads that were sent again because their connection was lost.";
    TRANSACTIONS = Counter "ringtail_proxy_transactions" ["kind"]: "Transactions on one_member, over several_members, and those that some members ran and others did not, or may not have (partial).";
    GAPS = Counter "ringtail_proxy_subscription_gaps" []: "Times that the subscriptions at a member were not in force, as seen by a worker.";
    DENIED = Counter "ringtail_proxy_access_denied" ["reason"]: "What users were refused: auth, command, key, channel.";
    SCRIPTS = Gauge "ringtail_proxy_scripts" []: "Scripts that are kept to bring them to members that miss them.";
    SCRIPT_SIZE = Gauge "ringtail_proxy_scripts_size_bytes" []: "Bytes of these scripts.";
    BROUGHT = Counter "ringtail_proxy_scripts_brought" []: "Scripts that were brought to members that missed them.";
    HOTTEST = Gauge "ringtail_proxy_hottest_key_ratio" []: "Which share of the last seconds' requests was for the hottest key (RINGTAIL HOTKEYS names it), by a sample; 0 where no key is hot.";
}

pub(super) fn write(shared: &Shared, out: &mut Metrics) {
    let totals = shared.totals();
    out.one(&COMMANDS, totals.commands);
    let families =
        commands::Families { calls: &CALLS, failures: &FAILURES, errors: &ERRORS, durations: &DURATIONS };
    commands::write(out, &shared.seen.stats, &families);
    out.one(&SLOW, shared.seen.slow());
    connections(shared, &totals, out);
    clients(shared, &totals, out);
    bytes(shared, &totals, out);
    out.one(&RETRIED, totals.retried_reads);
    out.with(&TRANSACTIONS, &["one_member"], totals.transactions);
    out.with(&TRANSACTIONS, &["several_members"], totals.transactions_across);
    out.with(&TRANSACTIONS, &["partial"], totals.transactions_partial);
    out.one(&GAPS, totals.pubsub_gaps);
    denied(shared, out);
    let (scripts, bytes) = shared.scripts.size();
    out.one(&SCRIPTS, scripts);
    out.one(&SCRIPT_SIZE, bytes);
    out.one(&BROUGHT, shared.scripts.brought.load(Relaxed));
    out.one(&HOTTEST, shared.seen.hottest_share(shared.micros()));
}

fn connections(shared: &Shared, totals: &Totals, out: &mut Metrics) {
    out.one(&CONNECTIONS, totals.connections);
    out.one(&OPEN, shared.by_addr.count());
    out.one(&MOST, shared.settings.live.max_clients.load(Relaxed));
    out.with(&REFUSED, &["maxclients"], totals.rejected);
    out.with(&REFUSED, &["maxclients-per-addr"], totals.rejected_per_addr);
    out.with(&REFUSED, &["handshakes"], totals.handshakes_refused);
    out.with(&HANDSHAKES, &["ok"], totals.handshakes);
    out.with(&HANDSHAKES, &["failed"], totals.handshakes_failed);
}

fn clients(shared: &Shared, totals: &Totals, out: &mut Metrics) {
    let clients = shared.clients.list();
    out.with(&TURNED_AWAY, &["rate"], totals.rate_limited);
    out.with(&TURNED_AWAY, &["maxclients-per-user"], totals.rejected_per_user);
    out.with(&TURNED_AWAY, &["max-in-flight"], totals.in_flight_refused);
    out.one(&BLOCKED, shared.clients.blocked());
    out.one(&SUBSCRIBERS, clients.iter().filter(|client| client.is_subscribed()).count());
    out.one(&TRACKERS, clients.iter().filter(|client| !client.tracking().is_empty()).count());
    out.with(&CLOSED, &["replies"], totals.slow_readers);
    out.with(&CLOSED, &["messages"], shared.output_limits.disconnections());
}

fn bytes(shared: &Shared, totals: &Totals, out: &mut Metrics) {
    let in_flight = &shared.settings.live.in_flight;
    out.one(&RECEIVED, totals.bytes_in);
    out.one(&SENT, totals.bytes_out);
    out.one(&IN_FLIGHT, in_flight.bytes());
    out.one(&IN_FLIGHT_MOST, in_flight.most.load(Relaxed));
    out.one(&IN_FLIGHT_WAITS, totals.in_flight_waits);
    out.with(&LARGE, &["requests"], totals.large_requests);
    out.with(&LARGE, &["replies"], totals.large_replies);
}

fn denied(shared: &Shared, out: &mut Metrics) {
    let log = shared.access.log();
    for (name, reason) in [
        ("auth", Reason::Auth),
        ("command", Reason::Command),
        ("key", Reason::Key),
        ("channel", Reason::Channel),
    ] {
        out.with(&DENIED, &[name], log.count(reason));
    }
}
