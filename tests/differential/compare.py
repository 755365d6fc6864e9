#!/usr/bin/env python3
"""Compares core with python-zstandard and with the program zstd, on the same input.

    compare.py HELPER [OPTION OF unittest...]

HELPER is the program that is built from helper.cpp. Where all are linked with the same libzstd,
frames and dictionaries have to be the same to the byte; otherwise each only has to read what the
others have written. Where core means to differ from python-zstandard, a test says why, and expects
what core promises.
"""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True  # the folder is one of sources

from comparison import core, zstandard  # noqa: E402


def load_tests(loader, _tests, _pattern):
    return loader.discover(pathlib.Path(__file__).parent, pattern="*_test.py")


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    core.start(sys.argv.pop(1))
    if core.version != zstandard.ZSTD_VERSION:
        print(f"core uses zstd {core.version}, python-zstandard {zstandard.ZSTD_VERSION}: "
              "frames are not compared to the byte")
    result = unittest.main(exit=False).result
    core.close()
    sys.exit(0 if result.wasSuccessful() and result.testsRun != 0 else 1)


if __name__ == "__main__":
    main()
