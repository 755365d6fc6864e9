#include "zstdfs/constants.hpp"

#define ZSTD_STATIC_LINKING_ONLY
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <vector>

#include "parameter_checks.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs {

// The header repeats libzstd's numbers, because it must compile without libzstd's header; here the
// compiler compares them.
static_assert(kContentSizeUnknown == ZSTD_CONTENTSIZE_UNKNOWN);
static_assert(kContentSizeError == ZSTD_CONTENTSIZE_ERROR);
static_assert(kDefaultCompressionLevel == ZSTD_CLEVEL_DEFAULT);
static_assert(kMinCompressionLevel == -ZSTD_TARGETLENGTH_MAX);
static_assert(kMagicNumber == ZSTD_MAGICNUMBER && kDictionaryMagicNumber == ZSTD_MAGIC_DICTIONARY);
static_assert(kBlockSizeLogMax == ZSTD_BLOCKSIZELOG_MAX && kBlockSizeMax == ZSTD_BLOCKSIZE_MAX);
static_assert(kWindowLogMin == ZSTD_WINDOWLOG_MIN && kWindowLogMax == ZSTD_WINDOWLOG_MAX);
static_assert(kChainLogMin == ZSTD_CHAINLOG_MIN && kChainLogMax == ZSTD_CHAINLOG_MAX);
static_assert(kHashLogMin == ZSTD_HASHLOG_MIN && kHashLogMax == ZSTD_HASHLOG_MAX);
static_assert(kSearchLogMin == ZSTD_SEARCHLOG_MIN && kSearchLogMax == ZSTD_SEARCHLOG_MAX);
static_assert(kMinMatchMin == ZSTD_MINMATCH_MIN && kMinMatchMax == ZSTD_MINMATCH_MAX);
static_assert(kTargetLengthMin == ZSTD_TARGETLENGTH_MIN);
static_assert(kTargetLengthMax == ZSTD_TARGETLENGTH_MAX);
static_assert(kLdmMinMatchMin == ZSTD_LDM_MINMATCH_MIN);
static_assert(kLdmMinMatchMax == ZSTD_LDM_MINMATCH_MAX);
static_assert(kLdmBucketSizeLogMax == ZSTD_LDM_BUCKETSIZELOG_MAX);
static_assert(kSrcSizeHintMin == ZSTD_SRCSIZEHINT_MIN && kSrcSizeHintMax == ZSTD_SRCSIZEHINT_MAX);
static_assert(kStrategyFast == ZSTD_fast && kStrategyDfast == ZSTD_dfast);
static_assert(kStrategyGreedy == ZSTD_greedy && kStrategyLazy == ZSTD_lazy);
static_assert(kStrategyLazy2 == ZSTD_lazy2 && kStrategyBtlazy2 == ZSTD_btlazy2);
static_assert(kStrategyBtopt == ZSTD_btopt && kStrategyBtultra == ZSTD_btultra);
static_assert(kStrategyBtultra2 == ZSTD_btultra2);
static_assert(kFormatZstd1 == ZSTD_f_zstd1 && kFormatZstd1Magicless == ZSTD_f_zstd1_magicless);
#if ZSTD_VERSION_NUMBER >= 10504
static_assert(kBlockSizeMaxMin == ZSTD_BLOCKSIZE_MAX_MIN);
#endif

// libzstd 1.5.6 has made it a parameter that stays, under a number of its own.
constexpr int kTargetCBlockSize = 130;
constexpr int kExperimentalTargetCBlockSize = 1003;
static_assert(ZSTD_c_targetCBlockSize == kTargetCBlockSize ||
              ZSTD_c_targetCBlockSize == kExperimentalTargetCBlockSize);

