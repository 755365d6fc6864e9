#pragma once

#include <sys/stat.h>

#include <map>
#include <string>
#include <vector>

#include "fs/store/settings_choice.hpp"
#include "tools/changeable_files.hpp"
#include "tools/first_names.hpp"
#include "tools/interruption.hpp"
#include "tools/progress.hpp"
#include "tools/recompress_report.hpp"
#include "tools/recompression_estimate.hpp"
#include "tools/work_queue.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Stores files anew that are not stored as they should be: large ones one after the other, small
/// ones beside them, because a file takes several syncs, which many can share. Each file is changed
/// as a whole or not at all, wherever that is interrupted; and because only those are changed that
/// differ, another run does the rest.
class RecompressRun {
 public:
  enum class Mode { kChange, kDryRun };

  /// All references outlive it.
  RecompressRun(store::SettingsChoice choice, Mode mode, const Interruption& interruption,
                RecompressReport& report, Progress& progress);

  /// A file, or all that are below a directory. What is wrong with it goes to the report.
  void add_path(const std::string& path);
  /// Tries those again that were busy, and closes what was opened.
  void finish();

 private:
  struct File {
    ChangeableTree* tree;
    std::string below;  // the tree's root
    std::string shown;  // how messages name it
  };

  /// Whether the store has the dictionary that was asked for; said once when it does not.
  bool has_dictionary(const std::string& store) ZSTDFS_EXCLUDES(mutex_);
  void add_failure(const std::string& path, const std::exception& error) ZSTDFS_REQUIRES(mutex_);
  void walk(const ChangeablePath& from, const std::string& shown);
  void change(const File& file, const struct stat& status);
  void change_now(const File& file, std::uint64_t bytes) ZSTDFS_EXCLUDES(mutex_);
  store::RecompressionResult try_to_change(const File& file);
  store::RecompressionResult estimate(const File& file);

  const store::SettingsChoice choice_;
  const Mode mode_;
  const Interruption& interruption_;
  Mutex mutex_;
  RecompressReport& report_;  // used under mutex_
  Progress& progress_;
  ChangeableStores stores_;
  FirstNames first_names_;
  std::map<std::string, bool> has_dictionary_;  // by stores
  std::vector<File> busy_ ZSTDFS_GUARDED_BY(mutex_);
  std::map<std::string, RecompressionEstimator> estimators_;  // by stores
  WorkQueue queue_;  // the last: its tasks use everything else
};

/// The bytes of all files that RecompressRun would meet, for its progress. Errors are left to it.
std::uint64_t bytes_below(const std::vector<std::string>& paths, const Interruption& interruption);

}  // namespace zstdfs::tools
