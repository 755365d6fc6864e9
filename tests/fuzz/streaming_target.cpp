#include <zstd_errors.h>

#include <algorithm>
#include <array>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

/// How the input is cut, and how much output is taken at a time.
struct Splits {
  std::size_t fed = 1;    ///< to the object and the writer, and what a source gives at most
  std::size_t read = 1;   ///< read_size
  std::size_t write = 1;  ///< write_size, max_length and sizes of reads
};

/// A choice of a size: exact where it is small, up to more than a block.
std::size_t size_for(unsigned choice) {
  return choice < 128 ? choice + 1 : std::size_t{1} << (7 + (choice - 128) / 11);
}

/// Ends what was given up because it has too much content.
struct TooMuch {};
/// Ends what does not say whether the input was whole.
struct Untold {};

/// Collects content as far as a target looks at it.
class Collector final : public Sink {
 public:
  std::size_t write(ByteSpan bytes) override {
    content.insert(content.end(), bytes.begin(), bytes.end());
    if (content.size() > kMostContentBytes) throw TooMuch();
    return bytes.size();
  }
  Bytes content;
};

/// How a stream ended.
enum class End { kWhole, kError, kTooMuch, kUntold };

struct Streamed {
  Bytes content;  ///< all that came before the end
  End end = End::kWhole;
};

/// Runs `work`, which decompresses into the sink that it is given.
template <typename Work>
Streamed streamed(const Work& work) {
  Collector collector;
  End end = End::kWhole;
  try {
    work(collector);
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0);
    end = End::kError;
  } catch (const TooMuch&) {
    end = End::kTooMuch;
  } catch (const Untold&) {
    end = End::kUntold;
  }
  return {std::move(collector.content), end};
}

CallbackSource source_of(ByteSpan data, const Splits& splits) {
  return CallbackSource([inner = SpanSource(data), fed = splits.fed](MutableByteSpan out) mutable {
    return inner.read(out.first(std::min(out.size(), fed)));
  });
}

void by_object(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  ZstdDecompressionObj object =
      decompressor.decompressobj({.write_size = splits.write, .read_across_frames = true});
  Bytes input;
  for (ByteSpan rest = data; !rest.empty() || !object.needs_input();) {
    input.assign(object.unconsumed_tail().begin(), object.unconsumed_tail().end());
    // A tail is first used up, so that little is copied.
    const ByteSpan now = rest.first(input.empty() ? std::min(splits.fed, rest.size()) : 0);
    rest = rest.subspan(now.size());
    input.insert(input.end(), now.begin(), now.end());
    const Bytes out = object.decompress(input, splits.write);
    FUZZ_REQUIRE(out.size() <= splits.write);
    sink.write(out);
  }
  FUZZ_REQUIRE(object.bytes_consumed() == data.size());
  if (object.eof()) return;
  // An object cannot know that no more will come: the other ways throw. Without any frame at its
  // end it does not tell skippable frames from a frame that is cut short.
  if (object.bytes_produced() == 0) throw Untold();
  throw ZstdError(ZSTD_error_srcSize_wrong, "truncated");
}

void by_reader(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  CallbackSource source = source_of(data, splits);
  ZstdDecompressionReader reader = decompressor.stream_reader(
      source, {.read_size = splits.read, .read_across_frames = (splits.write & 1) != 0});
  Bytes out(splits.write);
  for (bool waits = false;; waits = !waits) {
    const std::size_t n = waits ? reader.readinto(out) : reader.readinto1(out);
    if (n == 0) break;
    sink.write(ByteSpan(out).first(n));
  }
  FUZZ_REQUIRE(reader.bytes_consumed() == data.size());
}

void by_reader_in_memory(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                         Sink& sink) {
  ZstdDecompressionReader reader = decompressor.stream_reader(data);
  std::uint64_t position = 0;
  while (true) {
    const Bytes out = reader.read(static_cast<std::int64_t>(splits.write));
    position += out.size();
    FUZZ_REQUIRE(reader.tell() == position);
    if (out.empty()) return;
    sink.write(out);
  }
}

void by_range(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  CallbackSource source = source_of(data, splits);
  auto range = decompressor.read_to_iter(
      source, {.read_size = splits.read, .write_size = splits.write, .read_across_frames = true});
  for (const ByteSpan piece : range) {
    FUZZ_REQUIRE(!piece.empty() && piece.size() <= splits.write);
    sink.write(piece);
  }
  FUZZ_REQUIRE(range.bytes_consumed() == data.size());
}

void by_writer(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  ZstdDecompressionWriter writer = decompressor.stream_writer(sink, {.write_size = splits.write});
  for (ByteSpan rest = data; !rest.empty();) {
    const ByteSpan now = rest.first(std::min(splits.fed, rest.size()));
    rest = rest.subspan(now.size());
    FUZZ_REQUIRE(writer.write(now) == now.size());
  }
  writer.close();
}

void by_chunker(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = splits.write});
  for (ByteSpan rest = data; !rest.empty();) {
    const ByteSpan now = rest.first(std::min(splits.fed, rest.size()));
    rest = rest.subspan(now.size());
    for (const ByteSpan chunk : chunker.decompress(now)) {
      FUZZ_REQUIRE(chunk.size() == splits.write);
      sink.write(chunk);
    }
  }
  for (const ByteSpan chunk : chunker.finish()) sink.write(chunk);
}

void by_copy(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits, Sink& sink) {
  CallbackSource source = source_of(data, splits);
  const DecompressingCopyResult result = decompressor.copy_stream(
      source, sink, {.read_size = splits.read, .write_size = splits.write});
  FUZZ_REQUIRE(result.read == data.size());
}

using Way = void (*)(ZstdDecompressor&, ByteSpan, const Splits&, Sink&);
constexpr std::array kWays{by_object,  by_reader, by_reader_in_memory, by_range, by_writer,
                           by_chunker, by_copy};

/// Of two streams one of which may have stopped earlier, as an error loses what its step had
/// decompressed.
bool same_beginning(const Bytes& a, const Bytes& b) {
  return std::equal(
      a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
}

}  // namespace

void streaming_target(ByteSpan input) {
  Choices choices(input);
  DecompressorOptions options = decompressor_options(choices.next());
  if (options.max_window_size == 0) options.max_window_size = kLargestStreamWindow;
  Splits splits;
  splits.fed = size_for(choices.next());
  splits.read = size_for(choices.next());
  splits.write = size_for(choices.next());

  // One decompressor for all: what one way leaves behind must not change the next.
  ZstdDecompressor decompressor(options);
  Streamed first;
  for (const Way way : kWays) {
    const Streamed now =
        streamed([&](Sink& sink) { way(decompressor, choices.rest(), splits, sink); });
    if (way == kWays.front()) {
      first = now;
      continue;
    }
    FUZZ_REQUIRE(same_beginning(now.content, first.content));
    if (now.end == End::kTooMuch || first.end == End::kTooMuch) continue;
    if (first.end == End::kUntold) {
      FUZZ_REQUIRE(now.content.empty());
      first.end = now.end;
    }
    FUZZ_REQUIRE(now.end == first.end);
    if (now.end == End::kWhole) FUZZ_REQUIRE(now.content == first.content);
  }
}

}  // namespace zstdfs::fuzz
