#include "tools/logical_content.hpp"

#include <algorithm>

#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

class ContainerContent final : public RandomAccessSource {
 public:
  ContainerContent(std::unique_ptr<os::File> stored, const DictionarySource& dictionaries)
      : stored_(std::move(stored)),
        dictionaries_(dictionaries),
        container_(load_container(*stored_, dictionaries)) {}

  std::uint64_t size() const override { return container_.logical_bytes; }

  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    std::size_t done = 0;
    while (done < out.size() && offset + done < size()) {
      done += read_within_frame(offset + done, out.subspan(done));
    }
    return done;
  }

 private:
  /// Reads to the end of `out` or of the frame that holds `offset`.
  std::size_t read_within_frame(std::uint64_t offset, MutableByteSpan out) const {
    const auto number = container_.index.find(offset);
    if (!number) {
      throw CorruptError(container_.index.frames_end(),
                         "no readable frame for logical offset " + std::to_string(offset));
    }
    const FrameEntry& frame = container_.index[*number];
    const auto n =
        static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), frame.logical_end() - offset));
    if (frame.logical_bytes > kMaxChunkBytes) {
      check_zeros(frame);
      std::fill_n(out.begin(), n, std::byte{0});
      return n;
    }
    Bytes content(frame.logical_bytes);
    read_frame(*stored_, frame, content, dictionaries_);
    const auto from = content.begin() + static_cast<std::ptrdiff_t>(offset - frame.logical_offset);
    std::copy_n(from, n, out.begin());
    return n;
  }

  /// Only a run of zeros is larger than a chunk. It is not made in memory.
  void check_zeros(const FrameEntry& frame) const {
    if (is_stored_zero_frame(*stored_, frame)) return;
    throw CorruptError(frame.stored_offset, "a frame of " + std::to_string(frame.logical_bytes) +
                                                " bytes, more than a chunk can have");
  }

  const std::unique_ptr<os::File> stored_;
  const DictionarySource& dictionaries_;
  const LoadedContainer container_;
};

}  // namespace

std::unique_ptr<RandomAccessSource> open_logical_content(std::unique_ptr<os::File> stored,
                                                         const DictionarySource& dictionaries) {
  if (!is_container(*stored)) return stored;
  return std::make_unique<ContainerContent>(std::move(stored), dictionaries);
}

}  // namespace zstdfs::tools
