#include "tools/batch_records.hpp"

#include <unistd.h>

#include <exception>
#include <functional>
#include <system_error>

#include "tools/dictionary_file.hpp"
#include "tools/display.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::tools {
namespace {

class StandardInput final : public Source {
 public:
  StandardInput(BatchTotals& totals, Progress& progress) : totals_(totals), progress_(progress) {}

  std::size_t read(MutableByteSpan out) override {
    try {
      const std::size_t n = source_.read(out);
      totals_.input_bytes += n;
      progress_.add(n);
      return n;
    } catch (const std::system_error& error) {
      throw std::runtime_error("standard input: " + error.code().message());
    }
  }

 private:
  FileSource source_{STDIN_FILENO, FileOwnership::kBorrowed};
  BatchTotals& totals_;
  Progress& progress_;
};

/// Records, with a length or one after the other.
class StandardOutput {
 public:
  StandardOutput(RecordForm form, BatchTotals& totals) : form_(form), totals_(totals) {}

  void add(ByteSpan record) {
    if (form_ == RecordForm::kLengthPrefixed) {
      append_le(waiting_, static_cast<std::uint32_t>(record.size()));
    }
    waiting_.insert(waiting_.end(), record.begin(), record.end());
    ++totals_.items;
  }

  void write() {
    try {
      FileSink sink(STDOUT_FILENO, FileOwnership::kBorrowed);
      write_all(sink, waiting_);
    } catch (const std::system_error& error) {
      throw std::runtime_error("standard output: " + error.code().message());
    }
    totals_.output_bytes += waiting_.size();
    waiting_.clear();
  }

 private:
  const RecordForm form_;
  BatchTotals& totals_;
  Bytes waiting_;
};

struct Group {
  std::vector<Record> records;
  std::exception_ptr failure;  ///< what ended it before its time

  std::vector<ByteSpan> items() const {
    std::vector<ByteSpan> spans;
    for (const Record& record : records) spans.emplace_back(record.content);
    return spans;
  }
};

/// How many bytes a record counts as. Throws RecordError when it cannot be taken.
using Weigh = std::function<std::uint64_t(const Record&)>;

Group read_group(RecordReader& reader, const Weigh& weigh) {
  Group group;
  try {
    for (std::uint64_t bytes = 0; bytes < kGroupBytes && group.records.size() < kGroupItems;) {
      auto record = reader.next();
      if (!record) break;
      bytes += weigh(*record);
      group.records.push_back(std::move(*record));
    }
  } catch (...) {
    group.failure = std::current_exception();
  }
  return group;
}

/// Decompresses to find the record that fails, and gives out those before it.
[[noreturn]] void decompress_up_to_failure(BatchCodec& codec, const Group& group,
                                           StandardOutput& output) {
  for (const Record& record : group.records) {
    try {
      output.add(codec.decompressor().decompress(record.content));
    } catch (const ZstdError& error) {
      output.write();
      throw RecordError(record.number, record.offset, error.what());
    }
  }
  throw std::runtime_error("records that do not decompress together");  // never seen
}

void decompress_group(BatchCodec& codec, const Group& group, StandardOutput& output) {
  try {
    for (const ByteSpan record : codec.decompress(group.items())) output.add(record);
  } catch (const ZstdError&) {
    decompress_up_to_failure(codec, group, output);
  }
  output.write();
}

/// The bytes that a frame becomes, if it may.
std::uint64_t content_bytes(const Record& record, std::uint64_t max_bytes,
                            const ZstdCompressionDict* dictionary) {
  const auto fail = [&](const std::string& what) {
    return RecordError(record.number, record.offset, what);
  };
  if (const auto problem = wrong_dictionary(record.content, dictionary)) throw fail(*problem);
  std::optional<std::uint64_t> bytes;
  try {
    bytes = frame_content_size(record.content);
  } catch (const ZstdError&) {
    throw fail("is no zstd frame; was this stream written by \"zstdfs batch compress\"?");
  }
  if (!bytes) throw fail("its frame does not say how large its content is");
  if (*bytes > max_bytes) {
    throw fail("its frame says that it holds " + format_bytes(*bytes) + ", more than the " +
               format_bytes(max_bytes) + " that --max-record-size allows");
  }
  return *bytes;
}

}  // namespace

void compress_records(BatchCodec& codec, const RecordBatchOptions& options, BatchTotals& totals,
                      Progress& progress) {
  StandardInput input(totals, progress);
  StandardOutput output(RecordForm::kLengthPrefixed, totals);
  RecordReader reader(input, options.form, options.max_record_bytes);
  for (;;) {
    const Group group =
        read_group(reader, [](const Record& record) { return record.content.size(); });
    for (const ByteSpan frame : codec.compress(group.items())) output.add(frame);
    output.write();
    if (group.failure) std::rethrow_exception(group.failure);
    if (group.records.empty()) return;
  }
}

void decompress_records(BatchCodec& codec, const RecordBatchOptions& options, BatchTotals& totals,
                        Progress& progress) {
  StandardInput input(totals, progress);
  StandardOutput output(options.form, totals);
  const std::uint64_t max_frame_bytes =
      compress_bound(static_cast<std::size_t>(options.max_record_bytes));
  RecordReader reader(input, RecordForm::kLengthPrefixed, max_frame_bytes);
  for (;;) {
    const Group group = read_group(reader, [&](const Record& record) {
      return content_bytes(record, options.max_record_bytes, codec.dictionary());
    });
    decompress_group(codec, group, output);
    if (group.failure) std::rethrow_exception(group.failure);
    if (group.records.empty()) return;
  }
}

}  // namespace zstdfs::tools
