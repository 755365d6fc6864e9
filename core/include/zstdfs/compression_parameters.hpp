#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <utility>

#include "zstdfs/bytes.hpp"
#include "zstdfs/constants.hpp"

struct ZSTD_CCtx_params_s;
struct ZSTD_CCtx_s;

namespace zstdfs {

/// What a ZstdCompressionParameters is made from. Zero means: as the level has it. The fields are
/// those of python-zstandard's constructor, in its order.
struct CompressionParameterValues {
  int format = 0;  ///< kFormatZstd1 or kFormatZstd1Magicless
  int compression_level = 0;
  int window_log = 0;
  int hash_log = 0;
  int chain_log = 0;
  int search_log = 0;
  int min_match = 0;
  int target_length = 0;
  int strategy = -1;  ///< -1: as the level has it
  bool write_content_size = true;
  /// Absent: false, but true in a compressor whose frames do not name their dictionary, because it
  /// has no id or `write_dict_id` is false: CompressorOptions.
  std::optional<bool> write_checksum = std::nullopt;
  bool write_dict_id = false;
  int job_size = 0;
  int overlap_log = -1;  ///< -1: libzstd's choice
  bool force_max_window = false;
  bool enable_ldm = false;
  int ldm_hash_log = 0;
  int ldm_min_match = 0;
  int ldm_bucket_size_log = 0;
  int ldm_hash_rate_log = -1;  ///< -1: libzstd's choice
  int threads = 0;             ///< worker threads; negative: one for each processor
};

/// A checked set of compression parameters, for any number of compressors.
///
/// Thread safety: immutable; copies share.
class ZstdCompressionParameters {
 public:
  /// Throws ZstdError when a value is out of bounds (compression_parameter_bounds()); the message
  /// names the parameter. Only levels below the lowest become that one, and job sizes below 512 KiB
  /// become that.
  explicit ZstdCompressionParameters(const CompressionParameterValues& values = {});

  /// The seven parameters (window_log to strategy) that libzstd chooses for a level, tuned for the
  /// sizes that are to be compressed; 0 is unknown. What `overrides` sets wins. Throws ZstdError as
  /// above.
  static ZstdCompressionParameters from_level(int level, std::uint64_t source_size = 0,
                                              std::uint64_t dict_size = 0,
                                              CompressionParameterValues overrides = {});

  /// A copy whose window and tables are no larger than an input of that size needs, with what the
  /// level has where nothing was set. 0 is unknown.
  ZstdCompressionParameters clamped_to(std::uint64_t source_size,
                                       std::uint64_t dict_size = 0) const;

  int format() const;
  int compression_level() const;
  int window_log() const;
  int hash_log() const;
  int chain_log() const;
  int search_log() const;
  int min_match() const;
  int target_length() const;
  int strategy() const;
  bool write_content_size() const;
  bool write_checksum() const;
  bool write_dict_id() const;
  int job_size() const;
  int overlap_log() const;
  bool force_max_window() const;
  bool enable_ldm() const;
  int ldm_hash_log() const;
  int ldm_min_match() const;
  int ldm_bucket_size_log() const;
  int ldm_hash_rate_log() const;
  int threads() const;

  /// Any other parameter that the installed libzstd knows (a ZSTD_cParameter). Throws ZstdError.
  int get(int parameter) const;
  /// Whether the values, or `with`, have set a parameter.
  bool is_set(int parameter) const;
  /// A copy in which one parameter is different. Throws ZstdError.
  ZstdCompressionParameters with(int parameter, int value) const;
  /// Not those of decompressors: their numbers are other parameters here.
  int get(DecompressionParameter parameter) const = delete;
  bool is_set(DecompressionParameter parameter) const = delete;
  ZstdCompressionParameters with(DecompressionParameter parameter, int value) const = delete;

  /// Bytes that a compressor with these parameters takes, without worker threads' buffers, which
  /// libzstd cannot estimate: with threads this throws ZstdError.
  std::size_t estimated_compression_context_size() const;
  /// As above, with the buffers that streaming needs. With threads this throws ZstdError.
  std::size_t estimated_compression_stream_size() const;

  /// Makes them the parameters of a context, which begins a new session: an unfinished frame, other
  /// parameters and a dictionary are dropped, a thread pool stays.
  void apply_to(ZSTD_CCtx_s* context) const;
  /// For libzstd's own functions; lives as long as this or a copy.
  const ZSTD_CCtx_params_s* raw() const;

 private:
  struct State;
  struct Setting {
    int parameter;
    int value;
  };
  explicit ZstdCompressionParameters(std::shared_ptr<const State> state)
      : state_(std::move(state)) {}
  ZstdCompressionParameters with_all(std::initializer_list<Setting> changes) const;
  ZstdCompressionParameters for_estimate() const;

  std::shared_ptr<const State> state_;  // shared by copies; never changed
};

}  // namespace zstdfs
