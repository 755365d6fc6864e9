#include "tools/tree_copy.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <stdexcept>
#include <system_error>

#include "fs/store/store_paths.hpp"
#include "tools/copied_content.hpp"
#include "tools/file_version.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

using Existing = TreeCopyOptions::Existing;
using Kind = CopyReport::Kind;

// So many files have a descriptor each until a sync, if there are eight times as many to be had;
// and so much is copied again after a power loss.
constexpr std::size_t kFilesOfOneSync = 500;
constexpr std::uint64_t kBytesOfOneSync = 1u << 30;

std::size_t files_of_one_sync() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1;
  return std::clamp<std::size_t>(limit.rlim_cur / 8, 1, kFilesOfOneSync);
}

/// The command was told to end while a file was copied.
class CopyStopped : public std::exception {};

bool is_full_disk(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  return system && (system->code().value() == ENOSPC || system->code().value() == EDQUOT);
}

std::string target_of(const WalkEntry& entry) {
  std::array<char, PATH_MAX> target{};
  const ssize_t n =
      ::readlinkat(entry.directory_fd, entry.name.c_str(), target.data(), target.size());
  if (n < 0) throw std::system_error(errno, std::generic_category(), "readlink");
  return {target.data(), static_cast<std::size_t>(n)};
}

[[noreturn]] void refuse_existing() {
  throw std::runtime_error(
      "is there already; --update replaces what differs, --force replaces everything");
}

[[noreturn]] void refuse_changed() {
  throw std::runtime_error("was changed while it was copied; run again with --update");
}

/// The change time tells of changes that put the modification time back.
void check_unchanged(CopiedFile& file, const struct stat& before) {
  const struct stat now = file.status();
  if (!same_version(now, before) || !same_time(now.st_ctim, before.st_ctim)) refuse_changed();
}

}  // namespace

TreeCopy::TreeCopy(Side from, Side to, TreeCopyOptions options, const Interruption& interruption,
                   CopyReport& report, Progress& progress)
    : from_(std::move(from)),
      to_(std::move(to)),
      options_(options),
      interruption_(interruption),
      report_(report),
      progress_(progress),
      names_(to_.root),
      files_of_one_sync_(files_of_one_sync()),
      queue_(options.threads) {}

void TreeCopy::run() {
  os::UniqueFd root = open_directory(AT_FDCWD, from_.root, FollowLinks::kYes);
  begin_directory("", metadata_of(root.get(), "."),
                  open_directory(AT_FDCWD, to_.root, FollowLinks::kYes));
  walk_tree(std::move(root), {[this](const WalkEntry& entry) { return visit(entry); },
                              [this](const std::string& path, const std::error_code& error) {
                                report_.add_failure(from_.root + "/" + path, explain(error));
                              }});
  queue_.finish();
  complete_unsynced();
  // Only now is it known which files could be copied.
  for (const Link& link : links_) {
    if (!stopping()) attempt(link.path, [&] { make_link(link); });
  }
  // What is in a directory changes its time, so the directories above come last.
  for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
    attempt(at->path, [&] { complete(names_.open(at->path, at->made), at->metadata); });
  }
  if (lost_owners_) report_.warn("only root can keep owners; what was copied is yours");
}

Descend TreeCopy::visit(const WalkEntry& entry) {
  if (stopping() || entry.path == store::kStoreDirectory) return Descend::kNo;
  try {
    // A file in a store has another size and perhaps another time than its backing file.
    if (S_ISREG(entry.status.st_mode)) {
      auto from = from_.files.open(entry.path);
      CopiedMetadata metadata{from->status(), copied_attributes(from->attributes())};
      copy(entry, std::move(metadata), std::move(from));
    } else {
      copy(entry, metadata_of(entry.directory_fd, entry.name), nullptr);
    }
    return Descend::kYes;
  } catch (const std::exception& error) {
    fail(entry.path, error);
    return Descend::kNo;
  }
}

