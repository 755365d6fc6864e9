#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/frames.hpp"
#include "zstdfs/seek_table.hpp"
#include "zstdfs/seekable_reader.hpp"

namespace zstdfs::fuzz {
namespace {

constexpr std::uint64_t kMaxFrameSize = 1u << 20;

/// What a reader may ask the file for at a time, for a frame of so much content.
constexpr std::uint64_t most_stored_bytes(std::uint64_t content_bytes) {
  return 8 * content_bytes + (64u << 10);
}

/// So that a run takes no time: what really holds more is not scanned.
constexpr std::uint64_t kMostScannedBytes = 2u << 20;
constexpr std::size_t kMostPieces = 60;

/// The file, which sees that no reader takes more memory than its limit allows.
class File final : public RandomAccessSource {
 public:
  explicit File(ByteSpan bytes) : bytes_(bytes), memory_(bytes) {}
  std::uint64_t size() const override { return bytes_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    FUZZ_REQUIRE(out.size() <= most_stored_bytes(kMaxFrameSize));
    return memory_.read_at(offset, out);
  }
  ByteSpan bytes() const { return bytes_; }

 private:
  ByteSpan bytes_;
  MemorySource memory_;
};

/// What `work` returns, unless the file is damaged or the options do not allow it: no other
/// exception may come out.
template <typename Work>
auto unless_damaged(const Work& work) -> std::optional<decltype(work())> {
  try {
    return work();
  } catch (const CorruptError& error) {
    FUZZ_REQUIRE(!std::string_view(error.what()).empty());
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0);
  }
  return std::nullopt;
}

/// How much the frames can hold, up to the first that is not whole.
std::uint64_t content_bound(ByteSpan data) {
  std::uint64_t bound = 0;
  try {
    for (const FrameView& frame : frames_of(data)) bound += frame.content_bound;
  } catch (const ZstdError&) {
    return bound;
  }
  return bound;
}

SeekTable next_table(Choices& choices, SeekTableChecksums checksums) {
  SeekTable table(checksums);
  for (unsigned count = choices.next() & 15; count != 0; --count) {
    SeekTable::NewFrame frame;
    frame.compressed_size = choices.next_two_bytes();
    const unsigned content = choices.next_two_bytes();
    // Small ones, and up to the most that a table can list.
    frame.decompressed_size =
        content < 0xF000 ? content : std::uint64_t{content & 0xFFF} << 20 | 0xFFFFF;
    if (choices.next_flag()) frame.checksum = choices.next_two_bytes();
    try {
      table.append(frame);
    } catch (const std::invalid_argument&) {
      const bool lacks_checksum = !frame.checksum && frame.decompressed_size != 0;
      FUZZ_REQUIRE(frame.compressed_size < 8 || (table.has_checksums() && lacks_checksum));
    }
  }
  return table;
}

/// What is in one frame, if that is what the table says, told without a reader.
std::optional<Bytes> content_of(const File& file, const SeekableFrame& frame,
                                const DecompressorOptions& options) {
  const ByteSpan stored = file.bytes().subspan(static_cast<std::size_t>(frame.compressed_offset),
                                               frame.compressed_size);
  const Outcome outcome = outcome_of([&] {
    return ZstdDecompressor(options).decompress(stored, {.max_output_size = kMaxFrameSize});
  });
  if (outcome.error || outcome.content.size() != frame.decompressed_size) return std::nullopt;
  if (frame.checksum && content_checksum(outcome.content) != *frame.checksum) return std::nullopt;
  return outcome.content;
}

/// Whether a reader may refuse a frame although it holds what the table says: because it is stored
/// in too many bytes, or behind skippable frames.
bool may_be_refused(const File& file, const SeekableFrame& frame) {
  const ByteSpan rest = file.bytes().subspan(static_cast<std::size_t>(frame.compressed_offset));
  return frame.compressed_size > most_stored_bytes(frame.decompressed_size) ||
         is_skippable_frame(rest);
}

std::optional<Bytes> read_part(const ZstdSeekableReader& reader, std::uint64_t offset,
                               std::size_t bytes) {
  return unless_damaged([&] {
    Bytes out(bytes);
    const std::size_t n = reader.read_at(offset, out);
    FUZZ_REQUIRE(n == std::min<std::uint64_t>(bytes, reader.size() - offset));
    out.resize(n);
    return out;
  });
}

/// Each frame is read as it is, or refused: never with other content.
void check_frames(const ZstdSeekableReader& reader, const File& file,
                  const DecompressorOptions& options) {
  std::size_t checked = 0;
  for (const SeekableFrame& frame : reader.seek_table()) {
    if (frame.decompressed_size == 0) continue;
    if (++checked > kMostPieces) return;
    const std::size_t bytes = std::min<std::size_t>(frame.decompressed_size, kMostContentBytes);
    const auto got = read_part(reader, frame.decompressed_offset, bytes);
    if (frame.decompressed_size > kMaxFrameSize) {
      FUZZ_REQUIRE(!got);
      continue;
    }
    const auto wanted = content_of(file, frame, options);
    if (!got) {
      FUZZ_REQUIRE(!wanted || may_be_refused(file, frame));
      continue;
    }
    FUZZ_REQUIRE(wanted && std::ranges::equal(ByteSpan(*wanted).first(bytes), *got));
  }
}

/// Reads all by position, in pieces; nothing where one of them fails.
std::optional<Bytes> in_order(ZstdSeekableReader& reader, std::size_t piece) {
  Bytes all;
  FUZZ_REQUIRE(reader.seek(0) == 0);
  while (reader.tell() < reader.size()) {
    const std::uint64_t position = reader.tell();
    const auto peeked = unless_damaged([&] { return reader.peek(piece); });
    const auto got = unless_damaged([&] { return reader.read(static_cast<std::int64_t>(piece)); });
    FUZZ_REQUIRE(got == peeked);
    FUZZ_REQUIRE(reader.tell() == position + (got ? got->size() : 0));
    if (!got) return std::nullopt;
    all.insert(all.end(), got->begin(), got->end());
  }
  return all;
}

/// As above, by offset, with the last piece first.
std::optional<Bytes> from_the_end(const ZstdSeekableReader& reader, std::size_t piece) {
  Bytes all(static_cast<std::size_t>(reader.size()));
  for (std::size_t pieces = (all.size() + piece - 1) / piece; pieces != 0; --pieces) {
    const std::size_t offset = (pieces - 1) * piece;
    const auto got = read_part(reader, offset, piece);
    if (!got) return std::nullopt;
    std::ranges::copy(*got, all.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  return all;
}

void check_reader(const File& file, const SeekTable& table, const SeekableReaderOptions& options,
                  std::size_t piece) {
  auto opened = unless_damaged([&] { return ZstdSeekableReader(file, table, options); });
  FUZZ_REQUIRE(opened.has_value() == (table.compressed_size() <= file.size()));
  if (!opened) return;
  ZstdSeekableReader& reader = *opened;
  FUZZ_REQUIRE(reader.size() == table.decompressed_size());
  check_frames(reader, file, options.decompressor);
  const auto all = unless_damaged([&] { return reader.readall(); });
  if (all) FUZZ_REQUIRE(all->size() == reader.size() && reader.tell() == reader.size());
  if (reader.size() > kMostContentBytes) return;
  piece = std::max(piece, static_cast<std::size_t>(reader.size()) / kMostPieces + 1);
  FUZZ_REQUIRE(in_order(reader, piece) == all);
  FUZZ_REQUIRE(from_the_end(reader, piece) == all);
}

}  // namespace

/// The input: choices, the entries of a table, and the file.
void seekable_target(ByteSpan input) {
  Choices choices(input);
  const unsigned how = choices.next();
  SeekableReaderOptions options{.max_frame_size = kMaxFrameSize};
  options.decompressor = decompressor_options(choices.next() & ~1u);
  if (options.decompressor.max_window_size == 0) {
    options.decompressor.max_window_size = kLargestStreamWindow;
  }
  options.kept_frames = 1 + (how >> 4 & 3);
  const std::size_t piece = 1 + choices.next();
  const SeekTableChecksums checksums =
      (how & 4) != 0 ? SeekTableChecksums::kPresent : SeekTableChecksums::kAbsent;
  std::optional<SeekTable> elsewhere;
  if ((how & 3) == 2) elsewhere = next_table(choices, checksums);
  const File file(choices.rest());

  if (elsewhere) {
    check_reader(file, *elsewhere, options, piece);
  } else if ((how & 3) == 1) {
    if (content_bound(file.bytes()) > kMostScannedBytes) return;
    const auto scanned = unless_damaged([&] {
      return scan_seek_table(file, {.checksums = checksums, .decompressor = options.decompressor});
    });
    if (scanned) check_reader(file, *scanned, options, piece);
  } else {
    const auto own = unless_damaged([&] { return read_seek_table(file); });
    if (own && *own) check_reader(file, **own, options, piece);
  }
}

}  // namespace zstdfs::fuzz
