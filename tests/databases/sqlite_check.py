"""After the daemon was killed: the databases of sqlite_writer.py are whole and hold what was
committed.

sqlite_check.py FOLDER COMMITTED
"""

import os
import sqlite3
import sys


def main():
    folder, committed = sys.argv[1:3]
    last = {}
    with open(committed, encoding="ascii") as lines:
        for line in lines:
            mode, number = line.split()
            last[mode] = int(number)
    assert last, "nothing was committed"
    for mode, number in last.items():
        database = sqlite3.connect(os.path.join(folder, f"{mode}-killed.db"))
        (verdict,) = database.execute("pragma integrity_check").fetchone()
        assert verdict == "ok", f"journal mode {mode}: {verdict}"
        rows = database.execute("select number, text from rows order by number").fetchall()
        assert len(rows) >= number, f"{mode}: {number} rows were committed, {len(rows)} are there"
        for expected, (found, text) in enumerate(rows, start=1):
            assert found == expected and text == f"{expected} " * 100, f"{mode}: row {expected}"
        print(f"sqlite: journal mode {mode}, daemon killed: {number} rows committed, all there")


main()
