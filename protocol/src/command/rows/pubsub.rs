//! Publish and subscribe.

macro_rules! pubsub_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* PubSub {

Psubscribe = row("psubscribe", -2, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N patterns", "Subscribes to the channels that match glob patterns.")
    .args(&[block("pattern", &[pattern("pattern")]).many()])
    .pool(PoolRule::Own);

Publish = row("publish", 3, flags!(PUBSUB LOADING STALE FAST MAY_REPLICATE))
    .about("2.0.0", "O(N+M), N subscribers of the channel, M patterns", "Sends a message to a channel's subscribers.")
    .args(&[string("channel"), string("message")])
    .pool(PoolRule::Channel);

Pubsub = row("pubsub", -2, flags!())
    .about("2.8.0", "By subcommand", "Commands on channels.");

PubsubChannels = row("pubsub|channels", -2, flags!(PUBSUB LOADING STALE))
    .about("2.8.0", "O(N), N channels", "Lists the channels that have subscribers.")
    .args(&[pattern("pattern").opt()])
    .pool(PoolRule::Own);

PubsubHelp = row("pubsub|help", 2, flags!(LOADING STALE))
    .about("6.2.0", "O(1)", "Lists the subcommands.");

PubsubNumpat = row("pubsub|numpat", 2, flags!(PUBSUB LOADING STALE))
    .about("2.8.0", "O(1)", "Returns how many different patterns are subscribed to.")
    .pool(PoolRule::Own);

PubsubNumsub = row("pubsub|numsub", -2, flags!(PUBSUB LOADING STALE))
    .about("2.8.0", "O(N), N channels asked for", "Returns how many subscribers channels have.")
    .args(&[string("channel").opt().many()])
    .pool(PoolRule::Own);

PubsubShardchannels = row("pubsub|shardchannels", -2, flags!(PUBSUB LOADING STALE))
    .about("7.0.0", "O(N), N shard channels", "Lists the shard channels that have subscribers.")
    .args(&[pattern("pattern").opt()])
    .pool(PoolRule::Own);

PubsubShardnumsub = row("pubsub|shardnumsub", -2, flags!(PUBSUB LOADING STALE))
    .about("7.0.0", "O(N), N shard channels asked for", "Returns how many subscribers shard channels have.")
    .args(&[string("shardchannel").opt().many()])
    .pool(PoolRule::Own);

Punsubscribe = row("punsubscribe", -1, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N patterns", "Ends subscriptions to patterns: those given, or all.")
    .args(&[pattern("pattern").opt().many()])
    .pool(PoolRule::Own);

Spublish = row("spublish", 3, flags!(PUBSUB LOADING STALE FAST MAY_REPLICATE))
    .about("7.0.0", "O(N), N subscribers of the channel", "Sends a message to a shard channel's subscribers.")
    .keys(key!(NOT_KEY))
    .args(&[string("shardchannel"), string("message")])
    .pool(PoolRule::Channel);

Ssubscribe = row("ssubscribe", -2, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("7.0.0", "O(N), N channels", "Subscribes to shard channels.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(NOT_KEY))])
    .args(&[string("shardchannel").many()])
    .pool(PoolRule::Own);

Subscribe = row("subscribe", -2, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N channels", "Subscribes to channels.")
    .args(&[string("channel").many()])
    .pool(PoolRule::Own);

Sunsubscribe = row("sunsubscribe", -1, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("7.0.0", "O(N), N channels", "Ends subscriptions to shard channels: those given, or all.")
    .keys(&[KeySpec::rest(1, 1, key_flags!(NOT_KEY))])
    .args(&[string("shardchannel").opt().many()])
    .pool(PoolRule::Own);

Unsubscribe = row("unsubscribe", -1, flags!(PUBSUB NOSCRIPT LOADING STALE))
    .about("2.0.0", "O(N), N channels", "Ends subscriptions to channels: those given, or all.")
    .args(&[string("channel").opt().many()])
    .pool(PoolRule::Own);

    } } };
}
