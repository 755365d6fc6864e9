"""Commits numbered rows in one database for each safe journal mode, and prints what was committed.

sqlite_writer.py FOLDER SECONDS

A line "MODE NUMBER" is printed after the commit of that number returned. Ends when the time is over,
or when the filesystem goes away.
"""

import os
import sqlite3
import sys
import time

MODES = ("delete", "truncate", "persist", "wal")


def main():
    folder, seconds = sys.argv[1], float(sys.argv[2])
    end = time.monotonic() + seconds
    databases = {}
    for mode in MODES:
        database = sqlite3.connect(os.path.join(folder, f"{mode}-killed.db"), isolation_level=None)
        database.execute(f"pragma journal_mode = {mode}")
        database.execute("pragma synchronous = full")
        database.execute("create table rows (number integer primary key, text text)")
        databases[mode] = database
    number = 0
    while time.monotonic() < end:
        number += 1
        for mode, database in databases.items():
            try:
                database.execute("insert into rows values (?, ?)", (number, f"{number} " * 100))
            except sqlite3.Error as error:
                print(f"the filesystem went away: {error}", file=sys.stderr)
                return
            print(mode, number, flush=True)


main()
