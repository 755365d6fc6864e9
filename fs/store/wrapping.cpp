#include "fs/store/wrapping.hpp"

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "fs/store/seal.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::store {
namespace {

constexpr std::uint32_t kChunkBytes = kDefaultChunkBytes;
// Half of what a seek table lists, so that there are never too many frames.
constexpr std::uint64_t kMaxFileBytes = (std::uint64_t{1} << 26) * kChunkBytes;

/// The next byte that may not be zero; the end of the file when there is none.
std::uint64_t next_data(const os::File& file, std::uint64_t offset, std::uint64_t file_bytes) {
  try {
    return std::min(file.seek_data(offset), file_bytes);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENXIO) return file_bytes;
    return offset;  // not every filesystem tells
  }
}

class Wrapper {
 public:
  Wrapper(const os::File& file, const StoredSink& sink) : file_(file), sink_(sink) {}

  std::uint64_t run(std::uint64_t generation) {
    const std::uint64_t file_bytes = file_.size();
    if (file_bytes > kMaxFileBytes) {
      throw std::system_error(EFBIG, std::generic_category(), "too large to be kept");
    }
    Bytes content;
    for (std::uint64_t at = 0; at < file_bytes;) {
      const std::uint64_t data = next_data(file_, at, file_bytes);
      if (data > at) zeros_ += data - at;
      at = data;
      content.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(kChunkBytes, file_bytes - at)));
      if (content.empty()) break;
      if (file_.read_at(at, content) < content.size()) {
        throw std::system_error(EIO, std::generic_category(), "the file became shorter");
      }
      add(content);
      at += content.size();
    }
    add_zeros();
    ContainerHeader header;
    header.generation = generation;
    const Bytes table = seal(header, index_, index_.frames_end());
    sink_(index_.frames_end(), table);
    sink_(0, encode_container_header(header));
    return header.stored_bytes;
  }

 private:
  void add(ByteSpan content) {
    if (all_zeros(content)) {
      zeros_ += content.size();
      return;
    }
    add_zeros();
    append(encoder_.encode(content, kDefaultLevel), content.size());
  }

  void add_zeros() {
    for (std::uint64_t n = 0; zeros_ > 0; zeros_ -= n) {
      n = std::min(zeros_, kMaxZeroFrameBytes);
      append(encode_zero_frame(n), n);
    }
  }

  void append(const Bytes& frame, std::uint64_t logical_bytes) {
    const std::uint64_t at = index_.frames_end();
    sink_(at, frame);
    index_.append(at, static_cast<std::uint32_t>(frame.size()),
                  static_cast<std::uint32_t>(logical_bytes),
                  load_le<std::uint32_t>(frame, frame.size() - sizeof(std::uint32_t)));
  }

  const os::File& file_;
  const StoredSink& sink_;
  FrameEncoder encoder_;
  FrameIndex index_;
  std::uint64_t zeros_ = 0;
};

}  // namespace

std::uint64_t write_wrapped(const os::File& file, std::uint64_t generation,
                            const StoredSink& sink) {
  return Wrapper(file, sink).run(generation);
}

bool holds_wrapped(const RandomAccessSource& wrapped, const os::File& file) {
  if (!is_container(wrapped)) return false;
  try {
    const LoadedContainer container = load_container(wrapped);
    if (!container.sealed || container.logical_bytes != file.size()) return false;
    Bytes kept;
    Bytes content;
    for (const FrameEntry& frame : container.index) {
      if (frame.logical_bytes > kChunkBytes) {
        if (!is_stored_zero_frame(wrapped, frame)) return false;
        if (next_data(file, frame.logical_offset, file.size()) < frame.logical_end()) return false;
        continue;
      }
      kept.resize(frame.logical_bytes);
      content.resize(frame.logical_bytes);
      read_frame(wrapped, frame, kept);
      if (file.read_at(frame.logical_offset, content) < content.size()) return false;
      if (kept != content) return false;
    }
    return true;
  } catch (const CorruptError&) {
    return false;
  } catch (const NewerFormatError&) {
    return false;
  }
}

}  // namespace zstdfs::store
