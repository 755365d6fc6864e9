#include "tools/scrub_run.hpp"

#include <cerrno>
#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "tools/file_version.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "tools/stored_files.hpp"

namespace zstdfs::tools {
namespace {

// A daemon finishes what was written to files that stay open every 5 seconds.
constexpr auto kPause = std::chrono::seconds(6);
constexpr int kMoreLooks = 3;

/// Every change of a file gives it another change time, which nobody can set.
bool is_unchanged(const struct stat& before, const struct stat& now) {
  return same_version(before, now) && same_time(before.st_ctim, now.st_ctim);
}

}  // namespace

void ScrubRun::run(const std::string& store, const std::string& below) {
  for_each_stored_file(
      store, below,
      {[this](const std::string& path, const os::UniqueFd& fd) { look(path, fd, nullptr); },
       [this](const std::string& path, const std::error_code& error) { failed(path, error); }});
  for (int i = 0; i < kMoreLooks; ++i) look_again(store);
  const MutexLock lock(mutex_);
  for (Suspect& suspect : suspects_) tell_changing(std::move(suspect));
}

void ScrubRun::look_again(const std::string& store) {
  std::vector<Suspect> suspects;
  {
    const MutexLock lock(mutex_);
    suspects = std::exchange(suspects_, {});
  }
  if (!suspects.empty()) std::this_thread::sleep_for(kPause);
  for (const Suspect& suspect : suspects) {
    try {
      for_each_stored_file(
          store, suspect.path,
          {[&](const std::string& path, const os::UniqueFd& fd) { look(path, fd, &suspect); },
           [this](const std::string& path, const std::error_code& error) { failed(path, error); }});
    } catch (const std::system_error& error) {
      // What was removed has no content any more.
      if (error.code().value() != ENOENT) failed(suspect.path, error.code());
    }
  }
}

void ScrubRun::look(const std::string& path, const os::UniqueFd& fd, const Suspect* before) {
  const struct stat status = status_of(fd);
  FileCheck check = check_on_disk(fd, Unmount::kKilled, dictionaries_, pace_);
  if (check.damage.empty() && !check.interrupted) return report_.add_file(path, check);
  if (before != nullptr && is_unchanged(before->status, status) && !is_being_rewritten(fd) &&
      is_unchanged(status, status_of(fd))) {
    return tell_unchanged(path, std::move(check));
  }
  const MutexLock lock(mutex_);
  suspects_.push_back({path, status, std::move(check)});
}

void ScrubRun::failed(const std::string& path, const std::error_code& error) {
  report_.add(path, {.not_checked = explain(error)});
}

void ScrubRun::tell_unchanged(const std::string& path, FileCheck check) {
  // A daemon that does not write leaves to another one what an interruption left.
  if (check.interrupted && check.damage.empty() && daemon_ == Daemon::kMayWrite) {
    check.interrupted = false;
    check.not_checked =
        "a write to it was begun and does not go on; what its daemon logs may say why";
  }
  report_.add_file(path, check);
}

void ScrubRun::tell_changing(Suspect suspect) {
  // Without damage it is whole as far as it is finished.
  suspect.check.interrupted = false;
  if (!suspect.check.damage.empty()) {
    suspect.check.damage.clear();
    suspect.check.not_checked = "it was being changed each time that it was looked at";
  }
  report_.add_file(suspect.path, suspect.check);
}

bool ScrubRun::is_being_rewritten(const os::UniqueFd& fd) {
  store::Journal journal(volume_);
  return store::find_redo(journal, os::make_posix_file(os::duplicate(fd.get()))->identity())
      .has_value();
}

}  // namespace zstdfs::tools
