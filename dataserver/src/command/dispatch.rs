//! Which function runs which command.

use super::*;

/// Runs a command whose number of arguments is right, and notes for the log what it did.
#[inline]
pub fn run(call: &mut Call<'_, '_>) -> Done {
    let done = run_on_strings(call);
    if call.view.effects().is_some() {
        effects::settle(call, done.is_err());
    }
    done
}

/// Commands on strings.
#[inline]
fn run_on_strings(call: &mut Call<'_, '_>) -> Done {
    match call.command.executes() {
        CommandId::Get => string::get(call),
        CommandId::Set => set::set(call),
        CommandId::Getdel => string::get_del(call),
        CommandId::Getex => set::get_ex(call),
        CommandId::Getrange | CommandId::Substr => string::get_range(call),
        CommandId::Getset => string::get_set(call),
        CommandId::Mget => string::mget(call),
        CommandId::Mset => string::mset(call),
        CommandId::Msetnx => string::mset_nx(call),
        CommandId::Psetex => string::pset_ex(call),
        CommandId::Setex => string::set_ex(call),
        CommandId::Setnx => set::set_nx(call),
        CommandId::Strlen => string::strlen(call),
        CommandId::Append => range::append(call),
        CommandId::Setrange => range::set_range(call),
        CommandId::Lcs => lcs::lcs(call),
        CommandId::Incr => counter::incr(call),
        CommandId::Decr => counter::decr(call),
        CommandId::Incrby => counter::incr_by(call),
        CommandId::Decrby => counter::decr_by(call),
        CommandId::Incrbyfloat => counter::incr_by_float(call),
        other => run_on_lists_and_hashes(other, call),
    }
}

/// Commands on lists and on hashes.
fn run_on_lists_and_hashes(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Lindex => list::index(call),
        CommandId::Linsert => list::insert(call),
        CommandId::Llen => list::len(call),
        CommandId::Lmove => list::r#move(call),
        CommandId::Lmpop => list::multi_pop(call),
        CommandId::Lpop => list::pop(call, End::Head),
        CommandId::Lpos => list::positions(call),
        CommandId::Lpush => list::push(call, End::Head),
        CommandId::Lpushx => list::push_if_there(call, End::Head),
        CommandId::Lrange => list::range(call),
        CommandId::Lrem => list::remove(call),
        CommandId::Lset => list::set(call),
        CommandId::Ltrim => list::trim(call),
        CommandId::Rpop => list::pop(call, End::Tail),
        CommandId::Rpoplpush => list::pop_push(call),
        CommandId::Rpush => list::push(call, End::Tail),
        CommandId::Rpushx => list::push_if_there(call, End::Tail),
        CommandId::Blmove => blocking::r#move(call),
        CommandId::Blmpop => blocking::multi_pop(call),
        CommandId::Blpop => blocking::pop(call, End::Head),
        CommandId::Brpop => blocking::pop(call, End::Tail),
        CommandId::Brpoplpush => blocking::pop_push(call),
        CommandId::Hdel => hash::delete(call),
        CommandId::Hexpire => hash::expire(call),
        CommandId::Hexpireat => hash::expire_at(call),
        CommandId::Hexpiretime => hash::expire_time(call),
        CommandId::Hexists => hash::exists(call),
        CommandId::Hget => hash::get(call),
        CommandId::Hgetall => hash::get_all(call),
        CommandId::Hgetdel => hash::get_del(call),
        CommandId::Hgetex => hash::get_ex(call),
        CommandId::Hincrby => hash::increase(call),
        CommandId::Hincrbyfloat => hash::increase_float(call),
        CommandId::Hkeys => hash::fields(call),
        CommandId::Hlen => hash::len(call),
        CommandId::Hmget => hash::get_many(call),
        CommandId::Hmset => hash::set_ok(call),
        CommandId::Hpersist => hash::persist(call),
        CommandId::Hpexpire => hash::pexpire(call),
        CommandId::Hpexpireat => hash::pexpire_at(call),
        CommandId::Hpexpiretime => hash::pexpire_time(call),
        CommandId::Hpttl => hash::pttl(call),
        CommandId::Hrandfield => hash::random_fields(call),
        CommandId::Hscan => hash::scan(call),
        CommandId::Hset => hash::set(call),
        CommandId::Hsetex => hash::set_ex(call),
        CommandId::Hsetnx => hash::set_new(call),
        CommandId::Hstrlen => hash::string_len(call),
        CommandId::Httl => hash::ttl(call),
        CommandId::Hvals => hash::values(call),
        other => run_on_sets(other, call),
    }
}

