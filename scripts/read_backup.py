#!/usr/bin/env python3
"""Prints what a Ringtail backup has: one JSON line for each key that is there, as docs/backup-format.md says.

Usage: scripts/read_backup.py FILE

Bytes that are no UTF-8 are written as "\\udcXX" (Python's surrogateescape). Nothing but the standard library is needed.
"""

import json
import struct
import sys
import zlib

MAGIC = b"RINGTAIL"
VERSION = 1
HEADER = struct.Struct("<4sBBHIIIIII")
MARKER = b"\xb1OCK"
SCHEMA, META, RECORDS, FOOTER = 1, 2, 3, 4
COMPRESSED = 1
UINT, INT, BYTES, DOUBLE, ROWS = 1, 2, 3, 4, 5
CONTINUES, MORE = 1, 2


class Damaged(Exception):
    """The file is not what was written."""


def lz4_block(data, length):
    """Decompresses a block of LZ4 (no frame) into so many bytes."""
    out, at = bytearray(), 0
    while at < len(data):
        token = data[at]
        at += 1
        literals, at = lz4_length(data, at, token >> 4)
        out += data[at : at + literals]
        at += literals
        if at >= len(data):
            break
        distance = data[at] | data[at + 1] << 8
        match, at = lz4_length(data, at + 2, token & 15)
        match += 4
        if not 0 < distance <= len(out):
            raise Damaged("an LZ4 block refers to what is not there")
        start = len(out) - distance
        while match > 0:
            # What is copied may reach into the copy itself.
            piece = out[start : start + min(match, len(out) - start)]
            out += piece
            match -= len(piece)
        if len(out) > length:
            break
    if len(out) != length:
        raise Damaged("an LZ4 block has another length than its header says")
    return bytes(out)


def lz4_length(data, at, length):
    """A length whose first four bits are these: 15 says that bytes are to be added, up to one below 255."""
    if length == 15:
        while True:
            length += data[at]
            at += 1
            if data[at - 1] != 255:
                break
    return length, at


class Input:
    """Bytes that are taken from the front."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def __bool__(self):
        return self.at < len(self.data)

    def take(self, count):
        if self.at + count > len(self.data):
            raise Damaged("a record ends too early")
        self.at += count
        return self.data[self.at - count : self.at]

    def byte(self):
        return self.take(1)[0]

    def u32(self):
        return int.from_bytes(self.take(4), "little")

    def uint(self):
        number = shift = 0
        while True:
            byte = self.byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number

    def sint(self):
        number = self.uint()
        return number >> 1 ^ -(number & 1)

    def bytes(self):
        return self.take(self.uint())

    def columns(self):
        """The columns of a type, or of its rows: names, kinds, and the columns of rows."""
        columns = []
        for _ in range(self.uint()):
            name, kind = self.bytes().decode(), self.byte()
            columns.append((name, kind, self.columns() if kind == ROWS else None))
        return columns

    def row(self, columns):
        """The values of columns by their names."""
        return {name: self.value(kind, nested) for name, kind, nested in columns}

    def value(self, kind, nested):
        if kind == UINT:
            return self.uint()
        if kind == INT:
            return self.sint()
        if kind == DOUBLE:
            return struct.unpack("<d", self.take(8))[0]
        if kind == ROWS:
            rows = Input(self.take(self.u32()))
            return [rows.row(nested) for _ in range(rows.u32())]
        # Kinds of later versions are bytes behind their length, too.
        return self.bytes()


def blocks(file):
    """The kind and the bytes of each block, up to the footer."""
    preamble = file.read(16)
    if preamble[:8] != MAGIC:
        raise Damaged("it is no backup: it does not begin with RINGTAIL")
    version = int.from_bytes(preamble[8:10], "little")
    if version > VERSION:
        raise Damaged(f"it is of version {version}, and {VERSION} is the newest known here")
    expected, kind = 0, None
    while kind != FOOTER:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            raise Damaged("it ends before its footer: it was cut off")
        marker, kind, flags, _slot, stored, raw, _records, number, crc, own_crc = HEADER.unpack(head)
        if marker != MARKER or zlib.crc32(head[:-4]) != own_crc or number != expected:
            raise Damaged(f"block {expected} has no good header")
        body = file.read(stored)
        if zlib.crc32(body) != crc:
            raise Damaged(f"block {number} is damaged")
        yield kind, lz4_block(body, raw) if flags & COMPRESSED else body
        expected += 1


def records(file):
    """The name of the type and the values of each record."""
    types = {}
    for kind, body in blocks(file):
        data = Input(body)
        if kind == SCHEMA:
            for _ in range(data.uint()):
                number = data.byte()
                types[number] = (data.bytes().decode(), data.columns())
        elif kind in (META, RECORDS, FOOTER):
            while data:
                name, columns = types.get(data.byte(), (None, None))
                record = Input(data.take(data.u32()))
                if name is not None:
                    yield name, record.row(columns)


def keys(file):
    """The last record of each key, those of a value of several records joined; a key that is gone is left out."""
    live = {}
    for name, record in records(file):
        if "key" not in record:
            continue
        key = (record["db"], record["key"])
        if name == "gone":
            live.pop(key, None)
            continue
        if record.get("part", 0) & CONTINUES and key in live:
            before = live[key][1]
            for column in ("elements", "members", "fields", "entries"):
                if column in record:
                    record[column] = before[column] + record[column]
        live[key] = (name, record)
    return live


def text(data):
    return data.decode("utf-8", "surrogateescape")


def pairs(parts):
    parts = [text(part["bytes"]) for part in parts]
    return [[field, value] for field, value in zip(parts[::2], parts[1::2])]


def stream_id(row, prefix=""):
    return f"{row[prefix + 'ms']}-{row[prefix + 'seq']}"


def shown_stream(record):
    groups = []
    for group in record["groups"]:
        consumers = []
        for consumer in group["consumers"]:
            pending = [[stream_id(row), row["time"], row["count"]] for row in consumer["pending"]]
            name = text(consumer["name"])
            seen, active = consumer["seen"], consumer["active"]
            consumers.append({"name": name, "seen": seen, "active": active, "pending": pending})
        name, last = text(group["name"]), stream_id(group, "last_")
        groups.append({"name": name, "last": last, "read": group["read"], "consumers": consumers})
    return {
        "entries": [[stream_id(row), pairs(row["parts"])] for row in record["entries"]],
        "last": stream_id(record, "last_"),
        "max_deleted": stream_id(record, "deleted_"),
        "added": record["added"],
        "groups": groups,
    }


def shown(name, record):
    """A value as JSON has it."""
    if name == "string":
        return text(record["value"])
    if name == "list":
        return [text(row["bytes"]) for row in record["elements"]]
    if name == "set":
        return sorted(text(row["bytes"]) for row in record["members"])
    if name == "zset":
        # JSON has no infinities.
        return {text(row["member"]): repr(row["score"]) for row in record["members"]}
    if name == "hash":
        return {text(row["field"]): [text(row["value"]), row["expires"] or None] for row in record["fields"]}
    return shown_stream(record)


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    try:
        with open(sys.argv[1], "rb") as file:
            live = keys(file)
    except (Damaged, OSError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
    for (db, key), (name, record) in live.items():
        line = {"db": db, "key": text(key), "type": name, "expires": record["expires"] or None}
        print(json.dumps({**line, "value": shown(name, record)}))


if __name__ == "__main__":
    main()
