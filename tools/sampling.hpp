#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tools/file_filter.hpp"
#include "tools/progress.hpp"
#include "tools/record_reader.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::tools {

inline constexpr std::uint64_t kDefaultSampleBytes = 64u << 20;
inline constexpr std::uint64_t kDefaultSeed = 1;
/// Of a larger file the first chunk and others at random become candidates, so many in all: files
/// with a million chunks do not outweigh all others.
inline constexpr std::uint64_t kMaxChunksOfFile = 8;

struct SamplingOptions {
  /// Files and directories: on a mount, in a backing directory, or anywhere else.
  std::vector<std::string> paths;
  FileFilter filter;  ///< for what is found below the directories
  std::uint64_t chunk_bytes = kDefaultChunkBytes;
  /// Present: samples are the records of the files, cut after chunk_bytes, instead of chunks.
  std::optional<RecordForm> records;
  std::uint64_t max_bytes = kDefaultSampleBytes;
  std::uint64_t seed = kDefaultSeed;
};

/// Pieces of content as the filesystem compresses them, and what they stand for.
struct SampleSet {
  std::vector<Bytes> samples;  ///< in random order
  std::uint64_t candidates = 0;
  std::uint64_t files = 0;
  std::uint64_t logical_bytes = 0;  ///< of all these files
};

/// Told about a path that could not be sampled, and why.
using SamplingFailed = std::function<void(const std::string& path, const std::string& why)>;

/// Samples the content of files as programs see it. Chunks of nothing but zeros are left out: they
/// take no space in a store. So is a file that was met under another name before, and a store's
/// .zstdfs. The same content gives the same samples on a mount and in its backing directory.
/// Memory: `max_bytes`, one chunk, and 1 MiB for records.
SampleSet draw_samples(const SamplingOptions& options, const SamplingFailed& failed,
                       Progress& bytes_read);

}  // namespace zstdfs::tools
