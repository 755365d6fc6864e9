#pragma once

#include <string>
#include <vector>

#include "fs/store/repair.hpp"
#include "tools/fsck_report.hpp"

namespace zstdfs::tools {

/// A file that a check found not to be as an unmount leaves it.
struct Suspect {
  std::string path;
  bool damaged = false;  ///< not only interrupted
};

/// What `zstdfs fsck --repair` does around the check of the files.
///
/// Thread safety: one thread at a time. Errors: NewerFormatError, store::StoreError,
/// std::system_error.
class FsckRepair {
 public:
  /// Precondition: the store's lock is held. `root` is the store's path.
  FsckRepair(std::string root, os::Volume& volume, store::StoreRepair::Mode mode,
             FsckReport& report);

  /// Before the files are checked. Returns how the store is afterwards.
  store::StoreInspection before_check(const store::StoreInspection& inspection);
  /// Repairs what was found, recovers the store, and looks again at what was not as it should be.
  void after_check(const std::vector<Suspect>& suspects);

 private:
  bool dry_run() const { return mode_ == store::StoreRepair::Mode::kDryRun; }
  void recover();
  void recover_and_repair(const std::vector<Suspect>& suspects);
  void count_what_is_left(const std::vector<Suspect>& suspects);
  bool is_damaged(const std::string& path);

  const std::string root_;
  os::Volume& volume_;
  const store::StoreRepair::Mode mode_;
  FsckReport& report_;
  store::StoreRepair repair_;
};

}  // namespace zstdfs::tools
