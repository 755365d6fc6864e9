#include <initializer_list>
#include <vector>

#include "tests/fuzz/corpus.hpp"
#include "tests/unit/core_container_builder.hpp"
#include "zstdfs/blocks.hpp"
#include "zstdfs/compressor.hpp"
#include "zstdfs/frames.hpp"
#include "zstdfs/patch.hpp"
#include "zstdfs/seekable_writer.hpp"
#include "zstdfs/sequences.hpp"

namespace zstdfs::fuzz {
namespace {

using test::append_to;
using test::bytes_of;

void append_sized(Bytes& input, ByteSpan bytes) {
  append_le(input, static_cast<std::uint16_t>(bytes.size()));
  append_to(input, bytes);
}

void add_walks(const Corpus& corpus) {
  const Bytes sized = ZstdCompressor().compress(compressible_bytes(60, 1));
  const Bytes checked = ZstdCompressor({.write_checksum = true, .write_content_size = false})
                            .compress(random_bytes(20, 2));
  const Bytes run = ZstdCompressor().compress(Bytes(300, std::byte{7}));
  const Bytes skippable = write_skippable_frame(random_bytes(5, 3), 7);
  const Bytes magicless =
      ZstdCompressor({.compression_params = ZstdCompressionParameters(
                          {.format = kFormatZstd1Magicless, .write_content_size = false})})
          .compress(random_bytes(20, 4));
  const auto add = [&](const char* name, unsigned format, std::initializer_list<ByteSpan> frames) {
    corpus.add("frames", name, input_of({format}, joined(frames)));
  };
  add("every-kind", 0, {sized, skippable, checked, run});
  add("skippable-alone", 0, {skippable});
  add("skippable-of-nothing", 0, {write_skippable_frame({}, 15), sized});
  add("skippable-cut", 0, {sized, ByteSpan(skippable).first(10)});
  add("second-cut", 0, {checked, ByteSpan(run).first(run.size() - 1)});
  add("no-frame-behind", 0, {run, bytes_of("no frame")});
  add("sizes-known", 0, {sized, run, ZstdCompressor().compress({})});
  const Bytes two_blocks =
      ZstdCompressor({.compression_params = ZstdCompressionParameters({.window_log = 10})})
          .compress(compressible_bytes(1500, 5));
  add("two-blocks", 0, {two_blocks, run});
  add("magicless", 1, {magicless, magicless});
  add("nothing", 0, {});
}

Bytes seekable_file(SeekTableChecksums checksums, bool content_sizes = true) {
  Bytes file;
  BytesSink sink(file);
  ZstdSeekableWriter writer(sink, {.frame_size = 100, .checksums = checksums});
  writer.write(compressible_bytes(250, 1));
  writer.write_skippable_frame(3, random_bytes(4, 1));
  writer.write(Bytes(90, std::byte{5}));
  writer.close();
  if (content_sizes) return file;
  // A frame that does not say how much it holds, before the others.
  Bytes unsized = ZstdCompressor({.write_content_size = false}).compress(random_bytes(30, 2));
  append_to(unsized, file);
  return unsized;
}

void add_seekable_files(const Corpus& corpus) {
  constexpr unsigned kScanned = 1;
  constexpr unsigned kElsewhere = 2;
  constexpr unsigned kChecksums = 4;
  constexpr unsigned kKeepsMore = 16;
  const Bytes file = seekable_file(SeekTableChecksums::kPresent);
  const Bytes unchecked = seekable_file(SeekTableChecksums::kAbsent);
  const auto add = [&](const char* name, unsigned how, unsigned piece, ByteSpan rest) {
    corpus.add("seekable", name, input_of({how, 0, piece}, rest));
  };
  add("checksums", 0, 30, file);
  add("no-checksums", kKeepsMore, 99, unchecked);
  add("a-frame-damaged", 0, 50, with_byte(file, 20, 0xFF));
  add("a-checksum-wrong", 0, 50, with_byte(file, file.size() - 10, 0));
  add("scanned", kScanned, 40, unchecked);
  add("scanned-for-checksums", kScanned | kChecksums, 70,
      seekable_file(SeekTableChecksums::kPresent, false));
  const Bytes large = ZstdCompressor().compress(Bytes((2u << 20) - 1));
  add("a-frame-too-large", kElsewhere, 33,
      input_of({1, static_cast<unsigned>(large.size()), 0, 0x01, 0xF0, 0}, large));
  const auto from_elsewhere = [&](unsigned content, unsigned content_high) {
    const Bytes frame = ZstdCompressor().compress(compressible_bytes(90, 1));
    const auto bytes = static_cast<unsigned>(frame.size());
    return input_of({2, bytes, 0, content, content_high, 0, bytes, 0, 90, 0, 0},
                    joined({frame, frame}));
  };
  add("table-from-elsewhere", kElsewhere, 33, from_elsewhere(90, 0));
  add("table-of-other-sizes", kElsewhere | kKeepsMore, 33, from_elsewhere(91, 0));
  add("table-of-4-gib", kElsewhere, 33, from_elsewhere(0xFF, 0xFF));
}

struct Sequences {
  unsigned how = 0;
  unsigned parameters = 0;
  Bytes dictionary = {};
  std::vector<Sequence> sequences = {};
  Bytes rest = {};
};

Bytes sequences_input(const Sequences& given) {
  Bytes input = input_of({given.how, given.parameters}, {});
  if ((given.how & 16) != 0) append_sized(input, given.dictionary);
  input.push_back(static_cast<std::byte>(given.sequences.size()));
  for (const Sequence& sequence : given.sequences) {
    append_le(input, static_cast<std::uint16_t>(sequence.offset));
    input.push_back(static_cast<std::byte>(sequence.literal_length));
    append_le(input, static_cast<std::uint16_t>(sequence.match_length));
  }
  append_to(input, given.rest);
  return input;
}

void add_sequences(const Corpus& corpus) {
  constexpr unsigned kNoDelimiters = 1;
  constexpr unsigned kStructure = 2;
  constexpr unsigned kFallback = 4;
  constexpr unsigned kFails = 8;
  constexpr unsigned kDictionary = 16;
  constexpr unsigned kExecuted = 32;
  constexpr unsigned kGenerated = 64;
  constexpr unsigned kFull = 128;
  constexpr unsigned kWindowOf1KiB = 4;
  const auto match = [](std::uint32_t literals, std::uint32_t offset, std::uint32_t bytes) {
    return Sequence{.offset = offset, .literal_length = literals, .match_length = bytes};
  };
  const auto last = [](std::uint32_t literals) { return Sequence{.literal_length = literals}; };
  const Bytes text = bytes_of("abcdefgh abcdefgh abcdefgh, and the last of it");
  const auto add = [&](const char* name, const Sequences& given) {
    corpus.add("sequences", name, sequences_input(given));
  };
  add("one-block", {.how = kGenerated, .sequences = {match(9, 9, 17), last(20)}, .rest = text});
  add("two-blocks",
      {.sequences = {match(9, 9, 8), last(1), match(0, 9, 8), last(20)}, .rest = text});
  add("no-delimiters", {.how = kNoDelimiters | kGenerated,
                        .parameters = kWindowOf1KiB,
                        .sequences = {match(9, 9, 17), match(6, 30, 3)},
                        .rest = text});
  add("wrong-match", {.how = kStructure, .sequences = {match(9, 8, 17), last(20)}, .rest = text});
  add("dictionary", {.how = kDictionary | kNoDelimiters,
                     .dictionary = bytes_of("the dictionary's abcdefgh "),
                     .sequences = {match(0, 9, 26)},
                     .rest = text});
  // What it repeats is the dictionary's end, whatever that is.
  add("full-dictionary", {.how = kDictionary | kFull | kExecuted,
                          .dictionary = small_dictionary(),
                          .sequences = {match(3, 30, 20), match(0, 70, 9), last(5)},
                          .rest = text});
  add("long-match", {.how = kExecuted | kNoDelimiters | kGenerated,
                     .parameters = kWindowOf1KiB,
                     .sequences = {match(5, 4, 3000), match(7, 500, 1100), match(0, 3, 3)},
                     .rest = text});
  add("blocks-of-1-kib", {.how = kExecuted,
                          .parameters = kWindowOf1KiB,
                          .sequences = {match(24, 4, 1000), last(0), match(0, 900, 3), last(8)},
                          .rest = text});
  add("producer-fails",
      {.how = kNoDelimiters | kFails | kFallback, .sequences = {match(9, 9, 17)}, .rest = text});
  add("lengths-that-overflow",
      {.sequences = {match(0xFF, 9, 0xFFFF), match(9, 0xFFFF, 3)}, .rest = text});
}

/// The choices for one block of a session.
Bytes honest(std::size_t bytes, ByteSpan repeated) {
  Bytes block = input_of({0}, {});
  append_le(block, static_cast<std::uint16_t>(bytes));
  block.push_back(static_cast<std::byte>(repeated.size()));
  append_to(block, repeated);
  return block;
}

Bytes damaged(std::size_t bytes, ByteSpan repeated, unsigned at, unsigned change) {
  Bytes block = with_byte(honest(bytes, repeated), 0, 1);
  append_to(block, input_of({at, 0, change}, {}));
  return block;
}

Bytes untrusted(const CompressedBlock& stored) {
  Bytes block = input_of({2, stored.kind == StoredBlock::kCompressed ? 1u : 0u}, {});
  append_le(block, static_cast<std::uint16_t>(stored.content_bytes));
  append_sized(block, stored.bytes);
  return block;
}

void add_blocks(const Corpus& corpus) {
  constexpr unsigned kLevel3 = 5;
  constexpr unsigned kDictionary = 8;
  constexpr unsigned kRaw = 16;
  const Bytes reset = input_of({3}, {});
  const Bytes text = compressible_bytes(120, 1);
  const Bytes noise = random_bytes(60, 2);
  CompressedBlock stored = ZstdBlockCompressor({.window_log = 10}).compress(text);
  const auto add = [&](const char* name, unsigned how, std::initializer_list<ByteSpan> blocks) {
    corpus.add("blocks", name, input_of({how, kLevel3}, joined(blocks)));
  };
  add("session", 0, {honest(300, text), honest(60, noise), honest(0, {}), honest(400, text)});
  // Of 1 KiB each, so that the history begins again at its front.
  const Bytes full = honest(1024, text);
  add("history-wraps", 0, {full, full, honest(700, noise), full, honest(1024, noise), full, full});
  add("damaged", 1, {honest(300, text), damaged(300, text, 3, 0x10), honest(300, text)});
  add("claims-one-more", 0, {with_byte(honest(300, text), 0, 4), honest(300, text)});
  add("reset", 2, {honest(300, text), reset, honest(300, text)});
  add("untrusted", 0, {untrusted(stored), honest(120, text), untrusted(stored)});
  Bytes dictionary;
  append_sized(dictionary, text);
  add("dictionary", kDictionary | kRaw, {dictionary, honest(120, text), honest(240, text)});
  stored.content_bytes = 0xFFFF;
  add("claims-too-much", 0, {untrusted(stored)});
  stored = {.kind = StoredBlock::kRaw, .content_bytes = 9, .bytes = random_bytes(8, 1)};
  add("raw-of-another-size", 0, {untrusted(stored)});
}

Bytes patch_input(unsigned how, ByteSpan damage, ByteSpan old_version, ByteSpan rest) {
  Bytes input = joined({input_of({how, 20, 6}, {}), damage});
  append_sized(input, old_version);
  append_to(input, rest);
  return input;
}

void add_patches(const Corpus& corpus) {
  constexpr unsigned kLimitOf100 = 2;
  constexpr unsigned kMade = 4;
  constexpr unsigned kChecksum = 8;
  const Bytes old_version = compressible_bytes(200, 1);
  const Bytes new_version = joined({bytes_of("new "), old_version, bytes_of(" and longer")});
  const Bytes patch = make_patch(old_version, new_version);
  const Bytes unchecked = make_patch(old_version, new_version, {.write_checksum = false});
  const Bytes no_damage(3);
  const auto add = [&](const char* name, unsigned how, ByteSpan rest) {
    corpus.add("patch", name, patch_input(how, {}, old_version, rest));
  };
  add("applied", 0, patch);
  add("no-checksum", 0, unchecked);
  add("too-large", kLimitOf100, patch);
  add("cut-short", 0, ByteSpan(patch).first(patch.size() - 5));
  add("extra-data", 0, joined({patch, bytes_of("x")}));
  add("no-patch-of-it", 0, ZstdCompressor({.write_content_size = false}).compress(new_version));
  add("skippable-first", 0, joined({write_skippable_frame(bytes_of("?")), patch}));
  corpus.add("patch", "another-old-version", patch_input(0, {}, new_version, unchecked));
  corpus.add("patch", "made", patch_input(kMade | kChecksum, no_damage, old_version, new_version));
  corpus.add("patch", "made-and-damaged",
             patch_input(kMade, input_of({20, 0, 1}, {}), old_version, new_version));
}

}  // namespace

void add_extension_corpus(const Corpus& corpus) {
  add_walks(corpus);
  add_seekable_files(corpus);
  add_sequences(corpus);
  add_blocks(corpus);
  add_patches(corpus);
}

}  // namespace zstdfs::fuzz
