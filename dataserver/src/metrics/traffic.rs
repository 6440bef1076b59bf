//! Commands, connections and bytes.

use crate::server::Server;
use ringtail_admin::{Metrics, commands, families};
use ringtail_protocol::acl::Reason;
use std::sync::atomic::Ordering::Relaxed;

families! {
    /// All of this part.
    pub static FAMILIES;
    COMMANDS = Counter "ringtail_server_commands" []: "Commands run, those of scripts and transactions among them.";
    CALLS = Counter "ringtail_server_command_calls" ["command"]: "Calls of each command that was used.";
    FAILURES = Counter "ringtail_server_command_failures" ["command", "kind"]: "Calls that answered an error (kind failed) or were refused before they ran (kind rejected).";
    ERRORS = Counter "ringtail_server_error_replies" ["code"]: "Error replies by their first word, at most 129 different ones.";
    DURATIONS = Histogram "ringtail_server_command_duration_seconds" ["class"]: "How long commands ran, by class: read, write, blocking, script, transaction, other.";
    PANICS = Counter "ringtail_server_panics" []: "Commands that failed as only a bug does; each ended its connection.";
    CONNECTIONS = Counter "ringtail_server_connections" []: "Client connections taken.";
    OPEN = Gauge "ringtail_server_connections_open" []: "Client connections now.";
    MOST = Gauge "ringtail_server_connections_most" []: "Client connections that may be open (maxclients).";
    REFUSED = Counter "ringtail_server_connections_refused" []: "Connections refused because maxclients was reached.";
    HANDSHAKES = Counter "ringtail_server_tls_handshakes" ["outcome"]: "TLS handshakes that were done (ok), and connections that failed before a request, mostly in the handshake (failed).";
    BLOCKED = Gauge "ringtail_server_clients_blocked" []: "Clients that wait in a blocking command.";
    SUBSCRIBERS = Gauge "ringtail_server_clients_subscribed" []: "Clients with subscriptions.";
    TRACKERS = Gauge "ringtail_server_clients_tracking" []: "Clients that keep copies of keys (CLIENT TRACKING).";
    CLOSED = Counter "ringtail_server_clients_closed_for_output" []: "Clients closed because they did not take their messages (client-output-buffer-limit).";
    RECEIVED = Counter "ringtail_server_received_bytes" []: "Bytes read from clients.";
    SENT = Counter "ringtail_server_sent_bytes" []: "Bytes written to clients.";
    DENIED = Counter "ringtail_server_access_denied" ["reason"]: "What users were refused: auth, command, key, channel.";
    RELOADS = Counter "ringtail_server_file_reloads" ["outcome"]: "Certificates, passwords and ACL files that were read again: taken or refused.";
}

pub(super) fn write(server: &Server, out: &mut Metrics) {
    out.one(&COMMANDS, server.total(|c| &c.commands));
    let families =
        commands::Families { calls: &CALLS, failures: &FAILURES, errors: &ERRORS, durations: &DURATIONS };
    commands::write(out, &server.stats, &families);
    out.one(&PANICS, server.total(|c| &c.panics));
    clients(server, out);
    out.one(&RECEIVED, server.total(|c| &c.bytes_in));
    out.one(&SENT, server.total(|c| &c.bytes_out));
    let log = server.access.log();
    for (name, reason) in [
        ("auth", Reason::Auth),
        ("command", Reason::Command),
        ("key", Reason::Key),
        ("channel", Reason::Channel),
    ] {
        out.with(&DENIED, &[name], log.count(reason));
    }
    out.with(&RELOADS, &["taken"], server.reloads.taken());
    out.with(&RELOADS, &["refused"], server.reloads.refused());
}

fn clients(server: &Server, out: &mut Metrics) {
    let clients = server.clients.list();
    out.one(&CONNECTIONS, server.total(|c| &c.connections));
    out.one(&OPEN, clients.len());
    out.one(&MOST, server.settings.max_clients.load(Relaxed));
    out.one(&REFUSED, server.total(|c| &c.rejected));
    out.with(&HANDSHAKES, &["ok"], server.total(|c| &c.handshakes));
    out.with(&HANDSHAKES, &["failed"], server.total(|c| &c.handshakes_failed));
    out.one(&BLOCKED, server.blocked.load(Relaxed));
    out.one(&SUBSCRIBERS, clients.iter().filter(|client| client.is_subscribed()).count());
    out.one(&TRACKERS, server.listeners.count());
    out.one(&CLOSED, server.clients.limits.disconnections());
}
