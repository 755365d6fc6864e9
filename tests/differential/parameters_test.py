"""Parameters, constants and what a frame's header says."""

import itertools

import zstandard

from comparison import CONTENTS, Comparison, with_booleans, core, their_parameters, trained

SEVEN = ("window_log", "chain_log", "hash_log", "search_log", "min_match", "target_length",
         "strategy")
OTHERS = ("format", "compression_level", "write_content_size", "write_checksum", "write_dict_id",
          "job_size", "overlap_log", "force_max_window", "enable_ldm", "ldm_hash_log",
          "ldm_min_match", "ldm_bucket_size_log", "ldm_hash_rate_log", "threads")


class Parameters(Comparison):
    def compare(self, values):
        with self.subTest(values):
            theirs = their_parameters(values)
            ours = core.call("parameters", **with_booleans(values))
            wanted = {name: int(getattr(theirs, name)) for name in SEVEN + OTHERS}
            # python-zstandard gives libzstd's error as a size where there are threads, and divides
            # by zero where there is long-distance matching.
            if values.get("enable_ldm"):
                self.assertGreater(ours.pop("context_size"), 1 << 20)
            elif not values.get("threads"):
                wanted["context_size"] = theirs.estimated_compression_context_size()
            self.assertEqual({name: int(value) for name, value in ours.items()}, wanted)

    def test_from_level(self):
        sizes = (0, 1, 1000, 16_384, 131_072, 10**6, 1 << 30, 1 << 40)
        for level in (-100, -1, *range(23)):
            for source_size, dict_size in itertools.product(sizes, (0, 1000, 65_536)):
                self.compare({"from_level": [level, source_size, dict_size]})

    def test_values(self):
        self.compare({})
        for values in ({"compression_level": 22}, {"window_log": 31}, {"window_log": 10},
                       {"strategy": 9}, {"threads": 3}, {"threads": 2, "job_size": 1 << 20},
                       {"threads": 2, "overlap_log": 9}, {"enable_ldm": 1, "ldm_hash_log": 20},
                       {"enable_ldm": 1, "ldm_hash_rate_log": 5}, {"ldm_min_match": 64},
                       {"ldm_bucket_size_log": 3}, {"write_checksum": 1},
                       {"write_content_size": 0}, {"write_dict_id": 1}, {"force_max_window": 1},
                       {"format": 1}, {"from_level": [3, 0, 0], "window_log": 12},
                       {"from_level": [12, 500, 0], "strategy": 1, "write_checksum": 1}):
            self.compare(values)

    def test_out_of_bounds(self):
        for values in ({"window_log": 9}, {"window_log": 32}, {"chain_log": 31}, {"hash_log": 5},
                       {"search_log": 31}, {"min_match": 8}, {"target_length": 131_073},
                       {"strategy": 10}, {"format": 2}, {"ldm_min_match": 3},
                       {"ldm_bucket_size_log": 9}):
            with self.subTest(values):
                self.assert_both_refuse(lambda: zstandard.ZstdCompressionParameters(**values),
                                        lambda: core.call("parameters", **values),
                                        next(iter(values)))

    def test_constants(self):
        ours = core.call("constants")
        context_size = ours.pop("estimate_decompression_context_size")
        self.assertEqual(context_size, zstandard.estimate_decompression_context_size())
        for name, value in ours.items():
            self.assertEqual(value, getattr(zstandard, name), name)
        # Every number that the module has is core's too.
        named = {name for name in dir(zstandard)
                 if name.isupper() and name[0] != "_" and isinstance(getattr(zstandard, name), int)}
        self.assertEqual(named - set(ours), set())


class Inspection(Comparison):
    def frames(self):
        content = CONTENTS["short text"]
        for size, checksum in itertools.product((False, True), repeat=2):
            compressor = zstandard.ZstdCompressor(write_content_size=size, write_checksum=checksum)
            for data in CONTENTS.values():
                yield compressor.compress(data)
            yield compressor.compressobj().flush()
        dictionary = zstandard.ZstdCompressionDict(trained(70_000))
        yield zstandard.ZstdCompressor(dict_data=dictionary).compress(content)
        for window_log in (10, 20, 27):
            parameters = zstandard.ZstdCompressionParameters(window_log=window_log,
                                                             write_content_size=0)
            yield zstandard.ZstdCompressor(compression_params=parameters).compress(content)

    def assert_same_parameters(self, data):
        theirs = zstandard.get_frame_parameters(data)
        ours = core.call("frame_parameters", data=data)
        size = None if theirs.content_size == zstandard.CONTENTSIZE_UNKNOWN else theirs.content_size
        self.assertEqual(
            ours, {"content_size": size, "window_size": theirs.window_size,
                   "dict_id": theirs.dict_id, "has_checksum": theirs.has_checksum,
                   "is_skippable": False})
        # python-zstandard says -1 for a size that is not known, core that there is none.
        ours = core.call("content_size", data=data)
        self.assertEqual(-1 if ours is None else ours, zstandard.frame_content_size(data))
        self.assertEqual(core.call("header_size", data=data), zstandard.frame_header_size(data))

    def test_headers(self):
        for frame in self.frames():
            with self.subTest(frame[:18].hex()):
                self.assert_same_parameters(frame)
                self.assert_same_parameters(frame[:18])
                self.assertEqual(core.call("compressed_size", data=frame + b"behind"), len(frame))

    def test_headers_cut_short(self):
        for frame in self.frames():
            for size in range(zstandard.frame_header_size(frame)):
                with self.subTest(frame[:size].hex()):
                    self.compare_errors(frame[:size])

    def compare_errors(self, data):
        with self.assertRaises(zstandard.ZstdError) as caught:
            zstandard.get_frame_parameters(data)
        # "not enough data for frame parameters; need 5 bytes"
        says = str(caught.exception)
        needed = says[says.index("need"):] if "need" in says else ""
        self.assert_refuses(lambda: core.call("frame_parameters", data=data), needed)
        self.assert_both_refuse(lambda: zstandard.frame_content_size(data),
                                lambda: core.call("content_size", data=data), "")

    def test_no_frames(self):
        for data in (b"x" * 30, bytes(30), b"\x28\xb5\x2f\xfc" + bytes(30)):
            with self.subTest(data[:8].hex()):
                self.compare_errors(data)
