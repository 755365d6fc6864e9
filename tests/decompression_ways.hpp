#pragma once

#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>

#include "zstdfs/decompressor.hpp"
#include "zstdfs/errors.hpp"

// Every way to decompress a stream of frames. Each gives what it decompresses to a sink, throws
// what it finds wrong, and asserts what must hold whatever the frames are.

namespace zstdfs::test {

/// How stored bytes are cut, and how much is taken at a time. Each is asked whenever a size is
/// needed, and gives at least 1.
struct Splits {
  std::function<std::size_t()> fed;         ///< of the next piece that is given
  std::function<std::size_t()> read;        ///< read_size of what takes a source
  std::function<std::size_t()> write;       ///< write_size, max_length and the sizes of reads
  std::function<bool()> flushes = nullptr;  ///< whether a chunker is flushed after a piece, if ever
};

/// Of an object that has produced nothing: without any frame at its end it does not tell skippable
/// frames from a frame that is cut short.
class NothingProduced : public ZstdError {
 public:
  using ZstdError::ZstdError;
};

/// Gives the bytes in pieces, where there is room for them. `splits` outlives it.
inline CallbackSource source_of(ByteSpan data, const Splits& splits) {
  return CallbackSource(
      [&splits, rest = data, left = std::size_t{0}](MutableByteSpan out) mutable -> std::size_t {
        if (left == 0) left = splits.fed();
        const std::size_t n = std::min({out.size(), left, rest.size()});
        std::copy_n(rest.begin(), n, out.begin());
        rest = rest.subspan(n);
        left -= n;
        return n;
      });
}

/// Takes the next piece from the beginning of `rest`.
inline ByteSpan next_piece(ByteSpan& rest, const Splits& splits) {
  const ByteSpan now = rest.first(std::min(splits.fed(), rest.size()));
  rest = rest.subspan(now.size());
  return now;
}

/// An object cannot know that no more will come: the other ways throw.
inline void require_end(const ZstdDecompressionObj& object, ByteSpan data) {
  ZSTDFS_ASSERT(object.bytes_consumed() == data.size());
  if (object.eof()) return;
  if (object.bytes_produced() == 0) throw NothingProduced(ZSTD_error_srcSize_wrong, "truncated");
  throw ZstdError(ZSTD_error_srcSize_wrong, "truncated");
}

/// Takes as much content at once as a piece holds.
inline void by_object(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                      Sink& sink) {
  ZstdDecompressionObj object =
      decompressor.decompressobj({.write_size = splits.write(), .read_across_frames = true});
  for (ByteSpan rest = data; !rest.empty();) {
    write_all(sink, object.decompress(next_piece(rest, splits)));
  }
  require_end(object, data);
}

/// Whether an object gets more before it has used up what it has.
enum class TopUp { kNo, kYes };

inline void take_from_object(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                             Sink& sink, TopUp top_up) {
  ZstdDecompressionObj object =
      decompressor.decompressobj({.write_size = splits.write(), .read_across_frames = true});
  Bytes input;
  for (ByteSpan rest = data; !rest.empty() || !object.needs_input();) {
    input.assign(object.unconsumed_tail().begin(), object.unconsumed_tail().end());
    if (input.empty() || top_up == TopUp::kYes) {
      const ByteSpan now = next_piece(rest, splits);
      input.insert(input.end(), now.begin(), now.end());
    }
    const std::size_t most = splits.write();
    const Bytes out = object.decompress(input, most);
    ZSTDFS_ASSERT(out.size() <= most);
    write_all(sink, out);
  }
  require_end(object, data);
}

/// A tail is first used up, so that little is copied.
inline void by_limited_object(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                              Sink& sink) {
  take_from_object(decompressor, data, splits, sink, TopUp::kNo);
}

inline void by_topped_up_object(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                                Sink& sink) {
  take_from_object(decompressor, data, splits, sink, TopUp::kYes);
}

inline void by_reader(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                      Sink& sink) {
  CallbackSource source = source_of(data, splits);
  ZstdDecompressionReader reader = decompressor.stream_reader(
      source, {.read_size = splits.read(), .read_across_frames = (splits.write() & 1) != 0});
  Bytes out;
  for (bool waits = false;; waits = !waits) {
    out.resize(splits.write());
    const std::size_t n = waits ? reader.readinto(out) : reader.readinto1(out);
    if (n == 0) break;
    write_all(sink, ByteSpan(out).first(n));
  }
  ZSTDFS_ASSERT(reader.bytes_consumed() == data.size());
}

inline void by_reader_in_memory(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                                Sink& sink) {
  ZstdDecompressionReader reader = decompressor.stream_reader(data);
  std::uint64_t position = 0;
  while (true) {
    const Bytes out = reader.read(static_cast<std::int64_t>(splits.write()));
    position += out.size();
    ZSTDFS_ASSERT(reader.tell() == position);
    if (out.empty()) return;
    write_all(sink, out);
  }
}

inline void by_range(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                     Sink& sink) {
  CallbackSource source = source_of(data, splits);
  const std::size_t most = splits.write();
  auto range = decompressor.read_to_iter(
      source, {.read_size = splits.read(), .write_size = most, .read_across_frames = true});
  for (const ByteSpan piece : range) {
    ZSTDFS_ASSERT(!piece.empty() && piece.size() <= most);
    write_all(sink, piece);
  }
  ZSTDFS_ASSERT(range.bytes_consumed() == data.size());
}

inline void by_writer(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                      Sink& sink) {
  ZstdDecompressionWriter writer = decompressor.stream_writer(sink, {.write_size = splits.write()});
  for (ByteSpan rest = data; !rest.empty();) {
    const ByteSpan now = next_piece(rest, splits);
    ZSTDFS_ASSERT(writer.write(now) == now.size());
  }
  writer.close();
}

inline void by_chunker(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                       Sink& sink) {
  const std::size_t most = splits.write();
  ZstdDecompressionChunker chunker = decompressor.chunker({.chunk_size = most});
  for (ByteSpan rest = data; !rest.empty();) {
    for (const ByteSpan chunk : chunker.decompress(next_piece(rest, splits))) {
      ZSTDFS_ASSERT(chunk.size() == most);
      write_all(sink, chunk);
    }
    if (!splits.flushes || !splits.flushes()) continue;
    for (const ByteSpan chunk : chunker.flush()) write_all(sink, chunk);
  }
  for (const ByteSpan chunk : chunker.finish()) write_all(sink, chunk);
}

inline void by_copy(ZstdDecompressor& decompressor, ByteSpan data, const Splits& splits,
                    Sink& sink) {
  CallbackSource source = source_of(data, splits);
  const DecompressingCopyResult result = decompressor.copy_stream(
      source, sink, {.read_size = splits.read(), .write_size = splits.write()});
  ZSTDFS_ASSERT(result.read == data.size());
}

struct DecompressionWay {
  const char* name = nullptr;
  void (*decompress)(ZstdDecompressor&, ByteSpan, const Splits&, Sink&) = nullptr;
};

inline constexpr std::array kDecompressionWays =
    std::to_array<DecompressionWay>({{"object", by_object},
                                     {"limited object", by_limited_object},
                                     {"topped up object", by_topped_up_object},
                                     {"reader", by_reader},
                                     {"reader in memory", by_reader_in_memory},
                                     {"writer", by_writer},
                                     {"chunker", by_chunker},
                                     {"range", by_range},
                                     {"copy", by_copy}});

}  // namespace zstdfs::test
