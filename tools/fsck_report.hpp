#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "fs/store/repair.hpp"
#include "fs/store/store_check.hpp"
#include "tools/container_check.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::tools {

/// Gathers what a check of a store finds, and tells it: as text while it goes on, or as one JSON
/// object at the end.
///
/// Thread safety: add() and add_file() may be called by different threads, all else before or
/// after.
class FsckReport {
 public:
  enum class Output { kText, kJson };
  enum class Mode { kCheck, kDryRun, kRepair };
  struct Options {
    Output output = Output::kText;
    bool verbose = false;
    bool progress = false;  ///< standard error is a terminal
    Mode mode = Mode::kCheck;
  };
  explicit FsckReport(Options options) : options_(options) {}

  /// Counts a file of the store and says what was found.
  void add_file(const std::string& path, const FileCheck& check) ZSTDFS_EXCLUDES(mutex_);
  /// Says what was found about something that is not counted as a file of the store.
  void add(const std::string& path, const FileCheck& check) ZSTDFS_EXCLUDES(mutex_);

  /// Says what was found about the store as a whole. Before the files are added.
  void add_store(const store::StoreInspection& inspection) ZSTDFS_EXCLUDES(mutex_);
  /// Says what a repair did, would do, or could not do.
  void add_action(const store::RepairAction& action) ZSTDFS_EXCLUDES(mutex_);
  /// Says what the store's recovery did.
  void add_recovered(const std::string& text) ZSTDFS_EXCLUDES(mutex_);
  /// How many errors a repair has left.
  void set_left(std::uint64_t errors) ZSTDFS_EXCLUDES(mutex_);
  /// Nobody could look: all files that were found damaged count.
  void set_all_left() ZSTDFS_EXCLUDES(mutex_);

  /// Whether a repair has changed something.
  bool has_repaired() const ZSTDFS_EXCLUDES(mutex_);

  /// Wipes the progress line from the terminal.
  void end_progress() ZSTDFS_EXCLUDES(mutex_);
  /// Prints the summary, or the JSON object.
  void finish(const std::string& store) ZSTDFS_EXCLUDES(mutex_);
  int exit_code() const ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Problem {
    std::string path;
    FileCheck check;
  };
  struct Counts {
    std::uint64_t containers = 0;
    std::uint64_t raw = 0;
    std::uint64_t frames = 0;
    std::uint64_t logical_bytes = 0;
    std::uint64_t stored_bytes = 0;
  };

  struct MissingDictionary {
    std::uint64_t files = 0;  ///< that need it
    std::string first_file;   ///< of these, in byte order
    std::string why;          ///< what is known of it
  };

  void tell(const std::string& path, const FileCheck& check) ZSTDFS_REQUIRES(mutex_);
  void show_progress() ZSTDFS_REQUIRES(mutex_);
  void wipe_progress() ZSTDFS_REQUIRES(mutex_);
  void say(const std::string& line) ZSTDFS_REQUIRES(mutex_);
  std::string verdict() const ZSTDFS_REQUIRES(mutex_);
  void print_missing_dictionaries() const ZSTDFS_REQUIRES(mutex_);
  void print_text(const std::string& store) ZSTDFS_REQUIRES(mutex_);
  void print_as_json(const std::string& store) ZSTDFS_REQUIRES(mutex_);

  const Options options_;
  store::StoreInspection store_;  // constant once files are added

  mutable Mutex mutex_;
  Counts counts_ ZSTDFS_GUARDED_BY(mutex_);
  std::uint64_t damaged_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t interrupted_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t not_checked_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::map<std::uint32_t, MissingDictionary> missing_ ZSTDFS_GUARDED_BY(mutex_);  ///< by id
  std::vector<Problem> problems_ ZSTDFS_GUARDED_BY(mutex_);  ///< kept for JSON only
  std::vector<store::RepairAction> actions_ ZSTDFS_GUARDED_BY(mutex_);
  std::vector<std::string> recovered_ ZSTDFS_GUARDED_BY(mutex_);
  std::uint64_t corrected_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t refused_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  std::uint64_t left_ ZSTDFS_GUARDED_BY(mutex_) = 0;
  bool progress_shown_ ZSTDFS_GUARDED_BY(mutex_) = false;
  std::chrono::steady_clock::time_point next_progress_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::tools
