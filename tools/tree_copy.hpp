#pragma once

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tools/copied_file.hpp"
#include "tools/copied_metadata.hpp"
#include "tools/copied_names.hpp"
#include "tools/copy_report.hpp"
#include "tools/interruption.hpp"
#include "tools/progress.hpp"
#include "tools/tree_walk.hpp"
#include "tools/work_queue.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

struct TreeCopyOptions {
  /// What to do about a name that is taken. Directories are used as they are.
  enum class Existing {
    kFail,
    kUpdate,   ///< files of the same size and modification time stay, others are replaced
    kReplace,  ///< always
  };
  Existing existing = Existing::kFail;
  bool verify = true;
  unsigned threads = 1;
};

/// Copies a tree with all metadata. The names are made by one thread, content is copied by several.
/// A file that cannot be copied whole is removed again, and what it was to replace stays; a full
/// disk ends the copy.
class TreeCopy {
 public:
  /// Directories, with the files in them as programs see them.
  struct Side {
    std::string root;
    CopySide& files;
  };

  /// All references outlive it.
  TreeCopy(Side from, Side to, TreeCopyOptions options, const Interruption& interruption,
           CopyReport& report, Progress& progress);

  /// Called once. What is wrong goes to the report; throws only what keeps it from beginning.
  void run();

 private:
  struct File {
    std::string path;
    CopiedMetadata metadata;
    std::unique_ptr<CopiedFile> from;
    std::unique_ptr<CopiedFile> to;
    std::string aside;
    std::uint64_t bytes = 0;  // of its content
  };
  struct Directory {
    std::string path;
    CopiedMetadata metadata;
    struct stat made {};  // which one it is
  };
  struct Link {
    std::string path;
    std::string first;  // the name under which the file itself is copied
  };
  using FileId = std::pair<dev_t, ino_t>;

  Descend visit(const WalkEntry& entry);
  void copy(const WalkEntry& entry, CopiedMetadata metadata, std::unique_ptr<CopiedFile> from);
  /// Sets aside what is at the path, and returns under which name; "" when nothing is. Returns
  /// nothing when that may stay as it is.
  std::optional<std::string> make_way(const std::string& path, const struct stat& original);
  /// Makes what is at the path from now on; when that fails, what was set aside comes back.
  void replace(const std::string& path, const std::string& aside,
               const std::function<void()>& make);
  void remove_unfinished(const std::string& path, const struct stat& made);
  // What was replaced; nothing for "".
  void put_back(const std::string& aside, const std::string& path);
  void remove_aside(const std::string& aside);
  bool is_up_to_date(const std::string& path, const struct stat& there,
                     const struct stat& original);
  void make_link(const Link& link);
  /// The file that has several names is there under this one.
  void note_copied(const std::string& path, const struct stat& status) ZSTDFS_EXCLUDES(mutex_);
  void copy_directory(const std::string& path, CopiedMetadata metadata);
  os::UniqueFd directory_at(const std::string& path, const CopiedMetadata& metadata);
  void begin_directory(std::string path, CopiedMetadata metadata, const os::UniqueFd& directory);
  void copy_file(std::string path, CopiedMetadata metadata, std::unique_ptr<CopiedFile> from,
                 std::string aside);
  void copy_other(const WalkEntry& entry, const CopiedMetadata& metadata);

  // On any thread:
  void complete(const os::UniqueFd& object, const CopiedMetadata& metadata);
  void work_on(const std::shared_ptr<File>& file);
  /// What tells that a file was copied, which are the times that an update goes by and the end of
  /// what it replaces, comes when its content is on the disk. That is seen to for many at once.
  void complete_once_synced(const std::shared_ptr<File>& file) ZSTDFS_EXCLUDES(mutex_, sync_mutex_);
  void complete_unsynced() ZSTDFS_EXCLUDES(mutex_, sync_mutex_);
  /// Makes all content durable. Returns what is wrong, also when it was an earlier sync that
  /// failed.
  std::string sync() ZSTDFS_REQUIRES(sync_mutex_);
  /// Does a part of copying a file. When that fails, the file is removed, what it was to replace
  /// comes back, and the result is false.
  bool or_take_back(const File& file, const std::function<void()>& what);
  /// Reports why something could not be copied. A full disk ends the copy.
  void fail(const std::string& path, const std::exception& error);
  void report(const std::string& path, const std::exception& error);
  /// Does what is not copying; what it throws goes to the report.
  void attempt(const std::string& path, const std::function<void()>& what);
  bool stopping() const { return disk_full_ || sync_failed_ || interruption_.requested(); }

  const Side from_;
  const Side to_;
  const TreeCopyOptions options_;
  const Interruption& interruption_;
  CopyReport& report_;
  Progress& progress_;
  CopiedNames names_;
  const std::size_t files_of_one_sync_;
  std::map<FileId, std::string> linked_;  // files with several names, and the first of those
  std::vector<Link> links_;               // to be made once all files are copied
  std::vector<Directory> directories_;    // to be completed at the end
  Mutex mutex_;
  std::set<std::string> copied_ ZSTDFS_GUARDED_BY(mutex_);  // of those with several names
  /// Shared, as a task of the queue has to be copyable.
  std::vector<std::shared_ptr<File>> unsynced_ ZSTDFS_GUARDED_BY(mutex_);
  std::uint64_t unsynced_bytes_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  Mutex sync_mutex_;  // order: before mutex_
  std::string sync_problem_ ZSTDFS_GUARDED_BY(sync_mutex_);
  std::atomic<bool> sync_failed_ = false;
  std::atomic<bool> disk_full_ = false;
  std::atomic<bool> lost_owners_ = false;  // as only root can keep them
  WorkQueue queue_;                        // the last: its threads use the others
};

}  // namespace zstdfs::tools
