"""What a metrics exporter asks of a server, and how it reads the answers."""

import re

import pytest

FIELDS = {
    "server": "redis_version redis_mode os arch_bits process_id run_id tcp_port uptime_in_seconds hz executable config_file",
    "clients": "connected_clients maxclients blocked_clients tracking_clients client_recent_max_input_buffer "
    "client_recent_max_output_buffer clients_in_timeout_table",
    "memory": "used_memory used_memory_rss used_memory_peak used_memory_lua used_memory_overhead used_memory_startup "
    "used_memory_dataset maxmemory maxmemory_policy mem_fragmentation_ratio mem_fragmentation_bytes "
    "mem_clients_normal mem_clients_slaves allocator_active allocator_allocated allocator_resident "
    "total_system_memory active_defrag_running lazyfree_pending_objects mem_not_counted_for_evict",
    "persistence": "loading rdb_changes_since_last_save rdb_bgsave_in_progress rdb_last_save_time "
    "rdb_last_bgsave_status rdb_last_bgsave_time_sec aof_enabled aof_rewrite_in_progress aof_last_write_status",
    "stats": "total_connections_received total_commands_processed instantaneous_ops_per_sec total_net_input_bytes "
    "total_net_output_bytes rejected_connections expired_keys expired_stale_perc expired_time_cap_reached_count "
    "evicted_keys keyspace_hits keyspace_misses pubsub_channels pubsub_patterns latest_fork_usec "
    "total_error_replies total_reads_processed total_writes_processed slave_expires_tracked_keys",
    "replication": "role connected_slaves master_repl_offset second_repl_offset repl_backlog_active repl_backlog_size",
    "cpu": "used_cpu_sys used_cpu_user used_cpu_sys_children used_cpu_user_children",
    "cluster": "cluster_enabled",
}


@pytest.fixture
def server(target, r):
    if target.pool:
        pytest.skip("of one server")
    r.config_resetstat()
    return r


def parsed(text):
    """The sections of INFO, each a dictionary, by lower-case name."""
    sections, current = {}, None
    for line in text.split("\r\n"):
        if line.startswith("# "):
            current = sections.setdefault(line[2:].lower(), {})
        elif line:
            field, value = line.split(":", 1)
            current[field] = value
    return sections


def raw(r, *command):
    connection = r.connection_pool.get_connection()
    try:
        connection.send_command(*command)
        return connection.read_response()
    finally:
        r.connection_pool.release(connection)


def test_every_field_that_exporters_read_is_there(server):
    server.set("k", "v", ex=100)
    sections = parsed(raw(server, "INFO", "ALL"))
    for section, fields in FIELDS.items():
        for field in fields.split():
            assert field in sections[section], f"{section}: {field}"
    assert re.fullmatch(r"keys=1,expires=1,avg_ttl=\d+(,.*)?", sections["keyspace"]["db0"])
    assert sections["server"]["redis_version"].count(".") == 2
    for field in ("used_cpu_sys", "used_cpu_user"):
        assert float(sections["cpu"][field]) >= 0
    assert float(sections["memory"]["mem_fragmentation_ratio"]) > 0
    assert int(sections["memory"]["used_memory_rss"]) > 0


def test_commands_and_errors_are_counted(server):
    for _ in range(3):
        server.get("k")
    with pytest.raises(Exception):
        server.execute_command("HGET", "k")
    sections = parsed(raw(server, "INFO", "ALL"))
    pattern = r"calls=(\d+),usec=(\d+),usec_per_call=([\d.]+),rejected_calls=(\d+),failed_calls=(\d+)"
    calls = {name: re.fullmatch(pattern, told) for name, told in sections["commandstats"].items()}
    assert all(calls.values())
    assert calls["cmdstat_get"].group(1) == "3"
    assert calls["cmdstat_hget"].group(4) == "1"
    assert sections["errorstats"]["errorstat_ERR"] == "count=1"
    latencies = sections["latencystats"]["latency_percentiles_usec_get"]
    assert re.fullmatch(r"p50=[\d.]+,p99=[\d.]+,p99\.9=[\d.]+", latencies)


def test_the_other_questions_of_exporters(server):
    config = server.config_get("*")
    for name in ("maxmemory", "maxclients", "maxmemory-policy", "timeout", "databases", "slowlog-max-len"):
        assert name in config
    assert server.slowlog_len() >= 0
    assert isinstance(server.slowlog_get(10), list)
    assert server.latency_latest() == []
    assert server.execute_command("LATENCY", "HISTOGRAM", "get") in ({}, [])
    assert server.client_list()[0]["user"] == "default"
