#include "tools/new_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <stdexcept>
#include <system_error>

#include "fs/os/not_regular.hpp"
#include "tools/display.hpp"
#include "tools/given_owner.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "zstdfs/stream.hpp"

namespace zstdfs::tools {
namespace {

void check(int result) {
  if (result != 0) throw std::system_error(errno, std::generic_category());
}

}  // namespace

NewFile::NewFile(std::string path) : path_(std::move(path)) {
  std::string name = directory() + "/.zstdfs-XXXXXX";
  fd_ = os::UniqueFd(::mkostemp(name.data(), O_CLOEXEC));
  if (!fd_) throw std::system_error(errno, std::generic_category());
  temporary_path_ = name;
}

NewFile::~NewFile() {
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

std::string NewFile::directory() const {
  const std::size_t slash = path_.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path_.substr(0, slash);
}

void NewFile::write(ByteSpan bytes) {
  FileSink sink(fd(), FileOwnership::kBorrowed);
  write_all(sink, bytes);
}

void NewFile::make_like(const struct stat& original, const os::Attributes& access_list) {
  const GivenOwner given = give_owner(fd(), original);
  mode_t mode = original.st_mode & (given.both() ? 0777 : 0700);
  if (!access_list.empty()) mode &= ~static_cast<mode_t>(S_IRWXG);
  ::fremovexattr(fd(), kAccessList);  // what the directory hands down
  check(::fchmod(fd(), mode));
  for (const auto& [name, list] : access_list) {
    // Where that fails, on another filesystem perhaps, the group gets nothing.
    if (given.both()) ::fsetxattr(fd(), name.c_str(), list.data(), list.size(), 0);
  }
  const std::array<timespec, 2> times = {original.st_atim, original.st_mtim};
  check(::futimens(fd(), times.data()));
}

void NewFile::make_ordinary() {
  const mode_t mask = ::umask(0);
  ::umask(mask);
  check(::fchmod(fd(), 0666 & ~mask));
}

void NewFile::commit(Existing existing, Durability durability) {
  if (durability == Durability::kNow) check(::fsync(fd()));
  rename_to_path(existing);
  temporary_path_.clear();
  if (durability == Durability::kNow) {
    const os::UniqueFd parent = open_directory(AT_FDCWD, directory(), FollowLinks::kYes);
    check(::fsync(parent.get()));
  }
}

void NewFile::rename_to_path(Existing existing) {
  const char* const from = temporary_path_.c_str();
  if (existing == Existing::kReplace) {
    struct stat status {};
    const bool there = ::lstat(path_.c_str(), &status) == 0;
    if (there && !S_ISREG(status.st_mode)) {
      throw std::system_error(os::not_regular());
    }
    return check(::rename(from, path_.c_str()));
  }
  if (::renameat2(AT_FDCWD, from, AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) == 0) return;
  if (errno != EINVAL && errno != ENOSYS) throw std::system_error(errno, std::generic_category());
  // A filesystem that does not know RENAME_NOREPLACE (NFS).
  check(::link(from, path_.c_str()));
  ::unlink(from);
}

void refuse_impossible_file(const std::string& path, Existing existing) {
  struct stat status {};
  if (existing == Existing::kKeep && ::lstat(path.c_str(), &status) == 0) {
    throw std::runtime_error(printable(path) + ": exists already; --force replaces it");
  }
  naming(path, [&] { const NewFile can_be_made(path); });
}

void write_new_file(const std::string& path, ByteSpan content, Existing existing,
                    Durability durability) {
  naming(path, [&] {
    NewFile file(path);
    file.write(content);
    file.make_ordinary();
    try {
      file.commit(existing, durability);
    } catch (const std::system_error& error) {
      if (error.code().value() != EEXIST) throw;
      throw std::runtime_error("exists already; --force replaces it");
    }
  });
}

}  // namespace zstdfs::tools
