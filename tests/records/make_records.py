"""Writes small JSON records, one a file: what is known about the files of the installed packages.

make_records.py DIR COUNT
"""

import datetime
import json
import os
import stat
import sys

STATUS = "/var/lib/dpkg/status"
FILE_LISTS = "/var/lib/dpkg/info"
PER_DIRECTORY = 1000


def packages():
    """The paragraphs of dpkg's status file, as dictionaries of their first lines."""
    with open(STATUS, encoding="utf-8") as status:
        for paragraph in status.read().split("\n\n"):
            fields = [line.split(": ", 1) for line in paragraph.splitlines() if ": " in line]
            if fields:
                yield dict(field for field in fields if not field[0].startswith(" "))


def files_of(package):
    for name in (package["Package"], f"{package['Package']}:{package.get('Architecture')}"):
        path = os.path.join(FILE_LISTS, name + ".list")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as lines:
                yield from lines.read().splitlines()
            return


def record_of(package, path, status):
    return {
        "path": path,
        "name": os.path.basename(path),
        "extension": os.path.splitext(path)[1],
        "type": "regular file",
        "mode": oct(stat.S_IMODE(status.st_mode)),
        "owner": status.st_uid,
        "group": status.st_gid,
        "bytes": status.st_size,
        "modified": datetime.datetime.fromtimestamp(
            int(status.st_mtime), datetime.timezone.utc
        ).isoformat(),
        "package": package["Package"],
        "version": package.get("Version"),
        "architecture": package.get("Architecture"),
        "section": package.get("Section"),
    }


def records():
    for package in packages():
        for path in files_of(package):
            try:
                status = os.lstat(path)
            except OSError:
                continue
            if stat.S_ISREG(status.st_mode):
                yield record_of(package, path, status)


def main() -> None:
    directory, count = sys.argv[1], int(sys.argv[2])
    made = 0
    for record in records():
        if made == count:
            break
        place = os.path.join(directory, f"{made // PER_DIRECTORY:03}")
        os.makedirs(place, exist_ok=True)
        with open(os.path.join(place, f"{made:06}.json"), "w", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        made += 1
    if made < count:
        sys.exit(f"make_records.py: the packages of this system have only {made} files")


main()
