#pragma once

#include <functional>
#include <string>
#include <vector>

#include "tools/batch_codec.hpp"

namespace zstdfs::tools {

struct FileBatchOptions {
  std::vector<std::string> paths;
  std::string output_directory;  ///< empty: each result beside its file
  std::string suffix = ".zst";   ///< not empty, without '/'
  bool remove = false;           ///< the files, once their results are on the disk
  bool force = false;            ///< replace results that are there
};

/// Told about a file that failed, and why.
using FileFailed = std::function<void(const std::string& path, const std::string& why)>;

/// Compresses or decompresses files, each to a file of its own, which has its permissions and
/// modification time and appears whole or not at all. Small files are worked on together, large
/// ones by several threads each. A file that fails is reported, and the others go on.
/// Throws Interrupted, and leaves nothing half done then.
/// Memory: about kGroupBytes, twice, and what zstd takes.
BatchTotals process_files(BatchCodec& codec, BatchDirection direction,
                          const FileBatchOptions& options, const FileFailed& failed,
                          Progress& progress);

}  // namespace zstdfs::tools
