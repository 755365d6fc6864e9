#include "zstdfs/seekable_reader.hpp"

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "arguments.hpp"
#include "exclusive_use.hpp"
#include "seekable_frames.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {
namespace {

/// A read of more content takes memory for at most so much of it at a time.
constexpr std::size_t kPieceBytes = std::size_t{4} << 20;
// Memory for all of the content is reserved at first, but not used, up to so much for each stored
// byte, and altogether. Beyond that it grows.
constexpr std::uint64_t kUsualRatio = 64;
constexpr std::uint64_t kMaxReservedBytes = std::uint64_t{1} << 30;

SeekTable table_of(const RandomAccessSource& source) {
  auto table = read_seek_table(source);
  if (!table) throw CorruptError(source.size(), "the file does not end in a seek table");
  return std::move(*table);
}

const RandomAccessSource& checked(const std::unique_ptr<const RandomAccessSource>& source) {
  if (!source) throw std::invalid_argument("there is no source");
  return *source;
}

DecompressorOptions options_of_decoders(const DecompressorOptions& options,
                                        const SeekTable& table) {
  if (options.format != kFormatZstd1) {
    throw std::invalid_argument("a seekable file cannot hold magicless frames");
  }
  DecompressorOptions result = options;
  // The table's checksum tells a wrong dictionary as well as the frame's own.
  if (table.has_checksums() && result.checksums == ChecksumPolicy::kRequireWithRawDict) {
    result.checksums = ChecksumPolicy::kVerifyIfPresent;
  }
  return result;
}

[[noreturn]] void refuse_seek(const char* what) {
  throw std::system_error(EINVAL, std::generic_category(), what);
}

}  // namespace

struct ZstdSeekableReader::State {
  State(const RandomAccessSource& from, SeekTable listed, const SeekableReaderOptions& options)
      : table(std::move(listed)),
        decompressor(options_of_decoders(options.decompressor, table)),
        file{.source = from,
             .table = table,
             .decompressor = decompressor,
             .max_frame_size = options.max_frame_size},
        decoders(std::make_unique<SeekableDecoders>(file, options.kept_frames)) {
    require_nonzero(options.kept_frames, "kept_frames");
    if (table.compressed_size() > from.size()) {
      throw CorruptError(from.size(),
                         "the seek table lists " + std::to_string(table.compressed_size()) +
                             " bytes of frames, the file has " + std::to_string(from.size()));
    }
  }

  void check_open() const {
    if (!decoders) throw UsageError("the seekable reader is closed");
  }
  std::uint64_t size() const { return table.decompressed_size(); }
  std::uint64_t start_of_seek(SeekOrigin origin) const;
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const;
  /// Takes memory only as the bytes come, which may be far fewer than the table claims.
  Bytes read_from(std::uint64_t offset, std::uint64_t wanted) const;

  const SeekTable table;
  const DecompressorOptions decompressor;
  const SeekableFile file;
  std::unique_ptr<const RandomAccessSource> owned;
  std::unique_ptr<SeekableDecoders> decoders;  // synchronised by itself; null: closed
  UseState use;                                // of the position
  std::uint64_t position = 0;                  // touched only while in use
};

std::uint64_t ZstdSeekableReader::State::start_of_seek(SeekOrigin origin) const {
  switch (origin) {
    case SeekOrigin::kStart:
      return 0;
    case SeekOrigin::kCurrent:
      return position;
    case SeekOrigin::kEnd:
      return size();
  }
  refuse_seek("cannot seek from an unknown origin");
}

std::size_t ZstdSeekableReader::State::read_at(std::uint64_t offset, MutableByteSpan out) const {
  check_open();
  const std::optional<std::size_t> first = table.find(offset);
  if (!first || out.empty()) return 0;
  out = out.first(static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), size() - offset)));
  const SeekableDecoders::Loan decoder(*decoders, *first);
  MutableByteSpan rest = out;
  for (std::size_t i = *first; !rest.empty(); ++i) {
    const SeekableFrame& frame = table[i];
    if (frame.decompressed_size == 0) continue;
    const auto skipped = static_cast<std::size_t>(offset - frame.decompressed_offset);
    const std::size_t n = std::min(rest.size(), frame.decompressed_size - skipped);
    decoder->read({.frame = i, .content_offset = skipped}, rest.first(n));
    rest = rest.subspan(n);
    offset += n;
  }
  return out.size();
}

