"""One client of v0.1: the SQLite extension of the wheel `sqlite-graft`, in a process of its own.

argv: the id of its volume. Each line of stdin is a question, {"sql", "values", "fresh"}; each line
of stdout its answer, {"rows"} or {"error", "code"}. Everything else is in the environment (GRAFT_*).
"""

import json
import sys

import apsw
import sqlite_graft

volume = sys.argv[1]
loader = apsw.Connection(":memory:")
loader.enable_load_extension(True)
loader.load_extension(sqlite_graft.loadable_path())


def connect():
    flags = apsw.SQLITE_OPEN_URI | apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE
    connection = apsw.Connection(f"file:{volume}?vfs=graft", flags=flags)
    # The journal lives in memory either way; this says so to SQLite.
    connection.execute("pragma journal_mode = memory")
    return connection


def answer(question):
    global connection
    if question.get("fresh"):
        # Its cache is empty, and what an older one may have locked is free.
        connection.close()
        connection = connect()
    try:
        rows = connection.execute(question["sql"], question.get("values", ()))
        return {"rows": [list(row) for row in rows]}
    except apsw.Error as error:
        code = getattr(error, "extendedresult", 0)
        if connection.in_transaction:
            try:
                connection.execute("rollback")
            except apsw.Error:
                pass
        return {"error": str(error), "code": code}


connection = connect()
print(json.dumps({"rows": []}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
