"""What the comparisons share: core, behind its helper program, and content."""

import functools
import json
import random
import subprocess
import sys
import unittest

try:
    import zstandard
except ImportError as missing:
    sys.exit(f"{missing}: install the distribution's python3-zstandard "
             "(packaging/dependencies.sh test)")


class Refused(Exception):
    """core has thrown. `kind` is the exception's name, `code` that of zstd for a ZstdError."""

    def __init__(self, error):
        super().__init__(f"{error['kind']}: {error['what']}")
        self.kind = error["kind"]
        self.code = error["code"]


class Core:
    """The helper process. Arguments and results are as helper.cpp has them, with real bytes."""

    def start(self, program):
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version = tuple(self.call("version"))

    def call(self, operation, **arguments):
        request = json.dumps({"operation": operation, **arguments}, default=bytes.hex)
        self.process.stdin.write(request.encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise AssertionError(f"the helper gave no answer to {request[:200]}")
        answer = json.loads(line)
        if "error" in answer:
            raise Refused(answer["error"])
        return answer["result"]

    def compress(self, data, **arguments):
        return bytes.fromhex(self.call("compress", data=data, **arguments))

    def chunks(self, data, **arguments):
        chunks = self.call("compress", data=data, way="chunker", **arguments)
        return [bytes.fromhex(chunk) for chunk in chunks]

    def decompress(self, data, **arguments):
        return bytes.fromhex(self.call("decompress", data=data, **arguments))

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


core = Core()  # for all tests; started once

WAYS_TO_DECOMPRESS = ("one_shot", "object", "copy", "writer", "reader", "iterator")

SKIPPABLE_FRAME = b"\x50\x2a\x4d\x18\x04\x00\x00\x00skip"


def random_bytes(count, seed):
    return random.Random(seed).randbytes(count)


def text(count, seed):
    """Lines of made-up words, which compress well."""
    source = random.Random(seed)
    words = ["".join(source.choices("etaoinshrdlu", k=source.randint(2, 9))) for _ in range(300)]
    lines = []
    size = 0
    while size < count:
        line = " ".join(source.choices(words, k=8)) + f" {source.randint(0, 9999)}\n"
        lines.append(line)
        size += len(line)
    return "".join(lines).encode()[:count]


CONTENTS = {
    "nothing": b"",
    "one byte": b"x",
    "short text": text(700, 1),
    "text": text(220_000, 2),
    "random": random_bytes(5_000, 3),
    "zeros": bytes(200_000),
}


@functools.cache
def samples():
    return [text(80 + i % 50, 1000 + i % 7) + text(40, i) for i in range(120)]


@functools.cache
def trained(dict_id):
    """The bytes of a full dictionary."""
    return zstandard.train_dictionary(2048, samples(), dict_id=dict_id).as_bytes()


def pieces_of(data, sizes):
    for size in sizes:
        yield data[:size]
        data = data[size:]
    yield data


def their_parameters(values):
    values = dict(values)
    if "from_level" not in values:
        return zstandard.ZstdCompressionParameters(**values)
    level, source_size, dict_size = values.pop("from_level")
    return zstandard.ZstdCompressionParameters.from_level(
        level, source_size=source_size, dict_size=dict_size, **values)


def with_booleans(values):
    flags = ("write_content_size", "write_checksum", "write_dict_id", "enable_ldm",
             "force_max_window")
    return {name: bool(value) if name in flags else value for name, value in values.items()}


class Comparison(unittest.TestCase):
    maxDiff = 500
    read = set()  # frames that both have read: most are made in several ways

    def assert_same_frame(self, ours, theirs, content, dictionary=None):
        """Two frames of one content: equal, if the same libzstd has made them."""
        if core.version == zstandard.ZSTD_VERSION:
            self.assertTrue(ours == theirs,
                            f"of {len(content)} bytes: frames of {len(ours)} and {len(theirs)} "
                            f"bytes differ, {ours[:24].hex()}... and {theirs[:24].hex()}...")
        if {ours, theirs} <= self.read:
            return
        decompressor = zstandard.ZstdDecompressor(dict_data=dictionary)
        self.assertEqual(decompressor.decompressobj().decompress(ours), content)
        arguments = {}
        if dictionary is not None:
            arguments = {"dict": dictionary.as_bytes(), "verify_if_present": True}
        for way in WAYS_TO_DECOMPRESS:
            size = {"max_output_size": len(content) + 1} if way == "one_shot" else {}
            self.assertEqual(core.decompress(theirs, way=way, **size, **arguments), content, way)
        self.read.update((ours, theirs))

    def assert_both_refuse(self, theirs, ours, says, kind="ZstdError"):
        """Both calls fail. `says`: a part of core's message."""
        with self.assertRaises((zstandard.ZstdError, ValueError, MemoryError)):
            theirs()
        self.assert_refuses(ours, says, kind)

    def assert_refuses(self, ours, says, kind="ZstdError"):
        with self.assertRaises(Refused) as caught:
            ours()
        self.assertEqual(caught.exception.kind, kind)
        self.assertIn(says, str(caught.exception))
