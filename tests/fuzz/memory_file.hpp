#pragma once

#include <algorithm>
#include <cerrno>
#include <limits>
#include <system_error>

#include "fs/os/file.hpp"

namespace zstdfs::fuzz {

/// A file in memory, for decoders that read files and for what is written because of what they
/// read. It holds no more than `most_bytes`; more is refused as by a disk with small files.
class MemoryFile final : public os::File {
 public:
  explicit MemoryFile(ByteSpan content,
                      std::uint64_t most_bytes = std::numeric_limits<std::uint64_t>::max())
      : content_(content.begin(), content.end()), most_bytes_(most_bytes) {}

  const Bytes& content() const { return content_; }
  timespec modified() const { return modified_; }

  std::uint64_t size() const override { return content_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    return MemorySource(content_).read_at(offset, out);
  }
  bool writable() const override { return true; }
  void write_at(std::uint64_t offset, ByteSpan bytes) override {
    if (bytes.size() > most_bytes_ || offset > most_bytes_ - bytes.size()) refuse(EFBIG);
    const auto end = static_cast<std::size_t>(offset) + bytes.size();
    if (content_.size() < end) content_.resize(end);
    std::copy(bytes.begin(), bytes.end(), content_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void truncate(std::uint64_t bytes) override {
    if (bytes > most_bytes_) refuse(EFBIG);
    content_.resize(static_cast<std::size_t>(bytes));
  }
  void allocate(ByteRange range, os::AllocateKind) override {
    if (range.end() > most_bytes_) refuse(EFBIG);
  }
  void punch_hole(ByteRange) override { refuse(EOPNOTSUPP); }
  void sync(os::SyncKind) override {}
  struct stat stat() const override {
    return {};
  }
  void set_modification_time(timespec time) override {
    // What utimensat(2) refuses.
    if (time.tv_nsec < 0 || time.tv_nsec >= 1'000'000'000) refuse(EINVAL);
    modified_ = time;
  }
  void give_to_owner_of(const File&) override {}
  std::uint64_t seek_data(std::uint64_t offset) const override { return offset; }
  std::uint64_t seek_hole(std::uint64_t) const override { return content_.size(); }
  os::Attributes attributes(std::string_view) const override { return {}; }
  std::string identity() const override { return "m"; }
  std::string path_hint() const override { return ""; }

 private:
  [[noreturn]] static void refuse(int code) {
    throw std::system_error(code, std::generic_category());
  }

  Bytes content_;
  const std::uint64_t most_bytes_;
  timespec modified_{};
};

}  // namespace zstdfs::fuzz