namespace {

struct Named {
  int libzstd_number;  // 0 where the libzstd that this is compiled for does not know it
  int number;
  const char* name;
};

constexpr Named kCompressionNames[] = {
    {ZSTD_c_compressionLevel, kParameterCompressionLevel, "compression_level"},
    {ZSTD_c_windowLog, kParameterWindowLog, "window_log"},
    {ZSTD_c_hashLog, kParameterHashLog, "hash_log"},
    {ZSTD_c_chainLog, kParameterChainLog, "chain_log"},
    {ZSTD_c_searchLog, kParameterSearchLog, "search_log"},
    {ZSTD_c_minMatch, kParameterMinMatch, "min_match"},
    {ZSTD_c_targetLength, kParameterTargetLength, "target_length"},
    {ZSTD_c_strategy, kParameterStrategy, "strategy"},
    {ZSTD_c_enableLongDistanceMatching, kParameterEnableLdm, "enable_ldm"},
    {ZSTD_c_ldmHashLog, kParameterLdmHashLog, "ldm_hash_log"},
    {ZSTD_c_ldmMinMatch, kParameterLdmMinMatch, "ldm_min_match"},
    {ZSTD_c_ldmBucketSizeLog, kParameterLdmBucketSizeLog, "ldm_bucket_size_log"},
    {ZSTD_c_ldmHashRateLog, kParameterLdmHashRateLog, "ldm_hash_rate_log"},
    {ZSTD_c_contentSizeFlag, kParameterContentSizeFlag, "write_content_size"},
    {ZSTD_c_checksumFlag, kParameterChecksumFlag, "write_checksum"},
    {ZSTD_c_dictIDFlag, kParameterDictIdFlag, "write_dict_id"},
    {ZSTD_c_nbWorkers, kParameterThreads, "threads"},
    {ZSTD_c_jobSize, kParameterJobSize, "job_size"},
    {ZSTD_c_overlapLog, kParameterOverlapLog, "overlap_log"},
    {ZSTD_c_rsyncable, kParameterRsyncable, "rsyncable"},
    {ZSTD_c_format, kParameterFormat, "format"},
    {ZSTD_c_forceMaxWindow, kParameterForceMaxWindow, "force_max_window"},
    {ZSTD_c_forceAttachDict, kParameterForceAttachDict, "force_attach_dict"},
    {ZSTD_c_literalCompressionMode, kParameterLiteralCompressionMode, "literal_compression_mode"},
    {kTargetCBlockSize, kTargetCBlockSize, "target_c_block_size"},
    {kExperimentalTargetCBlockSize, kExperimentalTargetCBlockSize, "target_c_block_size"},
    {ZSTD_c_srcSizeHint, kParameterSrcSizeHint, "src_size_hint"},
    {ZSTD_c_enableDedicatedDictSearch, kParameterEnableDedicatedDictSearch,
     "enable_dedicated_dict_search"},
    {ZSTD_c_stableInBuffer, kParameterStableInBuffer, "stable_in_buffer"},
    {ZSTD_c_stableOutBuffer, kParameterStableOutBuffer, "stable_out_buffer"},
    {ZSTD_c_blockDelimiters, kParameterBlockDelimiters, "block_delimiters"},
    {ZSTD_c_validateSequences, kParameterValidateSequences, "validate_sequences"},
    {ZSTD_c_experimentalParam13, kParameterUseBlockSplitter, "use_block_splitter"},
    {ZSTD_c_useRowMatchFinder, kParameterUseRowMatchFinder, "use_row_match_finder"},
    {ZSTD_c_deterministicRefPrefix, kParameterDeterministicRefPrefix, "deterministic_ref_prefix"},
#if ZSTD_VERSION_NUMBER >= 10504
    {ZSTD_c_prefetchCDictTables, kParameterPrefetchCdictTables, "prefetch_cdict_tables"},
    {ZSTD_c_enableSeqProducerFallback, kParameterEnableSeqProducerFallback,
     "enable_seq_producer_fallback"},
    {ZSTD_c_maxBlockSize, kParameterMaxBlockSize, "max_block_size"},
    {ZSTD_c_experimentalParam19, kParameterSearchForExternalRepcodes,
     "search_for_external_repcodes"},
#endif
#if ZSTD_VERSION_NUMBER >= 10507
    {ZSTD_c_blockSplitterLevel, kParameterBlockSplitterLevel, "block_splitter_level"},
#endif
};

constexpr Named kDecompressionNames[] = {
    {ZSTD_d_windowLogMax, kDecompressionWindowLogMax, "window_log_max"},
    {ZSTD_d_format, kDecompressionFormat, "format"},
    {ZSTD_d_stableOutBuffer, kDecompressionStableOutBuffer, "stable_out_buffer"},
    {ZSTD_d_forceIgnoreChecksum, kDecompressionForceIgnoreChecksum, "force_ignore_checksum"},
    {ZSTD_d_refMultipleDDicts, kDecompressionRefMultipleDDicts, "ref_multiple_ddicts"},
#if ZSTD_VERSION_NUMBER >= 10504
    {ZSTD_d_disableHuffmanAssembly, kDecompressionDisableHuffmanAssembly,
     "disable_huffman_assembly"},
#endif
#if ZSTD_VERSION_NUMBER >= 10507
    {ZSTD_d_maxBlockSize, kDecompressionMaxBlockSize, "max_block_size"},
#endif
};

constexpr bool agrees(std::span<const Named> names) {
  return std::all_of(names.begin(), names.end(),
                     [](const Named& entry) { return entry.number == entry.libzstd_number; });
}
static_assert(agrees(kCompressionNames) && agrees(kDecompressionNames));

template <typename GetBounds>
std::vector<int> known(std::span<const Named> names, GetBounds get_bounds) {
  std::vector<int> numbers;
  for (const Named& entry : names) {
    if (ZSTD_isError(get_bounds(entry.number).error) == 0) numbers.push_back(entry.number);
  }
  return numbers;
}

// They promise libzstd that its caller's buffers stay where they are, with their content, from call
// to call. Those buffers are this library's own and do not: what libzstd would read or write is
// memory that something else is in by then.
bool promises_stable_compression_buffers(int parameter) {
  return parameter == kParameterStableInBuffer || parameter == kParameterStableOutBuffer;
}

bool promises_stable_decompression_buffers(int parameter) {
  return parameter == kDecompressionStableOutBuffer;
}

ZSTD_bounds compression_bounds(int parameter) {
  ZSTD_bounds bounds = ZSTD_cParam_getBounds(static_cast<ZSTD_cParameter>(parameter));
  if (promises_stable_compression_buffers(parameter)) bounds.upperBound = 0;
  return bounds;
}

ZSTD_bounds decompression_bounds(int parameter) {
  ZSTD_bounds bounds = ZSTD_dParam_getBounds(static_cast<ZSTD_dParameter>(parameter));
  if (promises_stable_decompression_buffers(parameter)) bounds.upperBound = 0;
  return bounds;
}

[[noreturn]] void refuse_stable_buffers(const std::string& name, int value) {
  throw ZstdError(ZSTD_error_parameter_unsupported, "cannot set " + name + " to " +
                                                        std::to_string(value) +
                                                        ": the buffers are the library's own");
}

std::string name_of(std::span<const Named> names, int parameter) {
  for (const Named& entry : names) {
    if (entry.number == parameter) return entry.name;
  }
  return "parameter " + std::to_string(parameter);
}

ParameterBounds checked(const ZSTD_bounds& bounds, const std::string& name) {
  ZstdError::check(bounds.error, ("tell the bounds of " + name).c_str());
  return {.lower = bounds.lowerBound, .upper = bounds.upperBound};
}

}  // namespace

