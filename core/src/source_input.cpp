#include "source_input.hpp"

#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include "arguments.hpp"

namespace zstdfs {

MutableByteSpan ScratchBuffer::at_least(std::size_t bytes) {
  if (capacity_ < bytes) {
    memory_ = std::make_unique_for_overwrite<std::byte[]>(bytes);
    capacity_ = bytes;
  }
  return {memory_.get(), bytes};
}

SourceInput::SourceInput(Source& source, std::size_t read_size, AtEnd at_end)
    : source_(&source), read_size_(read_size), at_end_(at_end) {
  require_nonzero(read_size, "read_size");
}

SourceInput::SourceInput(std::unique_ptr<Source> source, std::size_t read_size, AtEnd at_end)
    : owned_(std::move(source)), source_(owned_.get()), read_size_(read_size), at_end_(at_end) {
  if (!source_) throw std::invalid_argument("there is no source");
  require_nonzero(read_size, "read_size");
}

bool SourceInput::refill(ScratchBuffer& buffer) {
  if (!pending_.empty()) return true;
  if (source_ == nullptr || ended_) return false;
  const MutableByteSpan space = buffer.at_least(read_size_);
  const std::size_t n = source_->read(space);
  if (n > space.size()) {
    throw std::system_error(EIO, std::generic_category(),
                            "a source gave " + std::to_string(n) + " of at most " +
                                std::to_string(space.size()) + " bytes");
  }
  ended_ = n == 0 && at_end_ == AtEnd::kIsFinal;
  bytes_read_ += n;
  pending_ = space.first(n);
  return n != 0;
}

void SourceInput::close() {
  if (source_ != nullptr) source_->close();
}

}  // namespace zstdfs
