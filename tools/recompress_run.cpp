#include "tools/recompress_run.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "fs/os/not_regular.hpp"
#include "fs/os/posix.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/tree_walk.hpp"

namespace zstdfs::tools {
namespace {

using store::Recompression;
using store::RecompressionResult;

// So many small files are changed at once, each of at most so many bytes.
constexpr unsigned kThreads = 8;
constexpr std::uint64_t kSmallBytes = 1u << 20;

constexpr std::uint64_t kBlockBytes = 4096;  // of most filesystems; for estimates only

std::uint64_t blocks(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes;
}

std::string joined(const std::string& directory, const std::string& name) {
  if (directory.empty() || name.empty()) return directory + name;
  return directory.ends_with('/') ? directory + name : directory + "/" + name;
}

std::uint64_t size_of(const struct stat& status) {
  return static_cast<std::uint64_t>(status.st_size);
}

}  // namespace

RecompressRun::RecompressRun(store::SettingsChoice choice, Mode mode,
                             const Interruption& interruption, RecompressReport& report,
                             Progress& progress)
    : choice_(std::move(choice)),
      mode_(mode),
      interruption_(interruption),
      report_(report),
      progress_(progress),
      stores_(mode == Mode::kChange ? store::ForWriting::kYes : store::ForWriting::kNo),
      queue_(kThreads) {}

void RecompressRun::add_path(const std::string& path) {
  try {
    const ChangeablePath from = stores_.find(path);
    if (!has_dictionary(from.tree->store())) return;
    const std::string found = joined(from.tree->root(), from.below);
    struct stat status {};
    if (::lstat(found.c_str(), &status) != 0) {
      throw std::system_error(errno, std::generic_category());
    }
    if (S_ISDIR(status.st_mode)) return walk(from, path);
    if (!S_ISREG(status.st_mode)) throw std::system_error(os::not_regular());
    change({from.tree, from.below, path}, status);
  } catch (const std::exception& error) {
    const MutexLock lock(mutex_);
    add_failure(path, error);
  }
}

/// Asked once, since every single file would fail otherwise.
bool RecompressRun::has_dictionary(const std::string& store) {
  if (choice_.dictionary_id.value_or(0) == 0 || store.empty()) return true;
  const auto [known, is_new] = has_dictionary_.try_emplace(store, true);
  if (!is_new) return known->second;
  try {
    refuse_missing_dictionary(*os::open_posix_volume(store), *choice_.dictionary_id);
  } catch (const std::system_error&) {
    // Who cannot look leaves it to the daemon, who can.
  } catch (const std::runtime_error& error) {
    known->second = false;
    const MutexLock lock(mutex_);
    report_.add_failure(store, error.what());
  }
  return known->second;
}

void RecompressRun::add_failure(const std::string& path, const std::exception& error) {
  const auto* const system = dynamic_cast<const std::system_error*>(&error);
  const int code = system == nullptr ? 0 : system->code().value();
  report_.add_failure(path, explain(error),
                      code == EACCES || code == EPERM ? RecompressReport::Failure::kNotAllowed
                                                      : RecompressReport::Failure::kOther);
}

void RecompressRun::walk(const ChangeablePath& from, const std::string& shown) {
  const auto visit = [&](const WalkEntry& entry) {
    const std::string below = joined(from.below, entry.path);
    if (interruption_.requested() || below == store::kStoreDirectory) return Descend::kNo;
    if (S_ISREG(entry.status.st_mode)) {
      change({from.tree, below, joined(shown, entry.path)}, entry.status);
    }
    return Descend::kYes;
  };
  const auto failed = [&](const std::string& path, const std::error_code& error) {
    const MutexLock lock(mutex_);
    add_failure(joined(shown, path), std::system_error(error));
  };
  const std::string root = joined(from.tree->root(), from.below);
  walk_tree(open_directory(AT_FDCWD, root, FollowLinks::kNo), {visit, failed});
}

void RecompressRun::change(const File& file, const struct stat& status) {
  if (!first_names_.add(status)) return;
  const std::uint64_t bytes = size_of(status);
  if (mode_ == Mode::kDryRun || bytes > kSmallBytes) return change_now(file, bytes);
  queue_.add([this, file, bytes] { change_now(file, bytes); });
}

void RecompressRun::change_now(const File& file, std::uint64_t bytes) {
  if (interruption_.requested()) return;
  try {
    const RecompressionResult result = try_to_change(file);
    const MutexLock lock(mutex_);
    if (result.outcome == Recompression::kBusy) {
      busy_.push_back(file);
    } else {
      report_.add(file.shown, result);
    }
  } catch (const std::exception& error) {
    const MutexLock lock(mutex_);
    add_failure(file.shown, error);
  }
  progress_.add(bytes);
}

RecompressionResult RecompressRun::try_to_change(const File& file) {
  if (mode_ == Mode::kDryRun) return estimate(file);
  return file.tree->open(file.below)->recompress(choice_);
}

RecompressionResult RecompressRun::estimate(const File& file) {
  const auto opened = file.tree->open(file.below);
  const store::RecompressionPlan plan = opened->plan(choice_);
  RecompressionResult result{plan.outcome, plan.stored_bytes, plan.stored_bytes};
  if (plan.outcome != Recompression::kDone) return result;
  const auto [entry, added] = estimators_.try_emplace(file.tree->store(), file.tree->store());
  const std::uint64_t after = entry->second.stored_bytes(*opened, plan.wanted);
  const bool is_raw = plan.stored_bytes == opened->size();
  const bool to_raw = plan.wanted.form == store::Settings::Form::kRaw;
  const bool in_bytes = plan.wanted.saving == store::Settings::Saving::kBytes;
  const bool gains =
      in_bytes ? after < plan.stored_bytes : blocks(after) < blocks(plan.stored_bytes);
  if (is_raw && !to_raw && !gains) {
    result.outcome = Recompression::kNoGain;
  } else {
    result.stored_bytes_after = after;
  }
  return result;
}

void RecompressRun::finish() {
  queue_.finish();
  const MutexLock lock(mutex_);
  for (const File& file : std::exchange(busy_, {})) {
    RecompressionResult result{.outcome = Recompression::kBusy};
    try {
      if (!interruption_.requested()) result = try_to_change(file);
      report_.add(file.shown, result);
    } catch (const std::exception& error) {
      add_failure(file.shown, error);
    }
  }
  if (!stores_.close()) {
    report_.add_failure("", "not everything could be stored for good; run the command again");
  }
}

std::uint64_t bytes_below(const std::vector<std::string>& paths, const Interruption& interruption) {
  std::uint64_t bytes = 0;
  FirstNames first_names;
  const auto visit = [&](const WalkEntry& entry) {
    if (interruption.requested() || entry.path == store::kStoreDirectory) return Descend::kNo;
    if (S_ISREG(entry.status.st_mode) && first_names.add(entry.status)) {
      bytes += size_of(entry.status);
    }
    return Descend::kYes;
  };
  for (const std::string& path : paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) continue;
    if (S_ISREG(status.st_mode)) bytes += size_of(status);
    if (!S_ISDIR(status.st_mode)) continue;
    try {
      walk_tree(open_directory(AT_FDCWD, path, FollowLinks::kYes),
                {visit, [](const std::string&, const std::error_code&) {}});
    } catch (const std::system_error&) {
      // The run meets the same, and says it.
    }
  }
  return bytes;
}

}  // namespace zstdfs::tools
