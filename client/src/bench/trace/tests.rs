use super::*;

const RULES: Rules = Rules { speed: Speed::Times(1.0), max_gap: Duration::from_secs(60), skip_bad: false };

/// All rows, and how many were left out.
fn rows(text: &[u8], rules: Rules) -> Result<(Vec<Row>, u64), String> {
    let mut trace = Trace::new(text, rules);
    let mut rows = Vec::new();
    while let Some(row) = trace.next()? {
        rows.push(row);
    }
    Ok((rows, trace.skipped))
}

fn good(text: &str) -> Vec<Row> {
    rows(text.as_bytes(), RULES).unwrap().0
}

fn bad(text: &str) -> String {
    rows(text.as_bytes(), RULES).unwrap_err()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn rows_say_what_is_asked_for_and_when() {
    let rows = good("100.5,a,10,set,60\n100.75,\"b,\"\"c\"\"\",,get,\n101,a,,DEL,0\r\n");
    assert_eq!(
        rows[0],
        Row { at: ms(0), key: b"a".into(), size: Some(10), op: Op::Set, ttl_ms: Some(60_000) }
    );
    assert_eq!(rows[1], Row { at: ms(250), key: b"b,\"c\"".into(), size: None, op: Op::Get, ttl_ms: None });
    assert_eq!(rows[2], Row { at: ms(500), key: b"a".into(), size: None, op: Op::Del, ttl_ms: None });
}

#[test]
fn a_header_names_the_columns_in_any_order() {
    let rows = good("op,Key,note,time\nset,a,x,1\nget,b,y,2\n");
    assert_eq!((rows[1].op, &*rows[1].key, rows[1].at, rows[1].size), (Op::Get, &b"b"[..], ms(1000), None));
    assert_eq!(good("1,a\n2,b\n")[1].op, Op::Get);
    assert_eq!(bad("key,op\na,get\n"), "line 1: a header needs the columns time and key");
}

#[test]
fn what_is_wrong_is_told_with_its_line() {
    for (text, why) in [
        ("1,a,1,set,1\n2,\"b,1,set,1\n", "line 2: a quote is not closed"),
        ("1,a,1,set,1\n2,\"b\"c,1,set,1\n", "line 2: something follows a closing quote"),
        ("1,a\"b,1,set,1\n", "line 1: a quote within a field that does not begin with one"),
        ("1,a,1,set,1\n\n2,a,1,set,1\n", "line 2: it is empty"),
        ("1,a,1,set,1\n2,a,1\n", "line 2: 3 fields instead of 5"),
        ("1,a,1,set,1\n,a,1,set,1\n", "line 2: time: it is not there"),
        ("1,,1,set,1\n", "line 1: it has no key"),
        ("1,a,1,fly,1\n", "line 1: 'fly' is no op: get, set, del, incr, exists or expire"),
        ("1,a,1,,1\n", "line 1: '' is no op: get, set, del, incr, exists or expire"),
        ("1e400,a,1,set,1\n", "line 1: time: '1e400' is no number of seconds"),
        ("nan,a,1,set,1\n", "line 1: time: 'nan' is no number of seconds"),
        ("1,a,99999999999999999999,set,1\n", "line 1: size: '99999999999999999999' is not 0 to 536870912"),
        ("1,a,-1,set,1\n", "line 1: size: '-1' is not 0 to 536870912"),
        ("1,a,1,set,1e30\n", "line 1: ttl: '1e30' is no number of seconds"),
        ("1,a,1,expire,\n", "line 1: expire needs a ttl"),
        ("2,a,1,set,1\n1,a,1,set,1\n", "line 2: its time 1 is before that of the row before it, 2"),
        ("1\n", "line 1: 1 fields instead of time,key,size,op,ttl"),
    ] {
        assert_eq!(bad(text), why, "{text}");
    }
    assert_eq!(rows(b"1,\xff,1,set,1\n", RULES).unwrap_err(), "line 1: it is not UTF-8");
    let long = format!("1,{},1,set,1\n", "k".repeat(MAX_ROW as usize));
    assert_eq!(bad(&long), "line 1: it is longer than a megabyte");
}

#[test]
fn a_long_time_without_rows_is_told_or_cut_short() {
    let text = "1,a,1,get,\n3601,a,1,get,\n3602,a,1,get,\n";
    let why = bad(text);
    assert!(why.starts_with("line 2: 3600.0 s without a row before it"), "{why}");
    let (short, skipped) = rows(text.as_bytes(), Rules { skip_bad: true, ..RULES }).unwrap();
    assert_eq!((short[1].at, short[2].at, skipped), (ms(60_000), ms(61_000), 0));
    assert_eq!(
        rows(text.as_bytes(), Rules { max_gap: ms(3_600_000), ..RULES }).unwrap().0[2].at,
        ms(3_601_000)
    );
}

#[test]
fn times_are_scaled_by_the_speed() {
    let at = |speed| rows(b"10,a\n20,a\n", Rules { speed, ..RULES }).unwrap().0[1].at;
    assert_eq!((at(Speed::Times(4.0)), at(Speed::Times(0.5)), at(Speed::Max)), (ms(2500), ms(20_000), ms(0)));
    assert_eq!(["max", "0.5"].map(|text| text.parse::<Speed>().unwrap()), [Speed::Max, Speed::Times(0.5)]);
    assert!(["", "0", "-1", "inf", "fast"].iter().all(|text| text.parse::<Speed>().is_err()));
}

#[test]
fn bad_rows_are_left_out_if_that_is_asked_for() {
    let text = "time,key,size,op,ttl\n1,a,1,set,1\nrubbish\n2,\"b\n0,a,1,get,\n3,c,1,get,\n";
    let (rows, skipped) = rows(text.as_bytes(), Rules { skip_bad: true, ..RULES }).unwrap();
    assert_eq!((rows.len(), skipped), (2, 3));
}

#[test]
fn a_trace_without_rows_is_none() {
    let path = std::env::temp_dir().join(format!("ringtail-empty-trace-{}", std::process::id()));
    for (text, why) in [("", "no rows in it"), ("time,key\n", "no rows in it")] {
        std::fs::write(&path, text).unwrap();
        assert_eq!(check(&path, RULES).unwrap_err(), why);
    }
    std::fs::write(&path, "1,a\n3,b\n").unwrap();
    assert_eq!(check(&path, RULES), Ok(Checked { rows: 2, skipped: 0, length: ms(2000) }));
    std::fs::remove_file(&path).unwrap();
    assert!(check(&std::env::temp_dir(), RULES).is_err());
}

#[test]
fn one_wrong_row_does_not_take_the_rest_along() {
    let skipping = Rules { skip_bad: true, ..RULES };
    let of = |text: &str| {
        let (rows, skipped) = rows(text.as_bytes(), skipping).unwrap();
        (rows.len(), skipped, rows.last().unwrap().at)
    };
    // A time that is far too large: its gap is cut short, and what follows goes on.
    let late = "1,a,1,set,1\n99999,b,1,set,1\n2,c,1,set,1\n3,d,1,set,1\n";
    assert_eq!(of(late), (4, 0, ms(61_000)));
    assert_eq!(of("5,a,1,set,1\n4,b,1,set,1\n6,c,1,set,1\n"), (2, 1, ms(1000)));
    // The first row was cut.
    let cut = "10,get,\n0.1,a,1,set,1\n0.2,b,1,set,1\n";
    assert_eq!(of(cut), (3, 0, ms(100)));
    assert_eq!(of("get,\n10.1,a,1,set,1\n10.2,b,1,set,1\n"), (2, 1, ms(100)));
    // One that is wider without being good teaches nothing.
    assert_eq!(of("1,a\n2,b,x,y,z\n3,c\n"), (2, 1, ms(2000)));
    let long = format!("1,a\n2,{}\n3,c\n", "x".repeat(3 << 20));
    assert_eq!(of(&long), (2, 1, ms(2000)));
}
