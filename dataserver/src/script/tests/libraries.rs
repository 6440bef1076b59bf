//! The libraries, held against what a redis-server answers.

use super::{check, run};

fn error(text: &str) -> String {
    format!("-ERR user_script:1: {text} script: SHA, on @user_script:1.")
}

#[test]
fn json_is_written() {
    check(&[
        (
            "return cjson.encode({1, 2, nil, 4, 1e20, 0.1, -0, 'a/b\\127'})",
            r#"'[1,2,null,4,1e+20,0.1,-0,"a\\/b\\u007f"]'"#,
        ),
        ("return cjson.encode({})", "'{}'"),
        ("return cjson.encode({{}})", "'[{}]'"),
        ("return cjson.encode({[1] = 1, [2] = 2, a = 3}):len()", "19"),
        (
            "return cjson.encode({[1] = 1, [20] = 2})",
            &error("Cannot serialise table: excessively sparse array"),
        ),
        ("cjson.encode_sparse_array(true) return cjson.encode({[20] = 2})", r#"'{"20":2}'"#),
        ("return cjson.encode(function() end)", &error("Cannot serialise function: type not supported")),
        (
            "return cjson.encode({[true] = 1})",
            &error("Cannot serialise boolean: table key must be a number or string"),
        ),
        ("return cjson.encode()", &error("bad argument #1 to 'encode' (expected 1 argument)")),
        ("return cjson.encode(1/0)", &error("Cannot serialise number: must not be NaN or Inf")),
        ("cjson.encode_invalid_numbers('null') return cjson.encode({1/0})", "'[null]'"),
        ("return cjson.encode({cjson.null, true})", "'[null,true]'"),
        ("cjson.encode_number_precision(3) return cjson.encode(1/3)", "'0.333'"),
        (
            "return cjson.encode_number_precision(17)",
            &error("bad argument #1 to 'encode_number_precision' (expected integer between 1 and 14)"),
        ),
        (
            "local j = cjson.new() j.encode_max_depth(1) return {cjson.encode_max_depth(), j.encode_max_depth()}",
            "[1000, 1]",
        ),
    ]);
}

#[test]
fn json_is_read() {
    check(&[
        (r#"return cjson.decode('{"a":[1,2,null]}').a[3] == cjson.null and 1 or 0"#, "1"),
        ("return tostring(cjson.null)", "'userdata: (nil)'"),
        ("return cjson.decode('[1,2')", &error("Expected comma or array end but found T_END at character 5")),
        ("return cjson.decode('')", &error("Expected value but found T_END at character 1")),
        (
            "return cjson.decode('{1:2}')",
            &error("Expected object key string but found T_NUMBER at character 2"),
        ),
        ("return cjson.decode('[1] x')", &error("Expected the end but found invalid token at character 5")),
        ("return cjson.decode()", &error("bad argument #1 to 'decode' (expected 1 argument)")),
        ("return cjson.decode({})", &error("bad argument #1 to 'decode' (string expected, got table)")),
        ("return tostring(cjson.decode('1e400'))", "'inf'"),
        ("return tostring(cjson.decode('0x10'))", "'16'"),
        ("return tostring(cjson.decode('nan'))", "'nan'"),
        ("return tostring(cjson.decode('-inf'))", "'-inf'"),
        (r#"return cjson.decode('"\\ud83d\\ude00"') == '\240\159\152\128' and 1 or 0"#, "1"),
        (
            r#"return cjson.decode('"\\ud83d"')"#,
            &error("Expected value but found invalid unicode escape code at character 2"),
        ),
        (
            "cjson.decode_invalid_numbers(false) return cjson.decode('[01]')",
            &error("Expected value but found invalid number at character 2"),
        ),
    ]);
}

#[test]
fn messages_are_packed() {
    check(&[
        ("return cmsgpack.pack()", &error("bad argument #0 to 'pack' (MessagePack pack needs input.)")),
        ("return cmsgpack.unpack()", &error("bad argument #1 to 'unpack' (string expected, got no value)")),
        ("return cmsgpack.unpack('')", "nil"),
        ("return cmsgpack.unpack('\\204')", &error("Missing bytes in input.")),
        ("return cmsgpack.unpack('\\193')", &error("Bad data format in input.")),
        ("return cmsgpack.unpack_one('\\1\\2', 5)", &error("Start offset 5 greater than input length 2.")),
        ("return {cmsgpack.unpack_one('\\1\\2')}", "[1, 1]"),
        ("return {cmsgpack.unpack_one('\\1\\2', 1)}", "[-1, 2]"),
        ("return {cmsgpack.unpack_limit('\\1\\2\\3', 2)}", "[2, 1, 2]"),
        ("return {cmsgpack.unpack_limit('\\1\\2\\3', 2, 1)}", "[-1, 2, 3]"),
        (
            "return {cmsgpack.unpack(cmsgpack.pack(1, 'a', {1, {2}}, true, -1, 300, 70000, 1e10, -200, -40000, -3e9))}",
            "[1, 'a', [1, [2]], 1, -1, 300, 70000, 10000000000, -200, -40000, -3000000000]",
        ),
        ("return cmsgpack.unpack(cmsgpack.pack({a = 1})).a", "1"),
        ("return tostring(cmsgpack.unpack(cmsgpack.pack(0.1)))", "'0.1'"),
        ("return #cmsgpack.pack(string.rep('x', 300)) + #cmsgpack.pack(string.rep('x', 70000))", "70308"),
        ("local a = {} for i = 1, 20 do a = {a} end return #cmsgpack.pack(a)", "17"),
        ("return cmsgpack.pack({1, 2, x = nil})", "'\\x92\\x01\\x02'"),
    ]);
}

#[test]
fn structs_are_packed() {
    check(&[
        ("return struct.pack('z', 1)", &error("bad argument #1 to 'pack' (invalid format option 'z')")),
        ("return #struct.pack('i3', 1)", "3"),
        ("return struct.pack('i64', 1)", &error("integral size 64 is larger than limit of 32")),
        ("return struct.unpack('c0', 'a')", &error("format 'c0' needs a previous size")),
        ("return struct.unpack('i', 'a')", &error("bad argument #2 to 'unpack' (data string too short)")),
        ("return struct.unpack('s', 'a')", &error("unfinished string in data")),
        (
            "return struct.unpack('i', 'aaaa', 0)",
            &error("bad argument #3 to 'unpack' (offset must be 1 or greater)"),
        ),
        (
            "return struct.unpack('i', 'aaaa', -1)",
            &error("bad argument #2 to 'unpack' (data string too short)"),
        ),
        ("return struct.pack('c5', 'aaa')", &error("bad argument #3 to 'pack' (string too short)")),
        ("return struct.size('ic5')", "9"),
        ("return struct.size('s')", &error("bad argument #1 to 'size' (option 's' has no fixed size)")),
        ("return struct.size('c0')", &error("bad argument #1 to 'size' (option 'c0' has no fixed size)")),
        ("return struct.size('!8bd')", "16"),
        ("return struct.size('c99999999999999999999')", &error("integral size overflow")),
        (
            "return {struct.unpack('>I2<I2bBc0s', struct.pack('>I2<I2bBc0s', 258, 258, -1, 3, 'abc', 'xyz'))}",
            "[258, 258, -1, 'abc', 'xyz', 14]",
        ),
        ("return {struct.unpack('>hlfdx', struct.pack('>hlfdx', -2, -3, 1.5, 2.5))}", "[-2, -3, 1, 2, 24]"),
    ]);
}

#[test]
fn bits_are_turned() {
    check(&[
        ("return bit.tobit(1e10)", "1410065408"),
        ("return bit.tohex(255, -4)", "'00FF'"),
        ("return {bit.tohex(-1), bit.tohex(1, 0), bit.tohex(1, 20)}", "['ffffffff', '', '00000001']"),
        ("return bit.band()", &error("bad argument #1 to 'band' (number expected, got no value)")),
        ("return bit.band('a')", &error("bad argument #1 to 'band' (number expected, got string)")),
        (
            "return {bit.rol(1, 33), bit.ror(1, 1), bit.arshift(-8, 1), bit.rshift(-8, 1), bit.lshift(1, 31)}",
            "[2, -2147483648, -4, 2147483644, -2147483648]",
        ),
        (
            "return {bit.band(7, 3, 6), bit.bor(1, 2, 4), bit.bxor(1, 3), bit.bnot(0), bit.bswap(1)}",
            "[2, 7, 2, -1, 16777216]",
        ),
    ]);
}

#[test]
fn random_numbers_are_those_of_redis() {
    check(&[
        (
            "math.randomseed(5) return {tostring(math.random()), tostring(math.random())}",
            "['0.52483957937213', '0.27285430173988']",
        ),
        ("return math.random(0)", &error("bad argument #1 to 'random' (interval is empty)")),
        ("return math.random(1, 2, 3)", &error("wrong number of arguments")),
    ]);
    let n: i64 = run("return math.random(5, 9)").parse().unwrap();
    assert!((5..=9).contains(&n));
}

#[test]
fn patterns_are_those_of_lua() {
    check(&[
        ("return {string.find('hello world', 'o w')}", "[5, 7]"),
        ("return {string.find('hello', 'l+')}", "[3, 4]"),
        ("return {string.find('hello', '(l)(l)')}", "[3, 4, 'l', 'l']"),
        ("return {string.find('a.b', '.', 1, true)}", "[2, 2]"),
        ("return {string.find('abc', 'b', -1)}", "[]"),
        ("return tostring(string.find('abc', 'x'))", "'nil'"),
        ("return {string.find('', '')}", "[1, 0]"),
        ("return {string.match('key = value', '^(%w+)%s*=%s*(%w+)$')}", "['key', 'value']"),
        ("return string.match('2024-01-02', '%d+-(%d+)')", "'01'"),
        ("return {string.match('x', '()x()')}", "[1, 2]"),
        ("return string.match('f(a(b)c)d', '%b()')", "'(a(b)c)'"),
        ("return string.match('THE (quick) fox', '%f[%a]%a+%f[%A]', 5)", "'quick'"),
        ("return string.match('abab', '(ab)%1')", "'ab'"),
        ("return string.match('a]b', '[]]')", "']'"),
        ("return string.match('a-b', '[a%-]+')", "'a-'"),
        ("return string.match('abc', '[^a-b]')", "'c'"),
        ("return string.match('aaa', 'a-$')", "'aaa'"),
        ("return string.match('aaa', 'a?a?a?a?$')", "'aaa'"),
        (
            "local t = {} for k, v in string.gmatch('a=1, b=2', '(%w+)=(%w+)') do t[#t + 1] = k .. v end return t",
            "['a1', 'b2']",
        ),
        ("local n = 0 for _ in string.gmatch('abc', '') do n = n + 1 end return n", "4"),
        ("return {string.gsub('hello world', 'o', '0')}", "['hell0 w0rld', 2]"),
        ("return {string.gsub('hello', '', '-')}", "['-h-e-l-l-o-', 6]"),
        ("return {string.gsub('hello', 'l', {l = 'L'}, 1)}", "['heLlo', 1]"),
        (
            "return {string.gsub('abc', '%w', function(c) if c == 'b' then return false end return c .. c end)}",
            "['aabcc', 3]",
        ),
        ("return {string.gsub('abc def', '(%w+) (%w+)', '%2 %1 %0 %%')}", "['def abc abc def %', 1]"),
        (
            "return {string.gsub('$name', '%$(%w+)', setmetatable({}, {__index = function(_, k) return k:upper() end}))}",
            "['NAME', 1]",
        ),
        ("return {string.gsub('abc', '^a', 'x')}", "['xbc', 1]"),
        (
            "return string.gsub('x', 'x', true)",
            &error("bad argument #3 to 'gsub' (string/function/table expected)"),
        ),
        (
            "return string.gsub('x', 'x', function() return {} end)",
            &error("invalid replacement value (a table)"),
        ),
        ("return string.gsub('x', 'x', function() error('mine') end)", &error("mine")),
        ("return string.find('x', '%')", &error("malformed pattern (ends with '%')")),
        ("return string.find('x', '[a')", &error("malformed pattern (missing ']')")),
        ("return string.find('x', '(x')", &error("unfinished capture")),
        ("return string.find('x', '(x))')", &error("invalid pattern capture")),
        ("return string.find('x', '%1')", &error("invalid capture index")),
        ("return string.rep('x', -1)", "''"),
        ("return #string.gsub(string.rep('a', 100000), 'a', 'bb')", "200000"),
    ]);
}