ZstdVersion zstd_version() {
  const unsigned number = ZSTD_versionNumber();
  return {.major = number / 10000, .minor = number / 100 % 100, .release = number % 100};
}

const char* core_version() {
  return ZSTDFS_VERSION;
}

std::span<const char* const> backend_features() {
  static constexpr const char* kFeatures[] = {"buffer_types", "multi_compress_to_buffer",
                                              "multi_decompress_to_buffer"};
  return kFeatures;
}

int parameter_target_c_block_size() {
  return ZSTD_versionNumber() >= 10506 ? kTargetCBlockSize : kExperimentalTargetCBlockSize;
}

ParameterBounds compression_parameter_bounds(int parameter) {
  return checked(compression_bounds(parameter), compression_parameter_name(parameter));
}

ParameterBounds decompression_parameter_bounds(int parameter) {
  return checked(decompression_bounds(parameter), decompression_parameter_name(parameter));
}

void check_compression_setting(int parameter, int value) {
  if (value == 0) return;  // libzstd's choice, or refused by it
  const std::string name = compression_parameter_name(parameter);
  if (promises_stable_compression_buffers(parameter)) refuse_stable_buffers(name, value);
  const ZSTD_bounds bounds = compression_bounds(parameter);
  if (ZSTD_isError(bounds.error) != 0) return;  // so does setting it
  // What is faster than the fastest level is that, as for the program zstd.
  const bool may_be_lower = parameter == kParameterCompressionLevel;
  if ((value >= bounds.lowerBound || may_be_lower) && value <= bounds.upperBound) return;
  throw ZstdError(ZSTD_error_parameter_outOfBound,
                  "cannot set " + name + " to " + std::to_string(value) + ": " +
                      ZSTD_getErrorString(ZSTD_error_parameter_outOfBound) + " (" +
                      std::to_string(bounds.lowerBound) + " to " +
                      std::to_string(bounds.upperBound) + ")");
}

void check_decompression_setting(int parameter, int value) {
  if (value != 0 && promises_stable_decompression_buffers(parameter)) {
    refuse_stable_buffers(decompression_parameter_name(parameter), value);
  }
}

std::span<const int> compression_parameters() {
  static const std::vector<int> numbers = known(kCompressionNames, compression_bounds);
  return numbers;
}

std::span<const int> decompression_parameters() {
  static const std::vector<int> numbers = known(kDecompressionNames, decompression_bounds);
  return numbers;
}

std::string compression_parameter_name(int parameter) {
  return name_of(kCompressionNames, parameter);
}

std::string decompression_parameter_name(int parameter) {
  return name_of(kDecompressionNames, parameter);
}

}  // namespace zstdfs
