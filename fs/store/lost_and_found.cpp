#include "fs/store/lost_and_found.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>

#include "fs/store/journal_codec.hpp"
#include "fs/store/store_paths.hpp"
#include "fs/store/wrapping.hpp"

namespace zstdfs::store {
namespace {

constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;
// With inode number, suffix and a number to tell equals apart it stays below the 255 bytes of a
// name.
constexpr std::size_t kMaxPathPartBytes = 180;

/// The end of a path tells more than its beginning.
std::string as_name(const std::string& path) {
  std::string name =
      path.size() > kMaxPathPartBytes ? path.substr(path.size() - kMaxPathPartBytes) : path;
  std::replace(name.begin(), name.end(), '/', '_');
  return name;
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

}  // namespace

std::string LostAndFound::path_of(const std::string& name) {
  return std::string(kLostAndFound) + "/" + name;
}

bool LostAndFound::exists(const std::string& path) const {
  try {
    volume_.stat(path);
    return true;
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT) return false;
    throw;
  }
}

void LostAndFound::check() const {
  if (!exists(kLostAndFound)) return;
  const struct stat status = volume_.stat(kLostAndFound);
  const std::string name = kLostAndFound;
  if (!S_ISDIR(status.st_mode)) {
    throw RepairRefused(name + " in the store's root is not a directory; move it away");
  }
  if ((status.st_uid != 0 && status.st_uid != ::geteuid()) || (status.st_mode & 022u) != 0) {
    throw RepairRefused(name + " in the store's root belongs to another user or others may write " +
                        "to it; give it to root and chmod it to 0700");
  }
}

void LostAndFound::make_directory() {
  check();
  if (volume_.make_directory(kLostAndFound, kDirectoryMode)) volume_.sync_directory("");
}

std::string LostAndFound::name_for(const std::string& path, std::uint64_t inode,
                                   const std::string& suffix,
                                   const std::function<bool(const std::string&)>& is_same) const {
  const std::string stem = as_name(path) + "." + std::to_string(inode);
  std::string name = stem + suffix;
  for (int i = 2; exists(path_of(name)) && !is_same(path_of(name)); ++i) {
    name = stem + "." + std::to_string(i) + suffix;
  }
  return name;
}

void LostAndFound::make_file(const std::string& name, const std::function<void(os::File&)>& fill) {
  make_directory();
  volume_.remove(kUnfinishedCopyPath);
  try {
    const auto file = volume_.create(kUnfinishedCopyPath, kFileMode);
    fill(*file);
    file->sync(os::SyncKind::kDataAndTimes);
    volume_.rename(kUnfinishedCopyPath, path_of(name));
    volume_.sync_directory(kLostAndFound);
  } catch (const std::system_error&) {
    try {
      volume_.remove(kUnfinishedCopyPath);
    } catch (const std::system_error&) {
      // The next repair removes it.
    }
    throw;
  }
}

void LostAndFound::keep_copy(const os::File& file, const std::string& name) {
  if (exists(path_of(name))) return;
  make_file(name, [&](os::File& copy) {
    write_wrapped(file, random_nonce(),
                  [&](std::uint64_t offset, ByteSpan bytes) { copy.write_at(offset, bytes); });
    copy.set_modification_time(file.stat().st_mtim);
  });
}

void LostAndFound::write_report(const std::string& name, const std::string& text) {
  make_file(name, [&](os::File& report) { report.write_at(0, std::as_bytes(std::span(text))); });
}

void LostAndFound::take(const std::string& path, const std::string& name) {
  make_directory();
  volume_.rename(path, path_of(name));
  // First where it is, then where it is no more: it must not be in neither.
  volume_.sync_directory(kLostAndFound);
  volume_.sync_directory(parent_of(path));
}

void LostAndFound::drop(const std::string& name) noexcept {
  try {
    volume_.remove(path_of(name));
  } catch (const std::system_error&) {
    // It stays, and says what was tried.
  }
}

void LostAndFound::give_back(const std::string& name, const std::string& path) noexcept {
  try {
    volume_.rename(path_of(name), path);
    volume_.sync_directory(parent_of(path));
  } catch (const std::system_error&) {
    // It stays, and is damaged as before.
  }
}

}  // namespace zstdfs::store
