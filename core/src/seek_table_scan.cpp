#include <xxhash.h>

#include <memory>
#include <new>
#include <stdexcept>

#include "frame_walk_window.hpp"
#include "seek_table_layout.hpp"
#include "seekable_damage.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/seek_table.hpp"

namespace zstdfs {
namespace {

constexpr std::size_t kScanWindowBytes = 128u << 10;

/// A part of a source, read in order.
class PartSource final : public Source {
 public:
  PartSource(const RandomAccessSource& source, ByteRange part) : source_(source), rest_(part) {}

  std::size_t read(MutableByteSpan out) override {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), rest_.bytes));
    const std::size_t n = source_.read_at(rest_.offset, out.first(wanted));
    rest_ = {.offset = rest_.offset + n, .bytes = rest_.bytes - n};
    return n;
  }

 private:
  const RandomAccessSource& source_;
  ByteRange rest_;
};

/// Counts and hashes content, and keeps none of it.
class MeasuringSink final : public Sink {
 public:
  MeasuringSink() : hash_(XXH64_createState()) {
    if (!hash_) throw std::bad_alloc();
    XXH64_reset(hash_.get(), 0);
  }

  std::size_t write(ByteSpan bytes) override {
    XXH64_update(hash_.get(), bytes.data(), bytes.size());
    bytes_ += bytes.size();
    return bytes.size();
  }

  std::uint64_t bytes() const { return bytes_; }
  std::uint32_t checksum() const { return static_cast<std::uint32_t>(XXH64_digest(hash_.get())); }

 private:
  struct Free {
    void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
  };
  std::unique_ptr<XXH64_state_t, Free> hash_;
  std::uint64_t bytes_ = 0;
};

class SeekTableScan {
 public:
  SeekTableScan(const RandomAccessSource& source, const SeekTableScanOptions& options)
      : source_(source),
        window_(source, kScanWindowBytes),
        decompressor_(options.decompressor),
        table_(options.checksums) {}

  SeekTable run() && {
    while (table_.compressed_size() < window_.source_bytes()) {
      const FramePlace place{.number = table_.frame_count(), .offset = table_.compressed_size()};
      const auto found = find_frame(window_, place.offset);
      if (const auto* none = std::get_if<NoFrame>(&found)) {
        throw_damaged(place, "no whole frame: " + none->reason);
      }
      const auto& extent = std::get<FrameExtent>(found);
      if (is_seek_table_of_the_file(extent)) break;
      take(place, extent);
    }
    return std::move(table_);
  }

 private:
  bool is_seek_table_of_the_file(const FrameExtent& extent) const {
    return extent.kind == FrameExtent::Kind::kSkippable && extent.magic == kSeekTableMagic &&
           extent.stored_offset + extent.stored_bytes == window_.source_bytes();
  }

  void take(const FramePlace& place, const FrameExtent& extent) {
    SeekTable::NewFrame frame{.compressed_size = extent.stored_bytes};
    if (extent.kind == FrameExtent::Kind::kData) {
      if (extent.content_bytes && (extent.checksum || !table_.has_checksums())) {
        frame.decompressed_size = *extent.content_bytes;
        frame.checksum = extent.checksum;
      } else {
        measure(place, frame);
      }
    }
    table_.append(frame);
  }

  /// Learns what the frame's header does not tell.
  void measure(const FramePlace& place, SeekTable::NewFrame& frame) {
    PartSource stored(source_, {.offset = place.offset, .bytes = frame.compressed_size});
    MeasuringSink content;
    try {
      decompressor_.copy_stream(stored, content);
    } catch (const ZstdError& error) {
      throw_as_damage(place, error);
    }
    frame.decompressed_size = content.bytes();
    frame.checksum = content.checksum();
  }

  const RandomAccessSource& source_;
  ReadWindow window_;
  ZstdDecompressor decompressor_;
  SeekTable table_;
};

}  // namespace

SeekTable scan_seek_table(const RandomAccessSource& source, const SeekTableScanOptions& options) {
  if (options.decompressor.format != kFormatZstd1) {
    throw std::invalid_argument("a seekable file cannot hold magicless frames");
  }
  return SeekTableScan(source, options).run();
}

}  // namespace zstdfs
