"""A replica of the SQLite extension of the wheel `sqlite-graft`, 0.1 or 0.2.

argv: what to do as JSON, {"extension", "name", "open", "push", "pull"}: the last three are lists of
SQL; with "pushesItself" it is waited for instead. Each line of stdin is a request of replica.ts, each answer a line of stdout that begins with @.
The environment holds the rest (GRAFT_*, AWS_*).
"""

import json
import re
import sys
import time

import apsw

means = json.loads(sys.argv[1])
loader = apsw.Connection(":memory:")
loader.enable_load_extension(True)
loader.load_extension(means["extension"])
connection = None


def say(answer):
    print("@" + json.dumps(answer), flush=True)


def run_all(statements):
    for sql in statements:
        list(connection.execute(sql))


def connect():
    global connection
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(f"file:{means['name']}?vfs=graft", flags=flags)
    # The journal lives in memory either way; this says so to SQLite.
    run_all(["pragma journal_mode = memory"])


def open_replica():
    connect()
    run_all(means["open"])


def insert(start, count, is_one_transaction):
    if is_one_transaction:
        connection.execute("BEGIN")
    for at in range(start, start + count):
        text = f"value {at} ".ljust(80, "x")
        connection.execute("INSERT INTO kv(id, k, v) VALUES(?, ?, ?)", (at, f"key {at}", text))
    if is_one_transaction:
        connection.execute("COMMIT")


def push():
    run_all(means["push"])
    if means.get("pushesItself"):
        while not is_pushed():
            time.sleep(0.005)


def is_pushed():
    """Of 0.1: `Snapshot[local;pages][mapped r remote]`."""
    text = list(connection.execute("pragma graft_snapshot"))[0][0]
    found = re.match(r"Snapshot\[(\d+);\d+\]\[(\d+)r\d+\]", text)
    return found is not None and found[1] == found[2]


def pull():
    run_all(means["pull"])
    if means.get("pushesItself"):
        # What came by itself; a connection that was open meanwhile may keep an old page.
        time.sleep(0.005)
        connection.close()
        connect()


def answer(request):
    kind = request["do"]
    if kind == "open":
        open_replica()
    elif kind == "query":
        rows = list(connection.execute(request["sql"], request["values"]))
        return {"rowCount": len(rows), "first": rows[0][0] if rows else None}
    elif kind == "execute":
        list(connection.execute(request["sql"], request["values"]))
    elif kind == "insert":
        insert(request["from"], request["count"], request["isOneTransaction"])
    elif kind == "push":
        push()
    else:
        pull()
    return {}


say({"ms": 0})
for line in sys.stdin:
    began = time.perf_counter()
    try:
        result = answer(json.loads(line))
    except Exception as error:
        result = {"error": str(error).splitlines()[0]}
    say({"ms": (time.perf_counter() - began) * 1000, **result})
