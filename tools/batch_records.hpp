#pragma once

#include "tools/batch_codec.hpp"
#include "tools/record_reader.hpp"

namespace zstdfs::tools {

inline constexpr std::uint64_t kDefaultMaxRecordBytes = 64u << 20;

struct RecordBatchOptions {
  RecordForm form = RecordForm::kLines;
  std::uint64_t max_record_bytes = kDefaultMaxRecordBytes;
};

// Records on standard input, frames on standard output, or the other way round. The stream of
// frames has for each record the frame's size in bytes as a little-endian 32-bit number, and the
// frame, which carries the record's size.
//
// `totals` are right also after an error, before which all records up to the one with the error
// were written. Throw RecordError, and std::runtime_error that names the stream.
// Memory: about kGroupBytes and one record, twice.

void compress_records(BatchCodec& codec, const RecordBatchOptions& options, BatchTotals& totals,
                      Progress& progress);
void decompress_records(BatchCodec& codec, const RecordBatchOptions& options, BatchTotals& totals,
                        Progress& progress);

}  // namespace zstdfs::tools