/// Commands on sets.
fn run_on_sets(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Sadd => sets::add(call),
        CommandId::Scard => sets::len(call),
        CommandId::Sdiff => sets::difference(call),
        CommandId::Sdiffstore => sets::store_difference(call),
        CommandId::Sinter => sets::intersection(call),
        CommandId::Sintercard => sets::intersection_len(call),
        CommandId::Sinterstore => sets::store_intersection(call),
        CommandId::Sismember => sets::contains(call),
        CommandId::Smembers => sets::all(call),
        CommandId::Smismember => sets::contains_each(call),
        CommandId::Smove => sets::r#move(call),
        CommandId::Spop => sets::pop(call),
        CommandId::Srandmember => sets::random_members(call),
        CommandId::Srem => sets::remove(call),
        CommandId::Sscan => sets::scan(call),
        CommandId::Sunion => sets::union(call),
        CommandId::Sunionstore => sets::store_union(call),
        other => run_on_bits(other, call),
    }
}

/// Commands on strings that are bitmaps or HyperLogLogs.
fn run_on_bits(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Bitcount => bitmap::count(call),
        CommandId::Bitfield => bitmap::field(call),
        CommandId::BitfieldRo => bitmap::field_read_only(call),
        CommandId::Bitop => bitmap::operation(call),
        CommandId::Bitpos => bitmap::position(call),
        CommandId::Getbit => bitmap::get_bit(call),
        CommandId::Setbit => bitmap::set_bit(call),
        CommandId::Pfadd => hyperloglog::add(call),
        CommandId::Pfcount => hyperloglog::count(call),
        CommandId::Pfdebug => hyperloglog::debug(call),
        CommandId::Pfmerge => hyperloglog::merge(call),
        CommandId::Pfselftest => hyperloglog::self_test(call),
        other => run_on_streams(other, call),
    }
}

/// Commands on streams.
fn run_on_streams(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Xack => stream::acknowledge(call),
        CommandId::Xadd => stream::add(call),
        CommandId::Xautoclaim => stream::auto_claim(call),
        CommandId::Xclaim => stream::claim(call),
        CommandId::Xdel => stream::delete(call),
        CommandId::XgroupCreate => stream::create(call),
        CommandId::XgroupCreateconsumer => stream::create_consumer(call),
        CommandId::XgroupDelconsumer => stream::delete_consumer(call),
        CommandId::XgroupDestroy => stream::destroy(call),
        CommandId::XgroupSetid => stream::set_group_id(call),
        CommandId::XinfoConsumers => stream::consumers(call),
        CommandId::XinfoGroups => stream::groups(call),
        CommandId::XinfoStream => stream::stream(call),
        CommandId::Xlen => stream::len(call),
        CommandId::Xpending => stream::pending(call),
        CommandId::Xrange => stream::range(call),
        CommandId::Xread => stream::read(call),
        CommandId::Xreadgroup => stream::read_group(call),
        CommandId::Xrevrange => stream::range_back(call),
        CommandId::Xsetid => stream::set_id(call),
        CommandId::Xtrim => stream::trim(call),
        other => run_on_sorted_sets(other, call),
    }
}

