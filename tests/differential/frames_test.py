"""Frames of core and of python-zstandard are the same."""

import io
import itertools

import zstandard

from comparison import (CONTENTS, WAYS_TO_DECOMPRESS, Comparison, with_booleans, core, pieces_of,
                        text, their_parameters)


class Frames(Comparison):
    def test_levels(self):
        for content in CONTENTS.values():
            for level in (-5, -1, 0, 1, 3, 6, 12, 22 if len(content) < 10_000 else 17):
                theirs = zstandard.ZstdCompressor(level=level).compress(content)
                self.assert_same_frame(core.compress(content, level=level), theirs, content)

    def test_flags(self):
        content = CONTENTS["short text"]
        for checksum, size, dict_id in itertools.product((None, False, True), repeat=3):
            flags = {"write_checksum": checksum, "write_content_size": size,
                     "write_dict_id": dict_id}
            with self.subTest(flags):
                theirs = zstandard.ZstdCompressor(**flags).compress(content)
                self.assert_same_frame(core.compress(content, **flags), theirs, content)

    def test_parameters(self):
        for content in (CONTENTS["short text"], CONTENTS["text"]):
            for values in ({"window_log": 12}, {"window_log": 15, "strategy": 6},
                           {"compression_level": 5, "write_checksum": 1},
                           {"hash_log": 10, "chain_log": 9, "search_log": 3, "min_match": 4,
                            "target_length": 20, "strategy": 5},
                           {"enable_ldm": True, "window_log": 20},
                           {"enable_ldm": True, "ldm_hash_log": 12, "ldm_min_match": 32,
                            "ldm_bucket_size_log": 2, "ldm_hash_rate_log": 4},
                           {"write_content_size": 0}, {"force_max_window": True},
                           {"from_level": [7, 1000, 0]}, {"from_level": [19, 10**6, 0]},
                           {"threads": 1}, {"threads": 2, "job_size": 1 << 20, "overlap_log": 4}):
                with self.subTest(values):
                    theirs = zstandard.ZstdCompressor(compression_params=their_parameters(values))
                    ours = core.compress(content, parameters=with_booleans(values))
                    self.assert_same_frame(ours, theirs.compress(content), content)

    def test_threads(self):
        content = text(3_000_000, 5)
        theirs = zstandard.ZstdCompressor(level=1, threads=2).compress(content)
        self.assertEqual(theirs == core.compress(content, level=1, threads=2),
                         core.version == zstandard.ZSTD_VERSION)

    def test_magicless(self):
        content = CONTENTS["short text"]
        parameters = {"format": zstandard.FORMAT_ZSTD1_MAGICLESS}
        theirs = zstandard.ZstdCompressor(
            compression_params=zstandard.ZstdCompressionParameters(**parameters)).compress(content)
        ours = core.compress(content, parameters=parameters)
        if core.version == zstandard.ZSTD_VERSION:
            self.assertEqual(ours, theirs)
        decompressor = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS)
        self.assertEqual(decompressor.decompressobj().decompress(ours), content)
        # python-zstandard cannot decompress them in one call.
        for way in WAYS_TO_DECOMPRESS:
            self.assertEqual(core.decompress(theirs, way=way, format=1), content, way)

    SPLITS = ([], [1], [100, 100], [0, 131072, 1], [70_000, 70_000, 70_000])

    def test_streams(self):
        for content in CONTENTS.values():
            for size in (None, len(content)):
                known = {} if size is None else {"size": size}
                compressor = zstandard.ZstdCompressor(level=4)
                for split in self.SPLITS:
                    request = {"level": 4, "pieces": split, **known}
                    stream = compressor.compressobj(**known)
                    theirs = b"".join(map(stream.compress, pieces_of(content, split)))
                    theirs += stream.flush()
                    ours = core.compress(content, way="object", **request)
                    self.assert_same_frame(ours, theirs, content)
                    out = io.BytesIO()
                    with compressor.stream_writer(out, closefd=False, **known) as writer:
                        for piece in pieces_of(content, split):
                            writer.write(piece)
                    ours = core.compress(content, way="writer", **request)
                    self.assert_same_frame(ours, out.getvalue(), content)

    def test_sources(self):
        for content in CONTENTS.values():
            compressor = zstandard.ZstdCompressor(level=2)
            theirs = compressor.stream_reader(content).read()
            self.assert_same_frame(core.compress(content, level=2, way="reader"), theirs, content)
            theirs = b"".join(compressor.read_to_iter(content))
            self.assert_same_frame(core.compress(content, level=2, way="iterator"), theirs, content)
            for size in (None, len(content)):
                known = {} if size is None else {"size": size}
                for read_size in (1000, 131072):
                    out = io.BytesIO()
                    compressor.copy_stream(io.BytesIO(content), out, read_size=read_size, **known)
                    ours = core.compress(content, level=2, way="copy", read_size=read_size, **known)
                    self.assert_same_frame(ours, out.getvalue(), content)

    def test_flushed_blocks(self):
        for content in CONTENTS.values():
            for split in ([], [1], [10, 200], [1000, 1000, 1000]):
                stream = zstandard.ZstdCompressor().compressobj()
                *before, last = pieces_of(content, split)
                theirs = b"".join(
                    stream.compress(piece) + stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
                    for piece in before) + stream.compress(last) + stream.flush()
                ours = core.compress(content, way="object", pieces=split, flush=True)
                self.assert_same_frame(ours, theirs, content)

    def test_chunks(self):
        for content in CONTENTS.values():
            for chunk_size, split in itertools.product((100, 1000, 131591), self.SPLITS):
                chunker = zstandard.ZstdCompressor().chunker(chunk_size=chunk_size)
                theirs = []
                for piece in pieces_of(content, split):
                    theirs += chunker.compress(piece)
                theirs += chunker.finish()
                ours = core.chunks(content, chunk_size=chunk_size, pieces=split)
                self.assert_same_frame(b"".join(ours), b"".join(theirs), content)
                if core.version == zstandard.ZSTD_VERSION:
                    self.assertEqual(list(map(len, ours)), list(map(len, theirs)))
