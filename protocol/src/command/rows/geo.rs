//! Commands on places: members of sorted sets whose scores are geohashes of 52 bits.

macro_rules! geo_rows {
    ($next:ident $($after:ident)*; $($rows:tt)*) => { $next! { $($after)*; $($rows)* Geo {

Geoadd = row("geoadd", -5, flags!(WRITE DENYOOM))
    .about("3.2.0", "O(log(N)) for each place, N places in all",
        "Adds places by longitude and latitude, or moves them, making the sorted set if there is none.")
    .history(&[("6.2.0", "`CH`, `NX` and `XX`.")])
    .keys(key!(RW UPDATE))
    .args(&[
        KEY, one_of("condition", &[word("nx", "NX"), word("xx", "XX")]).since("6.2.0").opt(),
        word("change", "CH").since("6.2.0").opt(),
        block("data", &[double("longitude"), double("latitude"), string("member")]).many(),
    ]);

Geodist = row("geodist", -4, flags!(READONLY))
    .about("3.2.0", "O(1)", "Returns the distance between two places.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member1"), string("member2"), one_of("unit", UNITS).opt()]);

Geohash = row("geohash", -2, flags!(READONLY))
    .about("3.2.0", "O(1) for each place", "Returns the geohashes of places, as text of 11 characters.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member").many().opt()]);

Geopos = row("geopos", -2, flags!(READONLY))
    .about("3.2.0", "O(1) for each place", "Returns the longitudes and latitudes of places.")
    .keys(key!(RO ACCESS))
    .args(&[KEY, string("member").many().opt()]);

Georadius = row("georadius", -6, flags!(WRITE DENYOOM))
    .about("3.2.0", "O(N+log(M)), N places in the box around the circle, M places in all",
        "Finds the places within a distance of a position; returns or stores them.")
    .history(&[("6.2.0", "`ANY` for `COUNT`.")])
    .replaced_by("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")
    .keys(&[
        KeySpec::one(1, key_flags!(RO ACCESS)), KeySpec::behind("STORE", 6, key_flags!(OW UPDATE)),
        KeySpec::behind("STOREDIST", 6, key_flags!(OW UPDATE)),
    ])
    .args(&[
        KEY, double("longitude"), double("latitude"), double("radius"), one_of("unit", UNITS), WITH_COORD,
        WITH_DIST, WITH_HASH, COUNT_ANY, SORT_ORDER,
        one_of("store", &[key("storekey").spec(1).after("STORE"), key("storedistkey").spec(2).after("STOREDIST")]).opt(),
    ]);

Georadiusbymember = row("georadiusbymember", -5, flags!(WRITE DENYOOM))
    .about("3.2.0", "O(N+log(M)), N places in the box around the circle, M places in all",
        "Finds the places within a distance of one of them; returns or stores them.")
    .history(&[("6.2.0", "`ANY` for `COUNT`.")])
    .replaced_by("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments")
    .keys(&[
        KeySpec::one(1, key_flags!(RO ACCESS)), KeySpec::behind("STORE", 5, key_flags!(OW UPDATE)),
        KeySpec::behind("STOREDIST", 5, key_flags!(OW UPDATE)),
    ])
    .args(&[
        KEY, string("member"), double("radius"), one_of("unit", UNITS), WITH_COORD, WITH_DIST, WITH_HASH,
        COUNT_ANY, SORT_ORDER,
        one_of("store", &[key("storekey").spec(1).after("STORE"), key("storedistkey").spec(2).after("STOREDIST")]).opt(),
    ]);

GeoradiusbymemberRo = row("georadiusbymember_ro", -5, flags!(READONLY))
    .about("3.2.10", "O(N+log(M)), N places in the box around the circle, M places in all",
        "Finds the places within a distance of one of them.")
    .replaced_by("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, string("member"), double("radius"), one_of("unit", UNITS), WITH_COORD, WITH_DIST, WITH_HASH,
        COUNT_ANY, SORT_ORDER,
    ]);

GeoradiusRo = row("georadius_ro", -6, flags!(READONLY))
    .about("3.2.10", "O(N+log(M)), N places in the box around the circle, M places in all",
        "Finds the places within a distance of a position.")
    .history(&[("6.2.0", "`ANY` for `COUNT`.")])
    .replaced_by("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")
    .keys(key!(RO ACCESS))
    .args(&[
        KEY, double("longitude"), double("latitude"), double("radius"), one_of("unit", UNITS), WITH_COORD,
        WITH_DIST, WITH_HASH, COUNT_ANY, SORT_ORDER,
    ]);

Geosearch = row("geosearch", -7, flags!(READONLY))
    .about("6.2.0", "O(N+log(M)), N places in the box around the area, M places in all",
        "Finds the places in a circle or a box.")
    .history(&[("7.0.0", "Uppercase unit names.")])
    .keys(key!(RO ACCESS))
    .args(&[KEY, FROM, BY, SORT_ORDER, COUNT_ANY, WITH_COORD, WITH_DIST, WITH_HASH]);

Geosearchstore = row("geosearchstore", -8, flags!(WRITE DENYOOM))
    .about("6.2.0", "O(N+log(M)), N places in the box around the area, M places in all",
        "Finds the places in a circle or a box, and stores them.")
    .history(&[("7.0.0", "Uppercase unit names.")])
    .keys(&[KeySpec::one(1, key_flags!(OW UPDATE)), KeySpec::one(2, key_flags!(RO ACCESS))])
    .args(&[
        key("destination"), key("source").spec(1), FROM, BY, SORT_ORDER, COUNT_ANY,
        word("storedist", "STOREDIST").opt(),
    ]);

    } } };
}
