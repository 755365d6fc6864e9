"""What both refuse, and where core differs from python-zstandard on purpose."""

import io

import zstandard

from comparison import CONTENTS, SKIPPABLE_FRAME, WAYS_TO_DECOMPRESS, Comparison, core


class Errors(Comparison):
    """What both refuse, and what only core refuses or only core takes."""

    content = CONTENTS["short text"]

    def setUp(self):
        self.frame = zstandard.ZstdCompressor(write_checksum=True).compress(self.content)
        self.unsized = zstandard.ZstdCompressor(write_content_size=False).compress(self.content)
        self.decompressor = zstandard.ZstdDecompressor()

    def test_one_shot(self):
        for data, arguments, says in (
                (self.unsized, {}, "could not determine content size in frame header"),
                (self.unsized, {"max_output_size": 10}, "did not decompress full frame"),
                (self.frame + b"1234567", {"allow_extra_data": False}, "7 bytes"),
                (self.frame[:-1], {}, ""),
                (self.frame[:20], {}, ""),
                (self.frame[:4], {}, ""),
                (b"", {}, ""),
                (b"no frame at all, not even the start of one", {}, ""),
                (self.frame[:-2] + b"\0\0", {}, "checksum")):
            with self.subTest(f"{data[:10]} {len(data)} {arguments}"):
                self.assert_both_refuse(lambda: self.decompressor.decompress(data, **arguments),
                                        lambda: core.decompress(data, **arguments), says)

    def test_one_shot_with_room(self):
        for room in (len(self.content), len(self.content) + 100):
            self.assertEqual(core.decompress(self.unsized, max_output_size=room),
                             self.decompressor.decompress(self.unsized, max_output_size=room))
        # Neither looks at the room where the frame says what it needs.
        self.assertEqual(core.decompress(self.frame, max_output_size=1),
                         self.decompressor.decompress(self.frame, max_output_size=1))

    def test_window_limit(self):
        window = {"max_window_size": 1 << 15}
        parameters = zstandard.ZstdCompressionParameters(window_log=17)
        compressor = zstandard.ZstdCompressor(compression_params=parameters)
        frame = b"".join(compressor.read_to_iter(io.BytesIO(CONTENTS["text"])))
        self.assert_both_refuse(
            lambda: zstandard.ZstdDecompressor(**window).decompressobj().decompress(frame),
            lambda: core.decompress(frame, way="object", **window), "")
        for limit in (1023, 1 << 32):
            self.assert_both_refuse(lambda: zstandard.ZstdDecompressor(max_window_size=limit),
                                    lambda: core.decompress(frame, max_window_size=limit), "")

    def test_levels(self):
        self.assert_both_refuse(lambda: zstandard.ZstdCompressor(level=23),
                                lambda: core.compress(b"", level=23), "less than 23",
                                "invalid_argument")

    def test_parameters_with_flags(self):
        parameters = zstandard.ZstdCompressionParameters()
        for flag in ("write_checksum", "write_content_size", "write_dict_id", "threads"):
            with self.subTest(flag):
                self.assert_both_refuse(
                    lambda: zstandard.ZstdCompressor(compression_params=parameters, **{flag: 1}),
                    lambda: core.compress(b"", parameters={},
                                          **{flag: 1 if flag == "threads" else True}),
                    flag, "invalid_argument")

    def test_wrong_sizes(self):
        for size in (len(self.content) - 1, len(self.content) + 1):
            def theirs():
                stream = zstandard.ZstdCompressor().compressobj(size=size)
                return stream.compress(self.content) + stream.flush()
            for way in ("object", "writer", "copy"):
                with self.subTest(f"{size} {way}"):
                    self.assert_both_refuse(
                        theirs, lambda: core.compress(self.content, way=way, size=size),
                        "Src size is incorrect")

    # From here on core differs.

    def test_extra_data_is_refused_by_default(self):
        self.assertEqual(self.decompressor.decompress(self.frame + b"12"), self.content)
        self.assert_refuses(lambda: core.decompress(self.frame + b"12"), "2 bytes")
        self.assertEqual(core.decompress(self.frame + b"12", allow_extra_data=True), self.content)

    def test_frames_without_size_and_with_extra_data(self):
        # python-zstandard does not notice the extra data.
        arguments = {"max_output_size": 10_000, "allow_extra_data": False}
        self.assert_refuses(lambda: core.decompress(self.unsized + b"12", **arguments), "2 bytes")

    def test_several_frames(self):
        # python-zstandard has the argument, but not yet what it stands for.
        frames = self.frame + SKIPPABLE_FRAME + self.frame
        self.assertEqual(core.decompress(frames, read_across_frames=True), 2 * self.content)

    def test_skippable_frames_are_passed_over(self):
        # To python-zstandard they are frames without content, and the end.
        for way in WAYS_TO_DECOMPRESS:
            content = core.decompress(SKIPPABLE_FRAME + self.frame, way=way)
            self.assertEqual(content, self.content, way)

    def test_frames_of_nothing_are_looked_at(self):
        # python-zstandard returns nothing as soon as a header says so.
        empty = zstandard.ZstdCompressor().compress(b"")
        self.assertEqual(core.decompress(empty), b"")
        self.assert_refuses(lambda: core.decompress(empty[:-1]), "truncated")
        self.assert_refuses(lambda: core.decompress(empty + b"x"), "1 bytes")

    def test_truncation_is_noticed(self):
        # python-zstandard's streams end in silence.
        for way in ("copy", "writer", "reader", "iterator"):
            with self.subTest(way):
                self.assert_refuses(lambda: core.decompress(self.frame[:-5], way=way), "truncated")

    def test_flushed_blocks_are_read_to_their_end(self):
        # python-zstandard's copy_stream stops after 131072 bytes of a block that was flushed.
        content = CONTENTS["zeros"]
        frame = core.compress(content, way="object", pieces=[len(content)], flush=True)
        for way in WAYS_TO_DECOMPRESS:
            size = {"max_output_size": len(content)} if way == "one_shot" else {}
            self.assertEqual(core.decompress(frame, way=way, **size), content, way)