Bytes ZstdSeekableReader::State::read_from(std::uint64_t offset, std::uint64_t wanted) const {
  check_open();
  wanted = std::min(wanted, size() - offset);
  Bytes out;
  const std::uint64_t stored = std::min(table.compressed_size(), kMaxReservedBytes);
  out.reserve(
      static_cast<std::size_t>(std::min({wanted, kUsualRatio * stored, kMaxReservedBytes})));
  while (out.size() < wanted) {
    const std::size_t at = out.size();
    std::uint64_t piece = wanted - at;
    if (piece > kPieceBytes) {
      // Up to a frame's start, so that whole frames are decompressed where they belong.
      const std::uint64_t whole = table[*table.find(offset + at + kPieceBytes)].decompressed_offset;
      piece = whole > offset + at ? whole - (offset + at) : kPieceBytes;
    }
    out.resize(at + static_cast<std::size_t>(piece));
    read_at(offset + at, MutableByteSpan(out).subspan(at));
  }
  return out;
}

ZstdSeekableReader::ZstdSeekableReader(const RandomAccessSource& source,
                                       const SeekableReaderOptions& options)
    : ZstdSeekableReader(source, table_of(source), options) {}

ZstdSeekableReader::ZstdSeekableReader(const RandomAccessSource& source, SeekTable table,
                                       const SeekableReaderOptions& options)
    : state_(std::make_unique<State>(source, std::move(table), options)) {}

ZstdSeekableReader::ZstdSeekableReader(std::unique_ptr<const RandomAccessSource> source,
                                       const SeekableReaderOptions& options)
    : ZstdSeekableReader(checked(source), options) {
  state_->owned = std::move(source);
}

ZstdSeekableReader::ZstdSeekableReader(std::unique_ptr<const RandomAccessSource> source,
                                       SeekTable table, const SeekableReaderOptions& options)
    : ZstdSeekableReader(checked(source), std::move(table), options) {
  state_->owned = std::move(source);
}

ZstdSeekableReader::~ZstdSeekableReader() = default;
ZstdSeekableReader::ZstdSeekableReader(ZstdSeekableReader&&) noexcept = default;
ZstdSeekableReader& ZstdSeekableReader::operator=(ZstdSeekableReader&&) noexcept = default;

std::uint64_t ZstdSeekableReader::size() const {
  return state_->size();
}

std::size_t ZstdSeekableReader::read_at(std::uint64_t offset, MutableByteSpan out) const {
  return state_->read_at(offset, out);
}

std::optional<int> ZstdSeekableReader::fileno() const {
  if (closed()) return std::nullopt;
  return state_->file.source.fileno();
}

const SeekTable& ZstdSeekableReader::seek_table() const {
  return state_->table;
}

Bytes ZstdSeekableReader::read(std::int64_t size) {
  if (size == -1) return readall();
  if (size < 0) throw std::invalid_argument("cannot read " + std::to_string(size) + " bytes");
  const ExclusiveUse use(state_->use);
  Bytes out = state_->read_from(state_->position, static_cast<std::uint64_t>(size));
  state_->position += out.size();
  return out;
}

std::size_t ZstdSeekableReader::readinto(MutableByteSpan out) {
  const ExclusiveUse use(state_->use);
  const std::size_t n = state_->read_at(state_->position, out);
  state_->position += n;
  return n;
}

Bytes ZstdSeekableReader::readall() {
  const ExclusiveUse use(state_->use);
  Bytes out = state_->read_from(state_->position, state_->size());
  state_->position += out.size();
  return out;
}

std::uint64_t ZstdSeekableReader::seek(std::int64_t offset, SeekOrigin origin) {
  const ExclusiveUse use(state_->use);
  state_->check_open();
  const std::uint64_t from = state_->start_of_seek(origin);
  // Negated as unsigned: the smallest number has no positive counterpart.
  const std::uint64_t distance =
      offset < 0 ? -static_cast<std::uint64_t>(offset) : static_cast<std::uint64_t>(offset);
  if (offset < 0 && distance > from) {
    refuse_seek("cannot seek to a position before the start");
  }
  state_->position =
      offset < 0 ? from - distance : from + std::min(distance, state_->size() - from);
  return state_->position;
}

std::uint64_t ZstdSeekableReader::tell() const {
  const ExclusiveUse use(state_->use);
  return state_->position;
}

Bytes ZstdSeekableReader::peek(std::size_t size) const {
  const ExclusiveUse use(state_->use);
  return state_->read_from(state_->position, size);
}

void ZstdSeekableReader::close() {
  const ExclusiveUse use(state_->use);
  state_->decoders.reset();
  state_->owned.reset();
}

bool ZstdSeekableReader::closed() const {
  return !state_->decoders;
}

}  // namespace zstdfs
