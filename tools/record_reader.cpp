#include "tools/record_reader.hpp"

#include <algorithm>
#include <cstring>

#include "tools/display.hpp"

namespace zstdfs::tools {
namespace {

// A multiple of the usual chunk, so that no chunk of a container is decompressed twice.
constexpr std::size_t kBufferBytes = 1u << 20;

}  // namespace

RecordReader::RecordReader(Source& source, RecordForm form, std::uint64_t max_record_bytes)
    : source_(source), form_(form), max_record_bytes_(max_record_bytes), buffer_(kBufferBytes) {}

std::optional<Record> RecordReader::next() {
  std::optional<Record> record = form_ == RecordForm::kLines ? next_line() : next_length_prefixed();
  if (record) ++number_;
  return record;
}

/// False at the stream's end. Called when everything that was read has been used.
bool RecordReader::fill() {
  rest_ = ByteSpan(buffer_).first(source_.read(buffer_));
  return !rest_.empty();
}

std::optional<Record> RecordReader::next_line() {
  Record record{number_, offset_, {}};
  for (bool whole = false; !whole && (!rest_.empty() || fill());) {
    const void* newline = std::memchr(rest_.data(), '\n', rest_.size());
    whole = newline != nullptr;
    const std::size_t bytes =
        whole ? static_cast<std::size_t>(static_cast<const std::byte*>(newline) - rest_.data()) + 1
              : rest_.size();
    if (record.content.size() + bytes > max_record_bytes_) {
      throw RecordError(number_, offset_,
                        "the line has more than " + format_bytes(max_record_bytes_) +
                            ", which is the most that is allowed");
    }
    read_some(record.content, bytes);
  }
  if (record.content.empty()) return std::nullopt;
  offset_ += record.content.size();
  return record;
}

std::optional<Record> RecordReader::next_length_prefixed() {
  Bytes length;
  read_some(length, sizeof(std::uint32_t));
  if (length.empty()) return std::nullopt;
  if (length.size() < sizeof(std::uint32_t)) {
    throw RecordError(number_, offset_, "the stream ends inside of its length");
  }
  const auto bytes = load_le<std::uint32_t>(length, 0);
  if (bytes > max_record_bytes_) {
    throw RecordError(number_, offset_,
                      "it is said to have " + std::to_string(bytes) + " bytes, more than the " +
                          std::to_string(max_record_bytes_) +
                          " that are allowed; is this a stream of length-prefixed records?");
  }
  Record record{number_, offset_, {}};
  read_some(record.content, bytes);
  if (record.content.size() < bytes) {
    throw RecordError(number_, offset_,
                      "the stream ends after " + std::to_string(record.content.size()) +
                          " of its " + std::to_string(bytes) + " bytes");
  }
  offset_ += sizeof(std::uint32_t) + bytes;
  return record;
}

void RecordReader::read_some(Bytes& out, std::size_t bytes) {
  const std::size_t end = out.size() + bytes;
  // What is read decides about the memory, not what a length claims.
  while (out.size() < end && (!rest_.empty() || fill())) {
    const ByteSpan part = rest_.first(std::min(rest_.size(), end - out.size()));
    out.insert(out.end(), part.begin(), part.end());
    rest_ = rest_.subspan(part.size());
  }
}

}  // namespace zstdfs::tools
