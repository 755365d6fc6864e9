#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "zstdfs/bytes.hpp"
#include "zstdfs/compression_parameters.hpp"

struct ZSTD_CDict_s;
struct ZSTD_DDict_s;

namespace zstdfs {

enum class DictType {
  kAuto = 0,        ///< full if it begins with the dictionary magic, raw content otherwise
  kRawContent = 1,  ///< content alone, whatever it begins with
  kFullDict = 2,    ///< entropy tables and content; anything else is an error
};

/// A dictionary. Immutable but for what is precomputed on first use.
///
/// Thread safety: all methods may run concurrently.
/// Memory: a copy of the data, and one digested form per direction, made on first use.
class ZstdCompressionDict {
 public:
  /// Copies `data`. Throws ZstdError when `dict_type` is kFullDict and `data` is not one,
  /// std::invalid_argument when `dict_type` is none of the three. Damage behind the magic number is
  /// found here for kFullDict, for kAuto when the dictionary is digested or given to a compressor
  /// or decompressor.
  explicit ZstdCompressionDict(ByteSpan data, DictType dict_type = DictType::kAuto);
  ~ZstdCompressionDict();
  ZstdCompressionDict(const ZstdCompressionDict&) = delete;
  ZstdCompressionDict& operator=(const ZstdCompressionDict&) = delete;

  std::size_t size() const { return data_->size(); }
  ByteSpan as_bytes() const { return *data_; }
  DictType dict_type() const { return dict_type_; }
  /// 0 for raw content.
  std::uint32_t dict_id() const;
  /// Segment and d-mer sizes that training chose; 0 for dictionaries from elsewhere.
  unsigned k() const { return k_; }
  unsigned d() const { return d_; }

  /// Digests the dictionary once for all compressors that use it; their own level and parameters
  /// then give way to these. Throws ZstdError, and leaves what was precomputed before. A later call
  /// replaces the earlier form for compressors that begin a frame afterwards.
  void precompute_compress(int level);
  void precompute_compress(const ZstdCompressionParameters& parameters);

  /// For compressors: the precomputed form, or nothing when none was asked for.
  std::shared_ptr<const ZSTD_CDict_s> precomputed() const;
  /// Digests the dictionary for a level, and keeps nothing of it here: for those who need several
  /// levels at once. Throws ZstdError.
  std::shared_ptr<const ZSTD_CDict_s> digested_for(int level) const;
  /// For decompressors: the digested form. Throws ZstdError.
  std::shared_ptr<const ZSTD_DDict_s> digested() const;

 private:
  friend struct DictionaryTrainer;

  struct Digests;

  // Shared with the digested forms, which refer to it and may outlive the dictionary.
  std::shared_ptr<const Bytes> data_;
  DictType dict_type_;
  unsigned k_ = 0;
  unsigned d_ = 0;
  std::unique_ptr<Digests> digests_;
};

/// How train_dictionary goes about it; zero is libzstd's choice, as in python-zstandard.
struct TrainingOptions {
  unsigned k = 0;              ///< segment size, at most `dict_size`
  unsigned d = 0;              ///< 6 or 8
  unsigned f = 0;              ///< log of the size of the frequency table, at most 31
  double split_point = 0.0;    ///< share of the samples to train on; the rest is for testing; to 1
  unsigned accel = 0;          ///< 1 to 10
  unsigned notifications = 0;  ///< 0 to 4: how much libzstd says on stderr
  std::uint32_t dict_id = 0;   ///< 0: at random
  int level = 0;               ///< for which level it is tuned; 0 is 3
  unsigned steps = 0;          ///< how many values of k are tried; 0 with threads 0: 4
  int threads = 0;             ///< negative: one for each processor
};

/// Trains with fastCover, trying parameters unless k and d are both given. The result is a full
/// dictionary of at most `dict_size` bytes. Throws ZstdError ("Src size is incorrect": too few or
/// too small samples), std::invalid_argument for options out of bounds. Memory: a copy of the
/// samples and 8 bytes for each of theirs; for each thread a table of 6 bytes times 2^f.
std::shared_ptr<ZstdCompressionDict> train_dictionary(std::size_t dict_size,
                                                      std::span<const ByteSpan> samples,
                                                      const TrainingOptions& options = {});

struct FinalizingOptions {
  int level = 0;
  std::uint32_t dict_id = 0;
  unsigned notifications = 0;
};

/// Makes a full dictionary of at most `dict_size` bytes from content that was chosen by other
/// means, with entropy tables from the samples. `content` may have `dict_size` bytes at most; of
/// those, as many from its start are kept as fit behind the tables. Throws
/// ZstdError, also for more.
std::shared_ptr<ZstdCompressionDict> finalize_dictionary(ByteSpan content, std::size_t dict_size,
                                                         std::span<const ByteSpan> samples,
                                                         const FinalizingOptions& options = {});

}  // namespace zstdfs
