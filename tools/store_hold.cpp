#include "tools/store_hold.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/lock_wait.hpp"
#include "tools/mount_map.hpp"

namespace zstdfs::tools {

namespace {

constexpr std::uint32_t kNone = 0;  // of all dictionaries

}  // namespace

std::unique_ptr<os::VolumeLock> exclude_other_commands(os::Volume& volume, IfBusy if_busy) {
  // A file that every store has, mounted or not, and that is never replaced.
  const std::string path = store::kDescriptionPath;
  LockWait wait;
  while (true) {
    pid_t holder = 0;
    std::unique_ptr<os::VolumeLock> lock;
    try {
      lock = volume.try_lock(path, holder, os::LockTrace::kNone);
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) throw;
      throw std::runtime_error("the store has no " + path + "; a mount makes it");
    }
    if (lock) return lock;
    if (if_busy == IfBusy::kRefuse) {
      throw std::runtime_error("another zstdfs command is at work on the store; try again later");
    }
    wait.pause([]() -> std::string {
      return "zstdfs: waiting for another zstdfs command, which is at work on the store";
    });
  }
}

StoreHold::StoreHold(const std::string& store)
    : mount_point_(mount_point_of(store)),
      volume_(os::open_posix_volume(store)),
      others_(exclude_other_commands(*volume_, IfBusy::kRefuse)) {
  if (mount_point_) return;
  pid_t holder = 0;
  try {
    lock_ = volume_->try_lock(store::kLockPath, holder);
  } catch (const std::system_error& error) {
    if (error.code().value() == EROFS) return;  // Nothing can change.
    throw;
  }
  if (lock_) return;
  const std::string who = holder > 0 ? "process " + std::to_string(holder) : "another process";
  throw std::runtime_error("the store is in use by " + who +
                           ", and its mount cannot be seen from here; name the mount, or unmount");
}

StoreHold::~StoreHold() {
  for (const std::uint32_t id : retired_) {
    try {
      ask(id, What::kUseAgain);
    } catch (const std::exception&) {
      // The mount has ended, and what it was told with it.
    }
  }
}

void StoreHold::retire_dictionary(std::uint32_t id) {
  if (!mount_point_) {
    const std::vector<std::string> journal = store::Journal(*volume_).list();
    const bool rewriting = std::any_of(journal.begin(), journal.end(), [](const auto& name) {
      return name.ends_with(store::kRedoSuffix);
    });
    if (!rewriting) return;
    throw std::runtime_error(
        "the store was not shut down, and what waits in its journal may need the dictionary; mount "
        "and unmount it first");
  }
  ask(id, What::kRetire);
  retired_.push_back(id);
}

std::uint64_t StoreHold::moved_names() const {
  return mount_point_ ? ask(kNone, What::kLook).moved_names : 0;
}

void StoreHold::refuse_unnamed_use(std::uint32_t id) const {
  if (mount_point_) ask(id, What::kLook);
}

store::DictionaryUseRequest StoreHold::ask(std::uint32_t id, What what) const {
  const os::UniqueFd root(::open(mount_point_->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  store::DictionaryUseRequest request{.dictionary_id = id, .what = what};
  if (root && ::ioctl(root.get(), store::kDictionaryUse, &request) == 0) return request;
  const int code = errno;
  if (code == EBUSY) {
    throw DictionaryInUse("dictionary " + std::to_string(id) +
                          " is in use: a program has a file open that was removed and needs it");
  }
  if (code == ENOTTY) {
    throw std::runtime_error("the daemon of " + *mount_point_ +
                             " is of another version of zstdfs; unmount, and try again");
  }
  throw std::system_error(code, std::generic_category(), *mount_point_);
}

}  // namespace zstdfs::tools
