"""Dictionaries: training, kinds, and frames that are made with them."""

import itertools

import zstandard

from comparison import WAYS_TO_DECOMPRESS, Comparison, core, samples, text, trained


class Dictionaries(Comparison):
    def test_training(self):
        for options in ({}, {"dict_id": 42}, {"level": 12}, {"k": 64, "d": 6}, {"k": 200, "d": 8},
                        {"d": 6, "steps": 3}, {"f": 16, "steps": 2}, {"steps": 2, "accel": 5},
                        {"steps": 2, "split_point": 0.5}, {"steps": 2, "threads": 2}):
            with self.subTest(options):
                theirs = zstandard.train_dictionary(2048, samples(), **options)
                ours = core.call("train", dict_size=2048, samples=samples(), **options)
                data = bytes.fromhex(ours.pop("data"))
                if core.version == zstandard.ZSTD_VERSION:
                    self.assertEqual(data, theirs.as_bytes())
                    self.assertEqual(ours, {"dict_id": theirs.dict_id(), "k": theirs.k,
                                            "d": theirs.d})
                elif "dict_id" in options:
                    self.assertEqual(ours["dict_id"], theirs.dict_id())

    def test_too_few_samples(self):
        few = [b"a", b"b"]
        self.assert_both_refuse(lambda: zstandard.train_dictionary(2048, few),
                                lambda: core.call("train", dict_size=2048, samples=few),
                                "Src size is incorrect")

    def test_kinds(self):
        full = trained(42)
        for data, kind in itertools.product((full, b"raw content"), (0, 1, 2)):
            with self.subTest(f"{data[:4]} {kind}"):
                if kind == 2 and data != full:
                    # python-zstandard takes it, and fails when it is used.
                    self.assert_refuses(lambda: core.call("dictionary", dict=data, dict_type=2),
                                        "dictionary")
                    continue
                theirs = zstandard.ZstdCompressionDict(data, dict_type=kind)
                # A dictionary that is taken for raw content has no id, also if it looks full.
                wanted = 0 if kind == 1 else theirs.dict_id()
                self.assertEqual(core.call("dictionary", dict=data, dict_type=kind),
                                 {"size": len(theirs), "dict_id": wanted})

    def test_full(self):
        data = trained(42)
        dictionary = zstandard.ZstdCompressionDict(data)
        for content in (b"", *samples()[:3], text(50_000, 9)):
            for level in (-3, 1, 3, 9, 16):
                theirs = zstandard.ZstdCompressor(level=level, dict_data=dictionary)
                frame = theirs.compress(content)
                ours = core.compress(content, level=level, dict=data)
                self.assert_same_frame(ours, frame, content, dictionary)
                stream = theirs.compressobj()
                frame = stream.compress(content) + stream.flush()
                ours = core.compress(content, level=level, dict=data, way="object")
                self.assert_same_frame(ours, frame, content, dictionary)

    def test_precomputed(self):
        for content, level in itertools.product(samples()[:2], (1, 9)):
            data = trained(42)
            dictionary = zstandard.ZstdCompressionDict(data)
            dictionary.precompute_compress(level=level)
            theirs = zstandard.ZstdCompressor(dict_data=dictionary).compress(content)
            ours = core.compress(content, dict=data, precompute=level)
            self.assert_same_frame(ours, theirs, content, dictionary)

    def test_raw_content(self):
        dictionary = zstandard.ZstdCompressionDict(text(3000, 4), dict_type=1)
        data = dictionary.as_bytes()
        content = data[1000:2000] + text(500, 6)
        for checksum in (False, True):
            theirs = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=checksum)
            ours = core.compress(content, dict=data, write_checksum=checksum)
            self.assert_same_frame(ours, theirs.compress(content), content, dictionary)

    def test_raw_content_is_checked(self):
        # A frame does not name raw content, so that only a checksum tells that it is the wrong one.
        # core writes it where nobody has said otherwise, and demands it; python-zstandard does not.
        data = text(3000, 4)
        content = data[1000:2000]
        dictionary = zstandard.ZstdCompressionDict(data, dict_type=1)
        checked = zstandard.ZstdCompressor(dict_data=dictionary, write_checksum=True)
        unchecked = zstandard.ZstdCompressor(dict_data=dictionary)
        ours = core.compress(content, dict=data, dict_type=1)
        self.assert_same_frame(ours, checked.compress(content), content, dictionary)
        frame = unchecked.compress(content)
        wrong = text(3000, 5)
        for way in WAYS_TO_DECOMPRESS:
            with self.subTest(way):
                self.assert_refuses(
                    lambda: core.decompress(frame, dict=data, dict_type=1, way=way), "checksum")
                self.assert_refuses(
                    lambda: core.decompress(ours, dict=wrong, dict_type=1, way=way), "")

    def test_unnamed_is_checked(self):
        # Likewise where frames do not name a full dictionary: with parameters that do not ask for it.
        data = trained(42)
        content = samples()[0]
        # Of the same samples but another id, it would give the right bytes.
        wrong = trained(43)[:-1500] + text(1500, 5)
        dictionary = zstandard.ZstdCompressionDict(data)
        checked = zstandard.ZstdCompressionParameters.from_level(3, write_checksum=True)
        theirs = zstandard.ZstdCompressor(dict_data=dictionary, compression_params=checked)
        ours = core.compress(content, dict=data, parameters={"from_level": [3, 0, 0]})
        self.assert_same_frame(ours, theirs.compress(content), content, dictionary)
        for way in WAYS_TO_DECOMPRESS:
            with self.subTest(way):
                self.assert_refuses(
                    lambda: core.decompress(ours, dict=wrong, way=way), "")

    def test_wrong_or_missing(self):
        right = zstandard.ZstdCompressionDict(trained(42))
        wrong = zstandard.ZstdCompressionDict(trained(43))
        frame = zstandard.ZstdCompressor(dict_data=right).compress(samples()[0])
        for dictionary, given in ((None, {}), (wrong, {"dict": wrong.as_bytes()})):
            self.assert_both_refuse(
                lambda: zstandard.ZstdDecompressor(dict_data=dictionary).decompress(frame),
                lambda: core.decompress(frame, **given), "ictionary mismatch")

    def test_chains(self):
        versions = [text(4000, 8)]
        for i in range(4):
            versions.append(versions[-1][:3000] + text(500, i) + versions[-1][3000:])
        frames = [zstandard.ZstdCompressor().compress(versions[0])]
        for before, content in itertools.pairwise(versions):
            raw = zstandard.ZstdCompressionDict(before, dict_type=1)
            frames.append(zstandard.ZstdCompressor(dict_data=raw).compress(content))
        decompressor = zstandard.ZstdDecompressor()
        for count in range(1, len(frames) + 1):
            theirs = decompressor.decompress_content_dict_chain(frames[:count])
            self.assertEqual(theirs, versions[count - 1])
            self.assertEqual(bytes.fromhex(core.call("chain", frames=frames[:count])), theirs)
        broken = [frames[0], b"no frame"]
        self.assert_both_refuse(lambda: decompressor.decompress_content_dict_chain(broken),
                                lambda: core.call("chain", frames=broken), "chunk 1")
        self.assert_both_refuse(lambda: decompressor.decompress_content_dict_chain([]),
                                lambda: core.call("chain", frames=[]), "", "invalid_argument")
