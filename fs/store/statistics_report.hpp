#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "fs/store/latency_histogram.hpp"

namespace zstdfs::store {

/// What is counted from the mount on.
enum class Count : std::uint8_t {
  kBytesRead,     ///< by programs, without what the kernel's cache had
  kBytesWritten,  ///< by programs
  kContentBytesCompressed,
  kFrameBytesMade,  ///< of that content
  kFrameBytesRead,
  kContentBytesDecompressed,
  kCacheHits,
  kCacheMisses,
  kFilesFirstStoredRaw,
  kFilesFirstStoredCompressed,
  kFilesConverted,  ///< from raw to compressed
  kMerges,
  kMergedBytes,  ///< written by merges
  kRecompressions,
};

struct CountName {
  Count count;
  std::string_view name;  ///< as a key of JSON
};
inline constexpr std::array kCountNames = std::to_array<CountName>({
    {Count::kBytesRead, "bytes_read"},
    {Count::kBytesWritten, "bytes_written"},
    {Count::kContentBytesCompressed, "content_bytes_compressed"},
    {Count::kFrameBytesMade, "frame_bytes_made"},
    {Count::kFrameBytesRead, "frame_bytes_read"},
    {Count::kContentBytesDecompressed, "content_bytes_decompressed"},
    {Count::kCacheHits, "cache_hits"},
    {Count::kCacheMisses, "cache_misses"},
    {Count::kFilesFirstStoredRaw, "files_first_stored_raw"},
    {Count::kFilesFirstStoredCompressed, "files_first_stored_compressed"},
    {Count::kFilesConverted, "files_converted"},
    {Count::kMerges, "merges"},
    {Count::kMergedBytes, "merged_bytes"},
    {Count::kRecompressions, "recompressions"},
});
inline constexpr std::size_t kCounts = kCountNames.size();

/// What a daemon tells about its work.
struct StatisticsReport {
  std::uint64_t since_s = 0;    ///< when counting began, in Unix time
  std::uint64_t uptime_ms = 0;  ///< how long ago that is

  std::array<std::uint64_t, kCounts> counts{};
  Latencies commits;  ///< of changes that were in memory
  Latencies syncs;
  std::map<std::string, std::uint64_t> operations;  ///< by name, without those that never came
  std::map<std::string, std::uint64_t> errors;      ///< answered ones, by name ("ENOSPC")

  // Now:
  std::uint64_t open_files = 0;
  std::uint64_t unmerged_files = 0;  ///< closed ones that there is something left to do with
  std::uint64_t known_inodes = 0;
  std::uint64_t change_bytes = 0;  ///< in memory
  std::uint64_t cache_bytes = 0;   ///< of decompressed frames
  std::uint64_t journal_files = 0;

  std::uint64_t of(Count count) const { return counts[static_cast<std::size_t>(count)]; }
};

/// The report as JSON (docs/json.md), without line breaks.
std::string encode_report(const StatisticsReport& report);
/// The other direction. Throws std::runtime_error when it is no such report. Keys that it does not
/// know are left out.
StatisticsReport decode_report(std::string_view text);

}  // namespace zstdfs::store
