#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "tools/progress.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Gathers what was copied of a tree, and tells it.
///
/// Thread safety: all methods may run concurrently.
class CopyReport {
 public:
  enum class Kind { kFile, kDirectory, kSymlink, kNode, kLink, kSkipped };

  /// `command` is how messages name it. `progress` outlives the report.
  CopyReport(std::string command, Progress& progress)
      : command_(std::move(command)), progress_(progress) {}

  void add(Kind kind, std::uint64_t bytes = 0) ZSTDFS_EXCLUDES(mutex_);
  void add_failure(const std::string& path, const std::string& why) ZSTDFS_EXCLUDES(mutex_);
  void warn(const std::string& what) ZSTDFS_EXCLUDES(mutex_);
  bool failed() const ZSTDFS_EXCLUDES(mutex_);

  /// How it ended, for the summary.
  struct End {
    bool interrupted = false;
    bool verified = false;
  };
  void print_text(const End& end) const ZSTDFS_EXCLUDES(mutex_);
  void print_as_json(const End& end) const ZSTDFS_EXCLUDES(mutex_);

 private:
  static constexpr std::size_t kKinds = 6;
  std::uint64_t count(Kind kind) const ZSTDFS_REQUIRES(mutex_) {
    return counts_[static_cast<std::size_t>(kind)];
  }

  const std::string command_;
  Progress& progress_;
  mutable Mutex mutex_;
  std::uint64_t counts_[kKinds] ZSTDFS_GUARDED_BY(mutex_) = {};
  std::uint64_t bytes_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::vector<std::pair<std::string, std::string>> failures_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::tools