/// Commands on sorted sets.
fn run_on_sorted_sets(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    use zset::{By, Operation, Order, Side};
    match id {
        CommandId::Bzmpop => zset::multi_pop_or_wait(call),
        CommandId::Bzpopmax => zset::pop_or_wait(call, Side::Max),
        CommandId::Bzpopmin => zset::pop_or_wait(call, Side::Min),
        CommandId::Zadd => zset::add(call),
        CommandId::Zcard => zset::len(call),
        CommandId::Zcount => zset::count(call),
        CommandId::Zdiff => zset::combine(call, Operation::Difference),
        CommandId::Zdiffstore => zset::combine_and_store(call, Operation::Difference),
        CommandId::Zincrby => zset::increase(call),
        CommandId::Zinter => zset::combine(call, Operation::Intersection),
        CommandId::Zintercard => zset::count_common(call),
        CommandId::Zinterstore => zset::combine_and_store(call, Operation::Intersection),
        CommandId::Zlexcount => zset::count_names(call),
        CommandId::Zmpop => zset::multi_pop(call),
        CommandId::Zmscore => zset::scores(call),
        CommandId::Zpopmax => zset::pop(call, Side::Max),
        CommandId::Zpopmin => zset::pop(call, Side::Min),
        CommandId::Zrandmember => zset::random_members(call),
        CommandId::Zrange => zset::range(call),
        CommandId::Zrangebylex => zset::range_by(call, By::Name, Order::Up),
        CommandId::Zrangebyscore => zset::range_by(call, By::Score, Order::Up),
        CommandId::Zrangestore => zset::store_range(call),
        CommandId::Zrank => zset::rank(call, false),
        CommandId::Zrem => zset::remove(call),
        CommandId::Zremrangebylex => zset::remove_range(call, By::Name),
        CommandId::Zremrangebyrank => zset::remove_range(call, By::Rank),
        CommandId::Zremrangebyscore => zset::remove_range(call, By::Score),
        CommandId::Zrevrange => zset::range_by(call, By::Rank, Order::Down),
        CommandId::Zrevrangebylex => zset::range_by(call, By::Name, Order::Down),
        CommandId::Zrevrangebyscore => zset::range_by(call, By::Score, Order::Down),
        CommandId::Zrevrank => zset::rank(call, true),
        CommandId::Zscan => zset::scan(call),
        CommandId::Zscore => zset::score(call),
        CommandId::Zunion => zset::combine(call, Operation::Union),
        CommandId::Zunionstore => zset::combine_and_store(call, Operation::Union),
        other => run_on_places(other, call),
    }
}

/// Commands on places.
fn run_on_places(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Geoadd => geo::add(call),
        CommandId::Geodist => geo::distance(call),
        CommandId::Geohash => geo::hashes(call),
        CommandId::Geopos => geo::positions(call),
        CommandId::Georadius | CommandId::GeoradiusRo => geo::around_position(call),
        CommandId::Georadiusbymember | CommandId::GeoradiusbymemberRo => geo::around_member(call),
        CommandId::Geosearch => geo::search(call, false),
        CommandId::Geosearchstore => geo::search(call, true),
        other => run_on_keys(other, call),
    }
}

/// Commands on keys of any type, and on whole databases.
fn run_on_keys(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Del | CommandId::Unlink => generic::del(call),
        CommandId::Dump => dump::dump(call),
        CommandId::Exists => generic::exists(call),
        CommandId::Restore => dump::restore(call),
        CommandId::Touch => generic::touch(call),
        CommandId::Type => generic::type_of(call),
        CommandId::Sort | CommandId::SortRo => sort::sort(call),
        CommandId::Rename => generic::rename(call),
        CommandId::Renamenx => generic::rename_nx(call),
        CommandId::Move => generic::move_key(call),
        CommandId::Copy => generic::copy(call),
        CommandId::Expire => expire::expire(call),
        CommandId::Pexpire => expire::pexpire(call),
        CommandId::Expireat => expire::expire_at(call),
        CommandId::Pexpireat => expire::pexpire_at(call),
        CommandId::Persist => expire::persist(call),
        CommandId::Ttl => expire::ttl(call),
        CommandId::Pttl => expire::pttl(call),
        CommandId::Expiretime => expire::expire_time(call),
        CommandId::Pexpiretime => expire::pexpire_time(call),
        CommandId::Keys => scan::keys(call),
        CommandId::Scan => scan::scan(call),
        CommandId::Randomkey => scan::random_key(call),
        CommandId::Dbsize => keyspace::db_size(call),
        CommandId::Flushall => keyspace::flush_all(call),
        CommandId::Flushdb => keyspace::flush_db(call),
        CommandId::Swapdb => keyspace::swap_db(call),
        CommandId::ObjectEncoding => object::encoding(call),
        CommandId::ObjectFreq => object::freq(call),
        CommandId::ObjectIdletime => object::idle_time(call),
        CommandId::ObjectRefcount => object::ref_count(call),
        CommandId::MemoryUsage => object::memory_usage(call),
        other => run_about_server(other, call),
    }
}

