//! The geo group.

use super::string::check as check_in;
use crate::command::testing::Harness;

fn sicily() -> Harness {
    let mut t = Harness::new();
    let line = "GEOADD s 13.361389 38.115556 Palermo 15.087269 37.502669 Catania";
    assert_eq!(t.run(line), "2");
    t
}

#[test]
fn places_are_kept_and_told() {
    check_in(
        &mut sicily(),
        &[
            ("GEODIST s Palermo Catania", "'166274.1516'"),
            ("GEODIST s Palermo Catania km", "'166.2742'"),
            ("GEODIST s Palermo none", "nil"),
            ("GEODIST s Palermo Catania yd", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
            ("GEODIST s Palermo Catania m x", "-ERR syntax error"),
            ("GEOHASH s Palermo none", "['sqc8b49rny0', nil]"),
            ("GEOPOS s Palermo none", "[['13.36138933897018433', '38.11555639549629859'], nil]"),
            ("ZSCORE s Palermo", "'3479099956230698'"),
            ("GEOADD s 200 100 x", "-ERR invalid longitude,latitude pair 200.000000,100.000000"),
            ("GEOADD s 1 2", "-ERR wrong number of arguments for 'geoadd' command"),
            ("GEOADD s NX XX 1 2 x", "-ERR syntax error"),
            ("GEOADD s 1 x y", "-ERR value is not a valid float"),
            ("GEOADD s CH 13 38 Palermo", "1"),
            ("GEOADD s NX CH 1 1 Palermo 1 1 new", "1"),
            ("GEOADD s XX 1 1 newer", "0"),
            ("GEOPOS none a", "[nil]"),
        ],
    );
}

#[test]
fn searches() {
    check_in(
        &mut sicily(),
        &[
            ("GEORADIUS s 15 37 200 km ASC", "['Catania', 'Palermo']"),
            ("GEORADIUS s 15 37 200 km WITHDIST COUNT 1", "[['Catania', '56.4413']]"),
            ("GEORADIUS s 15 37 100 km WITHHASH", "[['Catania', 3479447370796909]]"),
            ("GEORADIUSBYMEMBER s Palermo 10 km", "['Palermo']"),
            ("GEORADIUSBYMEMBER s none 10 km", "-ERR could not decode requested zset member"),
            ("GEORADIUS s 15 37 200 km COUNT 0", "-ERR COUNT must be > 0"),
            ("GEORADIUS s 15 37 -1 km", "-ERR radius cannot be negative"),
            ("GEORADIUS s 15 37 x km", "-ERR need numeric radius"),
            ("GEORADIUS s 15 37 200 km ANY", "-ERR the ANY argument requires COUNT argument"),
            ("GEORADIUS s 15 37 200 km STORE d", "2"),
            ("ZSCORE d Palermo", "'3479099956230698'"),
            ("GEORADIUS s 15 37 100 km STOREDIST d", "1"),
            ("ZRANGE d 0 -1", "['Catania']"),
            ("GEORADIUS s 15 37 100 km STORE a STORE b", "-ERR syntax error"),
            (
                "GEORADIUS s 15 37 100 km STORE d WITHDIST",
                "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            ("GEORADIUS_RO s 15 37 100 km STORE d", "-ERR syntax error"),
            ("GEORADIUS none 15 37 100 km STORE d", "0"),
            ("EXISTS d", "0"),
            ("GEOSEARCH s FROMMEMBER Palermo BYBOX 400 400 km DESC", "['Catania', 'Palermo']"),
            ("GEOSEARCH s BYRADIUS 100 km FROMLONLAT 15 37", "['Catania']"),
            (
                "GEOSEARCH s BYRADIUS 1 km WITHDIST ASC",
                "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
            ),
            (
                "geosearch s FROMLONLAT 15 37 ASC WITHDIST",
                "-ERR exactly one of BYRADIUS and BYBOX can be specified for geosearch",
            ),
            ("GEOSEARCH s FROMLONLAT 15 37 BYBOX -1 1 km", "-ERR height or width cannot be negative"),
            ("GEOSEARCH s FROMLONLAT 15 37 FROMMEMBER Palermo BYRADIUS 1 km", "-ERR syntax error"),
            ("GEOSEARCH none FROMMEMBER x BYRADIUS 1 km", "[]"),
            ("GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km STOREDIST", "2"),
            (
                "GEOSEARCHSTORE d s FROMLONLAT 15 37 BYRADIUS 200 km WITHDIST",
                "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
            ("GEOSEARCHSTORE d none FROMMEMBER x BYRADIUS 1 km", "0"),
            ("SET str v", "OK"),
            ("GEOADD str 1 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
            (
                "GEOSEARCH str FROMLONLAT 1 1 BYRADIUS 1 km",
                "-WRONGTYPE Operation against a key holding the wrong kind of value",
            ),
        ],
    );
}

#[test]
fn coordinates_are_doubles_in_resp3() {
    let mut t = sicily();
    t.run("HELLO 3");
    assert_eq!(t.run("GEOPOS s Palermo"), "[[Double(13.361389338970184), Double(38.1155563954963)]]");
    assert_eq!(t.run("GEODIST s Palermo Catania"), "'166274.1516'");
}
