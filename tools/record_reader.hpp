#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "zstdfs/stream.hpp"

namespace zstdfs::tools {

/// How a stream is divided into records.
enum class RecordForm {
  /// Each line, with the newline that ends it: all records one after the other are the stream
  /// again, whether or not it ends with a newline.
  kLines,
  kLengthPrefixed,  ///< a little-endian 32-bit length in bytes, then the record
};

/// A record that is not whole, or larger than allowed. The message names it, its number counted
/// from 0, and its offset in the stream.
class RecordError : public std::runtime_error {
 public:
  RecordError(std::uint64_t number, std::uint64_t offset, const std::string& what)
      : std::runtime_error("record " + std::to_string(number) + " at offset " +
                           std::to_string(offset) + ": " + what) {}
};

struct Record {
  std::uint64_t number = 0;
  std::uint64_t offset = 0;  ///< where it begins in the stream, length included
  Bytes content;
};

/// Reads a stream record by record.
///
/// Memory: a buffer of 1 MiB and one record.
class RecordReader {
 public:
  /// No record may have more than `max_record_bytes`. The source outlives the reader.
  RecordReader(Source& source, RecordForm form, std::uint64_t max_record_bytes);

  /// The next record; nothing at the stream's end. Throws RecordError, and what the source throws.
  std::optional<Record> next();

 private:
  std::optional<Record> next_line();
  std::optional<Record> next_length_prefixed();
  /// Reads up to `bytes` bytes behind those of `out`; fewer only at the stream's end.
  void read_some(Bytes& out, std::size_t bytes);
  bool fill();

  Source& source_;
  const RecordForm form_;
  const std::uint64_t max_record_bytes_;
  Bytes buffer_;
  ByteSpan rest_;  // of buffer_, not looked at yet
  std::uint64_t number_ = 0;
  std::uint64_t offset_ = 0;  // of the next record
};

}  // namespace zstdfs::tools
