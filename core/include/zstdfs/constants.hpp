#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>

// The constants of python-zstandard's module, and the numbers and bounds of libzstd's parameters.
// python-zstandard's FLUSH_BLOCK is kFlushBlock here, and so on. Everything here is constant, so
// any number of threads may use it.

namespace zstdfs {

/// Version of the library that runs, which may be newer than the one that this was compiled for.
struct ZstdVersion {
  unsigned major = 0;
  unsigned minor = 0;
  unsigned release = 0;
  friend auto operator<=>(const ZstdVersion&, const ZstdVersion&) = default;
};
ZstdVersion zstd_version();

/// Version of this library ("0.1.0").
const char* core_version();

/// Names of what this build offers beyond the plain API, as python-zstandard's backend_features:
/// "buffer_types", "multi_compress_to_buffer" and "multi_decompress_to_buffer".
std::span<const char* const> backend_features();

/// What a flush of a compression writer ends.
enum class FlushMode {
  kFlushBlock = 0,  ///< a block: what was fed so far can be decompressed; the frame goes on
  kFlushFrame = 1,  ///< the frame: more input begins another one
};
using enum FlushMode;

/// What a flush of a compressobj ends.
enum class CompressObjFlush {
  kCompressObjFlushFinish = 0,  ///< the frame, and with it the object's use
  kCompressObjFlushBlock = 1,   ///< a block; the frame goes on
};
using enum CompressObjFlush;

/// What libzstd returns for a frame that does not say how long its content is.
/// frame_content_size() returns an empty optional instead.
inline constexpr std::uint64_t kContentSizeUnknown = std::numeric_limits<std::uint64_t>::max();
/// What libzstd returns for something that is no frame. frame_content_size() throws instead.
inline constexpr std::uint64_t kContentSizeError = kContentSizeUnknown - 1;

/// Sizes in bytes of buffers with which no call to libzstd has to leave anything behind.
inline constexpr std::size_t kCompressionRecommendedInputSize = 131072;
inline constexpr std::size_t kCompressionRecommendedOutputSize = 131591;
inline constexpr std::size_t kDecompressionRecommendedInputSize = 131075;
inline constexpr std::size_t kDecompressionRecommendedOutputSize = 131072;

inline constexpr int kMaxCompressionLevel = 22;
inline constexpr int kDefaultCompressionLevel = 3;
inline constexpr int kMinCompressionLevel = -131072;

/// The first four bytes of a frame, as a number and as bytes.
inline constexpr std::uint32_t kMagicNumber = 0xFD2FB528;
inline constexpr std::array<std::byte, 4> kFrameHeader{std::byte{0x28}, std::byte{0xB5},
                                                       std::byte{0x2F}, std::byte{0xFD}};
/// The first four bytes of a dictionary with entropy tables.
inline constexpr std::uint32_t kDictionaryMagicNumber = 0xEC30A437;

/// A block's content in bytes at most, and its logarithm.
inline constexpr int kBlockSizeLogMax = 17;
inline constexpr std::size_t kBlockSizeMax = std::size_t{1} << kBlockSizeLogMax;

// Bounds of compression parameters. Sizes are logarithms to base 2, match lengths are bytes.
inline constexpr bool k64Bit = sizeof(std::size_t) == 8;
inline constexpr int kWindowLogMin = 10;
inline constexpr int kWindowLogMax = k64Bit ? 31 : 30;
inline constexpr int kChainLogMin = 6;
inline constexpr int kChainLogMax = k64Bit ? 30 : 29;
inline constexpr int kHashLogMin = 6;
inline constexpr int kHashLogMax = 30;
inline constexpr int kSearchLogMin = 1;
inline constexpr int kSearchLogMax = kWindowLogMax - 1;
inline constexpr int kMinMatchMin = 3;
inline constexpr int kMinMatchMax = 7;
inline constexpr int kSearchLengthMin = kMinMatchMin;  ///< the former name of kMinMatchMin
inline constexpr int kSearchLengthMax = kMinMatchMax;  ///< the former name of kMinMatchMax
inline constexpr int kTargetLengthMin = 0;
inline constexpr int kTargetLengthMax = 131072;
inline constexpr int kLdmMinMatchMin = 4;
inline constexpr int kLdmMinMatchMax = 4096;
inline constexpr int kLdmBucketSizeLogMax = 8;
inline constexpr int kSrcSizeHintMin = 0;
inline constexpr int kSrcSizeHintMax = std::numeric_limits<int>::max();
/// The smallest block that kParameterMaxBlockSize can ask for, in bytes.
inline constexpr int kBlockSizeMaxMin = 1024;

inline constexpr int kStrategyFast = 1;
inline constexpr int kStrategyDfast = 2;
inline constexpr int kStrategyGreedy = 3;
inline constexpr int kStrategyLazy = 4;
inline constexpr int kStrategyLazy2 = 5;
inline constexpr int kStrategyBtlazy2 = 6;
inline constexpr int kStrategyBtopt = 7;
inline constexpr int kStrategyBtultra = 8;
inline constexpr int kStrategyBtultra2 = 9;

inline constexpr int kFormatZstd1 = 0;
/// Frames without the magic number: four bytes less, for places that hold nothing else. Skippable
/// frames cannot be told from them.
inline constexpr int kFormatZstd1Magicless = 1;

/// Numbers of libzstd's compression parameters (ZSTD_cParameter). Those that the installed libzstd
/// does not know are refused when they are used.
enum CompressionParameter : int {
  kParameterCompressionLevel = 100,
  kParameterWindowLog = 101,
  kParameterHashLog = 102,
  kParameterChainLog = 103,
  kParameterSearchLog = 104,
  kParameterMinMatch = 105,
  kParameterTargetLength = 106,
  kParameterStrategy = 107,
  kParameterEnableLdm = 160,
  kParameterLdmHashLog = 161,
  kParameterLdmMinMatch = 162,
  kParameterLdmBucketSizeLog = 163,
  kParameterLdmHashRateLog = 164,
  kParameterContentSizeFlag = 200,
  kParameterChecksumFlag = 201,
  kParameterDictIdFlag = 202,
  kParameterThreads = 400,
  kParameterJobSize = 401,
  kParameterOverlapLog = 402,
  kParameterRsyncable = 500,
  kParameterFormat = 10,
  kParameterForceMaxWindow = 1000,
  kParameterForceAttachDict = 1001,
  kParameterLiteralCompressionMode = 1002,
  kParameterSrcSizeHint = 1004,
  kParameterEnableDedicatedDictSearch = 1005,
  kParameterStableInBuffer = 1006,   ///< only 0: the buffers are the library's own
  kParameterStableOutBuffer = 1007,  ///< as above
  kParameterBlockDelimiters = 1008,
  kParameterValidateSequences = 1009,
  kParameterUseBlockSplitter = 1010,
  kParameterUseRowMatchFinder = 1011,
  kParameterDeterministicRefPrefix = 1012,
  kParameterPrefetchCdictTables = 1013,
  kParameterEnableSeqProducerFallback = 1014,
  kParameterMaxBlockSize = 1015,
  kParameterSearchForExternalRepcodes = 1016,
  kParameterBlockSplitterLevel = 1017,
};
/// Like those above, but libzstd 1.5.6 gave it another number: that of the libzstd which runs.
int parameter_target_c_block_size();

/// Numbers of libzstd's decompression parameters (ZSTD_dParameter).
enum DecompressionParameter : int {
  kDecompressionWindowLogMax = 100,
  kDecompressionFormat = 1000,
  kDecompressionStableOutBuffer = 1001,  ///< only 0: the buffers are the library's own
  kDecompressionForceIgnoreChecksum = 1002,
  kDecompressionRefMultipleDDicts = 1003,
  kDecompressionDisableHuffmanAssembly = 1004,
  kDecompressionMaxBlockSize = 1005,
};

/// The least and the greatest value that can be set of a parameter which the libzstd that runs
/// knows.
struct ParameterBounds {
  int lower = 0;
  int upper = 0;
};

/// Throw ZstdError when the libzstd which runs does not know the parameter.
ParameterBounds compression_parameter_bounds(int parameter);
ParameterBounds decompression_parameter_bounds(int parameter);

/// Every parameter named here that the libzstd which runs knows.
std::span<const int> compression_parameters();
std::span<const int> decompression_parameters();

/// The parameter's name for a message ("window_log"), or its number when it has none.
std::string compression_parameter_name(int parameter);
std::string decompression_parameter_name(int parameter);

}  // namespace zstdfs
