#pragma once

#include <sys/stat.h>

#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "tools/fsck_report.hpp"
#include "tools/scrub_file.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Verifies files of a store beside a daemon that may change them at any time.
///
/// Half of a change can look like damage, and so can a file that is open for writing, until the
/// daemon finishes what was written; that takes a few seconds. So what looks damaged is looked at
/// again later: damage is what is seen twice, in a file that has not changed in between and is in
/// no rewrite.
class ScrubRun {
 public:
  enum class Daemon { kMayWrite, kReadOnly };

  /// The references outlive the object.
  ScrubRun(os::Volume& volume, Daemon daemon, const DictionarySource& dictionaries, ReadPace& pace,
           FsckReport& report)
      : volume_(volume),
        daemon_(daemon),
        dictionaries_(dictionaries),
        pace_(pace),
        report_(report) {}

  /// What lies at `below` in the store, as for_each_stored_file. Throws what that does.
  void run(const std::string& store, const std::string& below) ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Suspect {
    std::string path;
    struct stat status {};
    FileCheck check;
  };

  /// `before` is null for the first time.
  void look(const std::string& path, const os::UniqueFd& fd, const Suspect* before)
      ZSTDFS_EXCLUDES(mutex_);
  void look_again(const std::string& store) ZSTDFS_EXCLUDES(mutex_);
  void failed(const std::string& path, const std::error_code& error);
  void tell_unchanged(const std::string& path, FileCheck check);
  void tell_changing(Suspect suspect);
  bool is_being_rewritten(const os::UniqueFd& fd);

  os::Volume& volume_;
  const Daemon daemon_;
  const DictionarySource& dictionaries_;
  ReadPace& pace_;
  FsckReport& report_;
  Mutex mutex_;
  std::vector<Suspect> suspects_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::tools