void TreeCopy::copy(const WalkEntry& entry, CopiedMetadata metadata,
                    std::unique_ptr<CopiedFile> from) {
  const struct stat status = metadata.status;
  if ((status.st_mode & S_IFMT) != (entry.status.st_mode & S_IFMT)) refuse_changed();
  if (S_ISDIR(status.st_mode)) return copy_directory(entry.path, std::move(metadata));
  if (status.st_nlink > 1) {
    const auto [first, added] = linked_.emplace(FileId(status.st_dev, status.st_ino), entry.path);
    if (!added) {
      links_.push_back({entry.path, first->second});
      return;
    }
  }
  const auto aside = make_way(entry.path, status);
  if (!aside) {
    report_.add(Kind::kSkipped);
    return note_copied(entry.path, status);
  }
  replace(entry.path, *aside, [&] {
    if (from) return copy_file(entry.path, std::move(metadata), std::move(from), *aside);
    copy_other(entry, metadata);
    remove_aside(*aside);
  });
  if (!S_ISREG(status.st_mode)) note_copied(entry.path, status);
}

void TreeCopy::note_copied(const std::string& path, const struct stat& status) {
  if (status.st_nlink < 2) return;
  MutexLock lock(mutex_);
  copied_.insert(path);
}

std::optional<std::string> TreeCopy::make_way(const std::string& path,
                                              const struct stat& original) {
  const auto there = names_.status(path);
  if (!there) return "";
  if (options_.existing == Existing::kFail) refuse_existing();
  if (options_.existing == Existing::kUpdate && is_up_to_date(path, *there, original)) {
    return std::nullopt;
  }
  return names_.set_aside(path);
}

void TreeCopy::replace(const std::string& path, const std::string& aside,
                       const std::function<void()>& make) {
  try {
    make();
  } catch (...) {
    attempt(path, [&] { put_back(aside, path); });
    throw;
  }
}

void TreeCopy::remove_unfinished(const std::string& path, const struct stat& made) {
  try {
    names_.remove(path, made);
  } catch (const std::system_error& error) {
    throw std::runtime_error("what is there is not whole, and cannot be removed: " +
                             explain(error.code()));
  }
}

void TreeCopy::put_back(const std::string& aside, const std::string& path) {
  if (!aside.empty()) names_.put_back(aside, path);
}

void TreeCopy::remove_aside(const std::string& aside) {
  if (!aside.empty()) names_.remove(aside);
}

bool TreeCopy::is_up_to_date(const std::string& path, const struct stat& there,
                             const struct stat& original) {
  if ((there.st_mode & S_IFMT) != (original.st_mode & S_IFMT)) return false;
  if (!S_ISREG(there.st_mode)) return false;
  const struct stat copied = to_.files.open(path)->status();
  return copied.st_size == original.st_size && same_time(copied.st_mtim, original.st_mtim);
}

void TreeCopy::make_link(const Link& link) {
  const auto there = names_.status(link.path);
  {
    MutexLock lock(mutex_);
    if (!copied_.contains(link.first)) {
      throw std::runtime_error("its other name " + link.first + " was not copied");
    }
  }
  const auto target = names_.status(link.first);
  if (!target) throw std::runtime_error("its other name " + link.first + " is gone");
  if (there && there->st_ino == target->st_ino && there->st_dev == target->st_dev) {
    report_.add(Kind::kSkipped);
    return;
  }
  if (there && options_.existing == Existing::kFail) refuse_existing();
  const std::string aside = there ? names_.set_aside(link.path) : "";
  replace(link.path, aside, [&] { names_.link(link.path, link.first); });
  remove_aside(aside);
  report_.add(Kind::kLink);
}

void TreeCopy::copy_directory(const std::string& path, CopiedMetadata metadata) {
  const os::UniqueFd directory = directory_at(path, metadata);
  begin_directory(path, std::move(metadata), directory);
  report_.add(Kind::kDirectory);
}

os::UniqueFd TreeCopy::directory_at(const std::string& path, const CopiedMetadata& metadata) {
  const auto there = names_.status(path);
  if (!there) return names_.make_directory(path);
  if (S_ISDIR(there->st_mode)) return names_.open(path, *there);
  const auto aside = make_way(path, metadata.status);  // never up to date
  os::UniqueFd directory;
  replace(path, *aside, [&] { directory = names_.make_directory(path); });
  remove_aside(*aside);
  return directory;
}

void TreeCopy::begin_directory(std::string path, CopiedMetadata metadata,
                               const os::UniqueFd& directory) {
  begin_metadata(directory, metadata);
  to_.files.directories_changed();
  directories_.push_back({std::move(path), std::move(metadata), status_of(directory)});
}