/// Commands about connections and the server, which touch no key.
fn run_about_server(id: CommandId, call: &mut Call<'_, '_>) -> Done {
    match id {
        CommandId::Eval | CommandId::EvalRo => scripting::eval(call),
        CommandId::Evalsha | CommandId::EvalshaRo => scripting::eval_sha(call),
        CommandId::Fcall | CommandId::FcallRo => scripting::call_function(call),
        CommandId::FunctionDelete => scripting::function::delete(call),
        CommandId::FunctionDump => scripting::function::dump(call),
        CommandId::FunctionFlush => scripting::function::flush(call),
        CommandId::FunctionKill => scripting::function::kill(call),
        CommandId::FunctionList => scripting::function::list(call),
        CommandId::FunctionLoad => scripting::function::load(call),
        CommandId::FunctionRestore => scripting::function::restore(call),
        CommandId::FunctionStats => scripting::function::stats(call),
        CommandId::ScriptDebug => scripting::script::debug(call),
        CommandId::ScriptExists => scripting::script::exists(call),
        CommandId::ScriptFlush => scripting::script::flush(call),
        CommandId::ScriptKill => scripting::script::kill(call),
        CommandId::ScriptLoad => scripting::script::load(call),
        CommandId::ScriptShow => scripting::script::show(call),
        CommandId::Ping => connection::ping(call),
        CommandId::Echo => connection::echo(call),
        CommandId::Quit => connection::quit(call),
        CommandId::Reset => connection::reset(call),
        CommandId::Select => connection::select(call),
        CommandId::Auth => acl::auth(call),
        CommandId::Hello => connection::hello(call),
        CommandId::AclCat
        | CommandId::AclDryrun
        | CommandId::AclGetuser
        | CommandId::AclList
        | CommandId::AclLog
        | CommandId::AclUsers => acl::answer(call),
        CommandId::AclDeluser => acl::del_user(call),
        CommandId::AclGenpass => acl::gen_pass(call),
        CommandId::AclLoad => acl::load(call),
        CommandId::AclSave => acl::save(call),
        CommandId::AclSetuser => acl::set_user(call),
        CommandId::AclWhoami => acl::who_am_i(call),
        CommandId::Multi => transaction::multi(call),
        CommandId::Discard => transaction::discard(call),
        CommandId::Watch => transaction::watch(call),
        CommandId::Unwatch => transaction::unwatch(call),
        CommandId::RingtailBigkeys
        | CommandId::RingtailExplain
        | CommandId::RingtailHotkeys
        | CommandId::RingtailMembers
        | CommandId::RingtailRoute
        | CommandId::RingtailTopology => Err(ringtail::OF_A_PROXY),
        CommandId::RingtailLock => ringtail::lock(call),
        CommandId::RingtailRelease => ringtail::release(call),
        CommandId::RingtailAck => ringtail::ack(call),
        CommandId::RingtailPeer => ringtail::peer(call),
        CommandId::RingtailPrimary => ringtail::primary(call),
        CommandId::RingtailSnapshot => ringtail::snapshot(call),
        CommandId::RingtailSync => ringtail::sync(call),
        CommandId::RingtailTrylock => ringtail::try_lock(call),
        CommandId::RingtailUnlock => ringtail::unlock(call),
        CommandId::RingtailVote => ringtail::vote(call),
        CommandId::ClientUnblock => client::unblock(call),
        CommandId::ClientId => client::id(call),
        CommandId::ClientGetname => client::get_name(call),
        CommandId::ClientSetname => client::set_name_command(call),
        CommandId::ClientSetinfo => client::set_info(call),
        CommandId::ClientInfo => client::info(call),
        CommandId::ClientList => client::list(call),
        CommandId::ClientKill => client::kill(call),
        CommandId::ClientPause => pause::pause(call),
        CommandId::ClientReply => client::reply(call),
        CommandId::ClientUnpause => pause::unpause(call),
        CommandId::ClientNoEvict => client::no_evict(call),
        CommandId::ClientNoTouch => client::no_touch(call),
        CommandId::Subscribe => pubsub::subscribe(call, Channels::Channel),
        CommandId::Psubscribe => pubsub::subscribe(call, Channels::Pattern),
        CommandId::Ssubscribe => pubsub::subscribe(call, Channels::Shard),
        CommandId::Unsubscribe => pubsub::unsubscribe(call, Channels::Channel),
        CommandId::Punsubscribe => pubsub::unsubscribe(call, Channels::Pattern),
        CommandId::Sunsubscribe => pubsub::unsubscribe(call, Channels::Shard),
        CommandId::Publish => pubsub::publish(call, Channels::Channel),
        CommandId::Spublish => pubsub::publish(call, Channels::Shard),
        CommandId::PubsubChannels => pubsub::channels(call, Channels::Channel),
        CommandId::PubsubShardchannels => pubsub::channels(call, Channels::Shard),
        CommandId::PubsubNumsub => pubsub::count_subscribers(call, Channels::Channel),
        CommandId::PubsubShardnumsub => pubsub::count_subscribers(call, Channels::Shard),
        CommandId::PubsubNumpat => pubsub::count_patterns(call),
        CommandId::ClientTracking => tracking::tracking(call),
        CommandId::ClientCaching => tracking::caching(call),
        CommandId::ClientGetredir => tracking::get_redirection(call),
        CommandId::ClientTrackinginfo => tracking::info(call),
        CommandId::ConfigGet => config::get(call),
        CommandId::ConfigRewrite => config::rewrite(call),
        CommandId::ConfigSet => config::set(call),
        CommandId::ConfigResetstat => config::reset_stat(call),
        CommandId::Info => info::info(call),
        CommandId::Debug => debug::debug(call),
        CommandId::Monitor => monitor::monitor(call),
        CommandId::Wait => waiting::wait(call),
        CommandId::Waitaof => waiting::wait_aof(call),
        CommandId::LatencyDoctor
        | CommandId::LatencyGraph
        | CommandId::LatencyHistogram
        | CommandId::LatencyHistory
        | CommandId::LatencyLatest
        | CommandId::LatencyReset
        | CommandId::SlowlogGet
        | CommandId::SlowlogLen
        | CommandId::SlowlogReset => server::observed(call),
        CommandId::MemoryDoctor => memory::doctor(call),
        CommandId::MemoryMallocStats => memory::malloc_stats(call),
        CommandId::MemoryPurge => memory::purge(call),
        CommandId::MemoryStats => memory::stats(call),
        CommandId::Time => server::time(call),
        CommandId::Readonly | CommandId::Readwrite => Err(errors::NO_CLUSTER),
        CommandId::Role => replication::role(call),
        CommandId::Failover => replication::failover(call),
        CommandId::Replicaof => replication::replica_of(call),
        CommandId::Backup | CommandId::Save => backup::backup(call),
        CommandId::Bgsave => backup::background(call),
        CommandId::Bgrewriteaof => backup::rewrite(call),
        CommandId::Lastsave => backup::last(call),
        CommandId::Lolwut => server::lolwut(call),
        CommandId::Shutdown => server::shutdown(call),
        // A container that is named alone.
        CommandId::Acl
        | CommandId::Client
        | CommandId::Config
        | CommandId::Latency
        | CommandId::Memory
        | CommandId::Object
        | CommandId::Pubsub
        | CommandId::Ringtail
        | CommandId::Slowlog
        | CommandId::Xgroup
        | CommandId::Function
        | CommandId::Script
        | CommandId::Xinfo => Err(errors::wrong_arity(call.command.full_name)),
        _ => server::introspect(call),
    }
}
