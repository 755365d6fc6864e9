#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "fs/store/control.hpp"

namespace zstdfs::tools {

/// A file that has no name any more, but is still open, needs the dictionary.
class DictionaryInUse : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// What a command does while another one changes the policy or the dictionaries of its store.
enum class IfBusy { kRefuse, kWait };

/// Keeps other commands from changing the store's policy and dictionaries: each would undo what the
/// other relies on. Where one is at it, it throws std::runtime_error, or waits and says so. Throws
/// std::system_error.
std::unique_ptr<os::VolumeLock> exclude_other_commands(os::Volume& volume, IfBusy if_busy);

/// While it lives, nobody but this process changes the store's own files: other commands are kept
/// out, and of a store that is not mounted it holds the lock. That of a mounted one its daemon
/// holds, which is told what it has to know.
class StoreHold {
 public:
  /// `store` is the backing directory. Throws std::runtime_error when somebody has it in use of
  /// whom nothing can be seen.
  explicit StoreHold(const std::string& store);

  os::Volume& volume() { return *volume_; }
  /// No new frames are made with the dictionary until the hold ends, nor are there any that wait in
  /// the journal. Throws DictionaryInUse, std::system_error, std::runtime_error.
  void retire_dictionary(std::uint32_t id);
  /// How many names were moved so far in a store that is mounted: who has walked through it has
  /// seen everything if that is the same as before. Throws std::system_error.
  std::uint64_t moved_names() const;
  /// To be called after the last search. Throws DictionaryInUse when a file needs the dictionary
  /// that has lost its name meanwhile, std::system_error.
  void refuse_unnamed_use(std::uint32_t id) const;
  ~StoreHold();
  StoreHold(const StoreHold&) = delete;
  StoreHold& operator=(const StoreHold&) = delete;

 private:
  using What = store::DictionaryUseRequest::What;

  /// Asks the daemon.
  store::DictionaryUseRequest ask(std::uint32_t id, What what) const;

  const std::optional<std::string> mount_point_;
  const std::unique_ptr<os::Volume> volume_;
  const std::unique_ptr<os::VolumeLock> others_;
  std::unique_ptr<os::VolumeLock> lock_;
  std::vector<std::uint32_t> retired_;
};

}  // namespace zstdfs::tools
