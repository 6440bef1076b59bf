//! Strings as CSV, by RFC 4180: `key,value,ttl`, bytes as they are, quotes where they are needed.

use ringtail_backup::Value;

use super::{Entry, milliseconds, seconds};

/// The first line of each file.
pub(super) const HEAD: &[u8] = b"key,value,ttl\n";

/// The record, with its end; `None` if it is no string.
pub(super) fn line(entry: &Entry) -> Option<Vec<u8>> {
    let Value::String(value) = &entry.value else { return None };
    let mut out = Vec::with_capacity(entry.key.len() + value.len() + 16);
    put(&mut out, &entry.key);
    out.push(b',');
    put(&mut out, value);
    out.push(b',');
    out.extend_from_slice(entry.ttl.map(seconds).unwrap_or_default().as_bytes());
    out.push(b'\n');
    Some(out)
}

fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    if !bytes.iter().any(|b| matches!(b, b'"' | b',' | b'\n' | b'\r')) {
        return out.extend_from_slice(bytes);
    }
    out.push(b'"');
    for &byte in bytes {
        out.extend_from_slice(if byte == b'"' { b"\"\"" } else { std::slice::from_ref(&byte) });
    }
    out.push(b'"');
}

/// Whether a quote is open behind these bytes, when one was open before them or not.
pub(super) fn is_open(before: bool, bytes: &[u8]) -> bool {
    before ^ !bytes.iter().filter(|&&byte| byte == b'"').count().is_multiple_of(2)
}

/// The key of a record.
///
/// # Errors
/// What is wrong with it.
pub(super) fn entry(record: &[u8]) -> Result<Entry, String> {
    let fields = fields(record)?;
    let [key, value, ttl] = <[Vec<u8>; 3]>::try_from(fields)
        .map_err(|fields| format!("{} fields where key,value,ttl are three", fields.len()))?;
    Ok(Entry { key, value: Value::String(value), ttl: time(&ttl)? })
}

fn time(text: &[u8]) -> Result<Option<u64>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let number = std::str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok());
    milliseconds(number.unwrap_or(f64::NAN)).map(Some)
}

/// The fields of a record, of which no quote is left open.
fn fields(record: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut rest = record.strip_suffix(b"\n").unwrap_or(record);
    rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    let mut fields = Vec::new();
    loop {
        let (field, behind) = field(rest)?;
        fields.push(field);
        match behind.split_first() {
            Some((b',', behind)) => rest = behind,
            Some(_) => return Err("a closing quote must be followed by a comma or the line's end".into()),
            None => return Ok(fields),
        }
    }
}

/// One field, and what stands behind it.
fn field(bytes: &[u8]) -> Result<(Vec<u8>, &[u8]), String> {
    let Some(mut rest) = bytes.strip_prefix(b"\"") else {
        let end = bytes.iter().position(|&b| b == b',').unwrap_or(bytes.len());
        let (plain, rest) = bytes.split_at(end);
        let quoted = plain.contains(&b'"');
        return if quoted {
            Err("a quote within a field that does not begin with one".into())
        } else {
            Ok((plain.to_vec(), rest))
        };
    };
    let mut field = Vec::new();
    loop {
        let quote = rest.iter().position(|&b| b == b'"').ok_or("a quote is not closed")?;
        field.extend_from_slice(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix(b"\"") {
            Some(behind) => {
                field.push(b'"');
                rest = behind;
            }
            None => return Ok((field, rest)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(key: &[u8], value: &[u8], ttl: Option<u64>) -> Entry {
        Entry { key: key.to_vec(), value: Value::String(value.to_vec()), ttl }
    }

    #[test]
    fn any_bytes_come_back() {
        for sample in [
            sample(b"k", b"v", None),
            sample(b"", b"", Some(1)),
            sample(b"a,b", b"say \"hi\"\r\nand go", Some(59_500)),
            sample(b"\xff\x00", b"\"", None),
            sample(b"k", b"\r", None),
        ] {
            let line = line(&sample).unwrap();
            assert!(!is_open(false, &line));
            assert_eq!(entry(&line).unwrap(), sample, "{:?}", String::from_utf8_lossy(&line));
        }
        assert_eq!(entry(b"k,v,\r\n").unwrap(), sample(b"k", b"v", None));
        assert_eq!(line(&Entry { value: Value::List(vec![b"a".to_vec()]), ..sample(b"k", b"", None) }), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (record, want) in [
            (&b"k,v"[..], "2 fields"),
            (b"k,v,1,2", "4 fields"),
            (b"k,\"v\"x,1", "closing quote"),
            (b"k,v\"v,1", "a quote within"),
            (b"k,\"v,1", "not closed"),
            (b"k,v,soon", "ttl"),
            (b"k,v,-3", "ttl"),
        ] {
            let error = entry(record).unwrap_err();
            assert!(error.contains(want), "{error}");
        }
        assert!(is_open(false, b"k,\"open\n") && is_open(true, b"\n") && !is_open(true, b"\"\n"));
    }
}
