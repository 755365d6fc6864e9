"""The same work in every journal mode of SQLite, on a mount and natively: the results are equal.

sqlite_modes.py MOUNTED_FOLDER NATIVE_FOLDER
"""

import os
import random
import sqlite3
import sys

MODES = ("delete", "truncate", "persist", "memory", "wal", "off")


def work(path, mode):
    """Inserts, updates, deletes, rolls back and compacts; returns all rows."""
    rng = random.Random(mode)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute(f"pragma journal_mode = {mode}")
    database.execute("pragma synchronous = full")
    database.execute("create table words (id integer primary key, word text, size integer)")
    database.execute("create index by_word on words (word)")
    for step in range(60):
        database.execute("begin")
        for _ in range(50):
            word = "".join(rng.choices("abcdefghij", k=rng.randint(1, 400)))
            database.execute("insert into words (word, size) values (?, ?)", (word, len(word)))
        database.execute("update words set size = -size where id % 7 = ?", (step % 7,))
        database.execute("delete from words where id % 11 = ?", (step % 11,))
        # Without a journal a rollback has no defined result.
        database.execute("rollback" if step % 5 == 4 and mode != "off" else "commit")
    database.execute("vacuum")
    (verdict,) = database.execute("pragma integrity_check").fetchone()
    assert verdict == "ok", f"{path}: {verdict}"
    rows = database.execute("select * from words order by id").fetchall()
    database.close()
    return rows


def main():
    mounted, native = sys.argv[1:3]
    for folder in (mounted, native):
        os.makedirs(folder, exist_ok=True)
    for mode in MODES:
        rows = [work(os.path.join(folder, f"{mode}.db"), mode) for folder in (mounted, native)]
        assert rows[0] == rows[1], f"journal mode {mode}: the rows differ"
        print(f"sqlite: journal mode {mode}: {len(rows[0])} rows, as natively")


main()