void TreeCopy::copy_other(const WalkEntry& entry, const CopiedMetadata& metadata) {
  const bool symlink = S_ISLNK(entry.status.st_mode);
  const os::UniqueFd made = symlink ? names_.make_symlink(entry.path, target_of(entry))
                                    : names_.make_node(entry.path, metadata.status);
  try {
    complete(made, metadata);
  } catch (const std::exception&) {
    attempt(entry.path, [&] { remove_unfinished(entry.path, status_of(made)); });
    throw;
  }
  report_.add(symlink ? Kind::kSymlink : Kind::kNode);
}

void TreeCopy::copy_file(std::string path, CopiedMetadata metadata,
                         std::unique_ptr<CopiedFile> from, std::string aside) {
  auto to = to_.files.create(path);
  // A task has to be copyable.
  const auto file = std::make_shared<File>(File{
      std::move(path), std::move(metadata), std::move(from), std::move(to), std::move(aside), 0});
  queue_.add([this, file] { work_on(file); });
}

void TreeCopy::work_on(const std::shared_ptr<File>& file) {
  const PieceDone done = [this](std::uint64_t bytes) {
    if (stopping()) throw CopyStopped();
    progress_.add(bytes);
  };
  const bool whole = or_take_back(*file, [&] {
    done(0);
    begin_metadata(names_.open(file->path, file->to->status()), file->metadata);
    const ContentSums sums = copy_content(*file->from, *file->to, done);
    check_unchanged(*file->from, file->metadata.status);
    file->to->change_attributes([] {});  // Everything is stored; that is what is read back.
    if (options_.verify) verify_content(*file->to, sums, [&](std::uint64_t) { done(0); });
    file->from.reset();  // It takes a descriptor.
    file->bytes = sums.bytes;
  });
  if (whole) complete_once_synced(file);
}

void TreeCopy::complete_once_synced(const std::shared_ptr<File>& file) {
  {
    const MutexLock lock(mutex_);
    unsynced_.push_back(file);
    unsynced_bytes_ += file->bytes;
    if (unsynced_.size() < files_of_one_sync_ && unsynced_bytes_ < kBytesOfOneSync) return;
  }
  complete_unsynced();
}

// Others that have as many files again wait until these are complete, and have no more then.
void TreeCopy::complete_unsynced() {
  const MutexLock syncing(sync_mutex_);
  std::vector<std::shared_ptr<File>> files;
  {
    const MutexLock lock(mutex_);
    files.swap(unsynced_);
    unsynced_bytes_ = 0;
  }
  const std::string problem = files.empty() ? "" : sync();
  for (const auto& file : files) {
    or_take_back(*file, [&] {
      if (!problem.empty()) throw std::runtime_error(problem);
      if (to_.files.needs_sync_of_each()) file->to->sync();
      const os::UniqueFd object = names_.open(file->path, file->to->status());
      file->to->change_attributes([&] { complete(object, file->metadata); });
      remove_aside(file->aside);
      note_copied(file->path, file->metadata.status);
      report_.add(Kind::kFile, file->bytes);
    });
  }
}

std::string TreeCopy::sync() {
  if (!sync_problem_.empty()) return sync_problem_;
  try {
    to_.files.sync();
  } catch (const std::system_error& error) {
    // The system tells it once, of whichever file it is.
    sync_problem_ = "is not on the disk for certain: " + explain(error.code());
    sync_failed_ = true;
  }
  return sync_problem_;
}

bool TreeCopy::or_take_back(const File& file, const std::function<void()>& what) {
  try {
    what();
    return true;
  } catch (const CopyStopped&) {
    // Said by the summary.
  } catch (const std::exception& error) {
    fail(file.path, error);
  }
  attempt(file.path, [&] {
    remove_unfinished(file.path, file.to->status());
    put_back(file.aside, file.path);
  });
  return false;
}

void TreeCopy::complete(const os::UniqueFd& object, const CopiedMetadata& metadata) {
  if (!complete_metadata(object, metadata)) lost_owners_ = true;
}

void TreeCopy::attempt(const std::string& path, const std::function<void()>& what) {
  try {
    what();
  } catch (const std::exception& error) {
    report(path, error);
  }
}

void TreeCopy::fail(const std::string& path, const std::exception& error) {
  // Said once, though several files are being copied.
  if (is_full_disk(error) && disk_full_.exchange(true)) return;
  report(path, error);
}

void TreeCopy::report(const std::string& path, const std::exception& error) {
  std::string why = explain(error);
  if (is_full_disk(error)) {
    disk_full_ = true;
    why += "; what was copied before is whole";
  }
  report_.add_failure(path.empty() ? to_.root : to_.root + "/" + path, why);
}

}  // namespace zstdfs::tools
