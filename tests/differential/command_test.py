"""The program zstd reads core's frames, and core its."""

import os
import subprocess
import tempfile

from comparison import (CONTENTS, SKIPPABLE_FRAME, WAYS_TO_DECOMPRESS, Comparison, core, samples,
                        trained)


class Command(Comparison):
    def run_zstd(self, *arguments, data):
        return subprocess.run(["zstd", "-q", *arguments], input=data, stdout=subprocess.PIPE,
                              check=True).stdout

    def test_its_frames(self):
        for arguments in (["-1"], ["-3"], ["-7"], ["-12"], ["-19"], ["--fast=5"], ["--no-check"],
                          ["--long"], ["--long=24"], ["-T2"], ["-T2", "-B100KB"],
                          ["--rsyncable", "-T1"], ["--no-compress-literals"], ["--ultra", "-20"],
                          ["--stream-size=220000"], ["--no-content-size"],
                          ["--zstd=wlog=12,strategy=4"], ["--adapt"]):
            with self.subTest(arguments):
                content = CONTENTS["text"]
                frame = self.run_zstd("-c", *arguments, data=content)
                for way in WAYS_TO_DECOMPRESS:
                    size = {"max_output_size": len(content)} if way == "one_shot" else {}
                    self.assertEqual(core.decompress(frame, way=way, **size), content, way)

    def test_its_frames_with_a_dictionary(self):
        data = trained(42)
        with tempfile.NamedTemporaryFile() as dictionary:
            dictionary.write(data)
            dictionary.flush()
            content = samples()[5]
            frame = self.run_zstd("-c", "-D", dictionary.name, data=content)
            for way in WAYS_TO_DECOMPRESS:
                size = {"max_output_size": len(content)} if way == "one_shot" else {}
                self.assertEqual(core.decompress(frame, way=way, dict=data, **size), content, way)
            ours = core.compress(content, dict=data)
            self.assertEqual(self.run_zstd("-dc", "-D", dictionary.name, data=ours), content)

    def our_frames(self):
        for content in CONTENTS.values():
            for arguments in ({}, {"level": 19}, {"write_checksum": True},
                              {"way": "object", "pieces": [100, 1000], "flush": True},
                              {"way": "writer", "write_checksum": True}, {"way": "reader"},
                              {"parameters": {"enable_ldm": True, "window_log": 24}},
                              {"threads": 2}):
                yield content, arguments, core.compress(content, **arguments)

    def test_our_frames(self):
        for content, arguments, frame in self.our_frames():
            with self.subTest(f"{len(content)} {arguments}"):
                self.assertEqual(self.run_zstd("-dc", data=frame), content)

    def test_it_verifies_our_frames(self):
        # All together, with a skippable frame between them: one call.
        together = SKIPPABLE_FRAME.join(frame for _, _, frame in self.our_frames())
        self.run_zstd("-t", data=together)
        damaged = bytearray(together)
        damaged[-1] ^= 1
        damaged += self.our_damaged_frame()
        with self.assertRaises(subprocess.CalledProcessError):
            subprocess.run(["zstd", "-q", "-t"], input=damaged, stderr=subprocess.DEVNULL,
                           check=True)

    def our_damaged_frame(self):
        frame = bytearray(core.compress(CONTENTS["text"], write_checksum=True))
        frame[-1] ^= 1
        return frame

    def test_it_lists_our_frames(self):
        content = CONTENTS["text"]
        for checksum in (False, True):
            frame = core.compress(content, write_checksum=checksum)
            with tempfile.NamedTemporaryFile(suffix=".zst") as file:
                file.write(frame)
                file.flush()
                listing = subprocess.run(["zstd", "-lv", file.name], capture_output=True, text=True,
                                         check=True, env={**os.environ, "LC_ALL": "C"})
            lines = dict(line.split(":", 1) for line in listing.stdout.splitlines() if ":" in line)
            found = core.call("frame_parameters", data=frame)
            self.assertIn(f"({len(content)} B)", lines["Decompressed Size"])
            self.assertIn(f"({len(frame)} B)", lines["Compressed Size"])
            self.assertIn(f"({found['window_size']} B)", lines["Window Size"])
            self.assertEqual(checksum, "XXH64" in lines["Check"])
            self.assertEqual(core.call("compressed_size", data=frame), len(frame))
