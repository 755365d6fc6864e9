#include <initializer_list>
#include <vector>

#include "tests/fuzz/corpus.hpp"
#include "tests/unit/core_container_builder.hpp"
#include "zstdfs/compressor.hpp"

namespace zstdfs::fuzz {
namespace {

using test::append_to;

/// A frame of several blocks, which does not say how long its content is.
Bytes flushed_frame(ByteSpan content, const CompressorOptions& options = {}) {
  ZstdCompressor compressor(options);
  ZstdCompressionObj object = compressor.compressobj();
  const std::size_t half = content.size() / 2;
  Bytes frame = object.compress(content.first(half));
  append_to(frame, object.flush(kCompressObjFlushBlock));
  append_to(frame, object.compress(content.subspan(half)));
  append_to(frame, object.flush());
  return frame;
}

Bytes skippable_frame() {
  Bytes frame;
  append_le<std::uint32_t>(frame, 0x184D2A53);
  append_le<std::uint32_t>(frame, 5);
  append_to(frame, random_bytes(5, 1));
  return frame;
}

struct NamedFrame {
  const char* name;
  Bytes stored;
  unsigned format = 0;  ///< the lowest bit of the first choice
};

std::vector<NamedFrame> all_frames() {
  const Bytes text = compressible_bytes(500, 1);
  const CompressorOptions checked{.level = 5, .write_checksum = true};
  const Bytes frame = ZstdCompressor(checked).compress(text);
  const Bytes small = ZstdCompressor().compress(compressible_bytes(40, 2));
  const CompressorOptions magicless{.compression_params = ZstdCompressionParameters(
                                        {.format = kFormatZstd1Magicless, .window_log = 10})};
  std::vector<NamedFrame> frames{
      {"compressed", frame},
      {"raw-block", ZstdCompressor(checked).compress(random_bytes(60, 3))},
      {"run-length-block", ZstdCompressor().compress(Bytes(2000, std::byte{7}))},
      {"empty", ZstdCompressor(checked).compress({})},
      {"size-unknown", flushed_frame(text, checked)},
      {"two-frames", joined({small, flushed_frame(random_bytes(30, 4))})},
      {"skippable-first", joined({skippable_frame(), small})},
      {"extra-data", joined({small, test::bytes_of("no frame")})},
      {"checksum-wrong", with_byte(frame, frame.size() - 1, 0)},
      {"magicless", flushed_frame(text, magicless), 1},
      {"two-magicless",
       joined({ZstdCompressor(magicless).compress(text),
               ZstdCompressor(magicless).compress(random_bytes(30, 5))}),
       1},
  };
  // Its size field is the byte behind the magic number and the descriptor.
  frames.push_back({"claims-too-little", with_byte(small, 5, 10)});
  frames.push_back({"claims-too-much", with_byte(small, 5, 200)});
  // The descriptor's content size field becomes one of 8 bytes.
  const Bytes claim =
      joined({ByteSpan(small).first(5), Bytes(8, std::byte{0x3F}), ByteSpan(small).subspan(6)});
  frames.push_back({"claims-2-to-62", with_byte(claim, 4, 0xE0)});
  return frames;
}

void add_frames(const Corpus& corpus) {
  unsigned number = 0;
  for (const NamedFrame& frame : all_frames()) {
    ++number;
    corpus.add("frame_parameters", frame.name, input_of({frame.format}, frame.stored));
    // Room for all of it; across frames for one of two.
    const unsigned how = 3 | (number % 2 == 0 ? 4u : 0u) | (number % 3 == 0 ? 8u : 0u);
    corpus.add("one_shot", frame.name, input_of({frame.format, how}, frame.stored));
    corpus.add("streaming", frame.name,
               input_of({frame.format, number * 5, 255 - number * 4, number * 3}, frame.stored));
  }
  const Bytes small = ZstdCompressor().compress(compressible_bytes(40, 2));
  corpus.add("one_shot", "no-room", input_of({0, 1}, flushed_frame(random_bytes(30, 4))));
  corpus.add("one_shot", "checksum-missing", input_of({0x18, 3}, small));
  corpus.add("one_shot", "window-too-large",
             input_of({2, 3}, flushed_frame(compressible_bytes(100, 1))));
  corpus.add("streaming", "one-byte-at-a-time", input_of({0, 0, 0, 0}, small));
  corpus.add("streaming", "checksum-missing", input_of({0x18, 9, 9, 9}, small));
}

Bytes frame_with(std::initializer_list<unsigned> bytes) {
  Bytes frame(kFrameHeader.begin(), kFrameHeader.end());
  append_to(frame, input_of(bytes, {}));
  return frame;
}

/// What these targets have found: frames that were taken or refused, depending on how they were
/// cut.
void add_findings(const Corpus& corpus) {
  // A frame of version 0.7, which some builds of libzstd still read.
  const Bytes old = joined({input_of({0x27, 0xB5, 0x2F, 0xFD, 0x20, 5, 0x40, 0, 5}, {}),
                            test::bytes_of("hello"), input_of({0xC0, 0, 0}, {})});
  corpus.add("frame_parameters", "version-0.7", input_of({0}, old));
  corpus.add("one_shot", "version-0.7", input_of({0, 3}, old));
  corpus.add("streaming", "version-0.7", input_of({0, 0, 0, 127}, old));
  // It claims 500 bytes, and ends with a block of none.
  const Bytes missing = input_of({0x60, 0xF4, 0x00, 0x01, 0, 0}, {});
  corpus.add("one_shot", "content-missing", input_of({1, 11}, missing));
  corpus.add("streaming", "content-missing",
             input_of({0, 0, 0, 255}, joined({kFrameHeader, missing})));
  // 300 times the same byte, in a window of 128 KiB where 1 KiB is allowed.
  const Bytes window = frame_with({0x40, 0x38, 44, 0, 0x63, 0x09, 0, 7});
  corpus.add("streaming", "window-too-large", input_of({2, 0, 0, 255}, window));
  // A raw block of 1100 bytes, in a window of 1 KiB.
  const Bytes block = joined({frame_with({0x40, 0x00, 0x4C, 0x03, 0x61, 0x22, 0}), Bytes(1100)});
  corpus.add("streaming", "block-too-large", input_of({0, 0, 0, 255}, block));
  // Blocks of 1500 and 10 bytes, in a window of 1 KiB.
  const Bytes oversized = frame_with(
      {0x40, 0x00, 0xE6, 0x04, 0x2C, 0, 0, 0xCD, 0x5D, 0, 'x', 0, 0x1D, 0, 0, 0x51, 'y', 0});
  corpus.add("streaming", "oversized-block", input_of({0, 0, 0, 255}, oversized));
  corpus.add("streaming", "run-of-no-length",
             input_of({0, 0, 0, 255}, frame_with({0x20, 0, 0x03, 0, 0, 7})));
  const Bytes nothing = joined(
      {frame_with({0x20, 5, 0x28, 0, 0}), test::bytes_of("hello"), input_of({0x05, 0, 0}, {})});
  corpus.add("streaming", "block-of-nothing", input_of({0, 0, 0, 255}, nothing));
  // A compressed block of no bytes is damage, which libzstd overlooks in streams.
  corpus.add("one_shot", "block-of-nothing", input_of({0, 3}, frame_with({0, 0, 0x05, 0, 0})));
}

Bytes dictionary_input(unsigned how, ByteSpan dictionary, ByteSpan content) {
  Bytes input = input_of({how}, {});
  append_le(input, static_cast<std::uint16_t>(dictionary.size()));
  append_to(input, dictionary);
  append_to(input, content);
  return input;
}

void add_dictionaries(const Corpus& corpus) {
  constexpr unsigned kRaw = 1;
  constexpr unsigned kFull = 2;
  constexpr unsigned kPrecompute = 32;
  constexpr unsigned kParameters = 64;
  const Bytes full = small_dictionary();
  const Bytes raw = compressible_bytes(120, 1);
  const Bytes content = compressible_bytes(90, 1);
  const auto add = [&](const char* name, unsigned how, ByteSpan dictionary, ByteSpan rest) {
    corpus.add("dictionary", name, dictionary_input(how, dictionary, rest));
  };
  add("full", kFull, full, content);
  add("full-auto-precomputed", kPrecompute, full, content);
  add("full-as-raw", kRaw, full, content);
  add("raw", kRaw, raw, content);
  add("raw-auto-parameters", kPrecompute | kParameters | 4 * 4, raw, content);
  add("raw-as-full", kFull, raw, content);
  add("empty", 0, {}, content);
  add("tables-damaged", 0, with_byte(full, 20, 0xFF), content);
  add("magic-alone", 0, ByteSpan(full).first(8), content);
  const auto dict = std::make_shared<ZstdCompressionDict>(full);
  add("its-frame", kFull, full,
      ZstdCompressor({.dict_data = dict, .write_checksum = true}).compress(content));
}

struct Segment {
  unsigned offset;
  unsigned bytes;
};

Bytes buffers_input(unsigned format, unsigned how, std::initializer_list<Segment> segments,
                    std::initializer_list<unsigned> sizes, ByteSpan data) {
  Bytes input = input_of({format, how | static_cast<unsigned>(segments.size())}, {});
  for (const Segment& segment : segments) {
    append_le(input, static_cast<std::uint16_t>(segment.offset));
    append_le(input, static_cast<std::uint16_t>(segment.bytes));
  }
  for (const unsigned size : sizes) append_le(input, static_cast<std::uint16_t>(size));
  append_to(input, data);
  return input;
}

void add_buffers(const Corpus& corpus) {
  constexpr unsigned kSizes = 0x10;
  constexpr unsigned kThreads = 0x20;
  constexpr unsigned kCompress = 0x40;
  const Bytes one = ZstdCompressor().compress(compressible_bytes(80, 1));
  const Bytes two = flushed_frame(random_bytes(30, 2));
  const Bytes three = ZstdCompressor().compress({});
  const Bytes data = joined({one, three, two, skippable_frame()});
  const auto at_three = static_cast<unsigned>(one.size());
  const auto at_two = static_cast<unsigned>(at_three + three.size());
  const auto end = static_cast<unsigned>(at_two + two.size());
  const Segment first{0, at_three};
  const Segment second{at_two, end - at_two};
  const Segment empty{at_three, at_two - at_three};
  const auto add = [&](const char* name, unsigned how, std::initializer_list<Segment> segments,
                       std::initializer_list<unsigned> sizes) {
    corpus.add("buffers", name, buffers_input(0, how, segments, sizes, data));
  };
  add("sizes-in-frames", kThreads, {first, empty, first}, {});
  add("sizes-given", kSizes, {second, first, empty}, {30, 80, 0});
  add("a-size-wrong", kSizes, {second, first}, {31, 80});
  add("a-size-unknown", 0, {first, second}, {});
  add("a-skippable-frame", 0, {first, {end, 13}}, {});
  add("extra-data", 0, {{0, at_two}}, {});
  add("overflow", 0, {first, {0xFFFF, 2}}, {});
  add("behind-the-end", 0, {{end, 100}}, {});
  add("compressed", kCompress | kThreads, {first, {10, 50}, {3, 0}, second}, {});
  add("nothing", kCompress, {}, {});
}

}  // namespace

Bytes small_dictionary() {
  std::vector<Bytes> samples;
  for (unsigned i = 0; i < 40; ++i) samples.push_back(compressible_bytes(60 + i, i));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  const auto dict = finalize_dictionary(compressible_bytes(150, 1), 400, spans, {.dict_id = 7777});
  return {dict->as_bytes().begin(), dict->as_bytes().end()};
}

void add_frame_corpus(const Corpus& corpus) {
  add_frames(corpus);
  add_findings(corpus);
  add_dictionaries(corpus);
  add_buffers(corpus);
}

}  // namespace zstdfs::fuzz
