#include "tools/copied_names.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <system_error>

#include "tools/file_version.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

constexpr mode_t kOnlyOwnerEnters = 0700;
constexpr mode_t kOnlyOwnerUses = 0600;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

[[noreturn]] void refuse_replaced() {
  throw std::runtime_error("was replaced by something else, or removed, while it was copied");
}

os::UniqueFd open_path(int directory_fd, const std::string& name) {
  os::UniqueFd object(::openat(directory_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!object && errno == ENOENT) refuse_replaced();
  if (!object) fail("open what was made");
  return object;
}

/// Opens what was made just now. Making gives no descriptor, and whoever may write to the directory
/// can have put something else there: then it has to be of this type, and as new.
os::UniqueFd open_made(int directory_fd, const std::string& name, mode_t type) {
  os::UniqueFd object = open_path(directory_fd, name);
  const struct stat status = status_of(object);
  if ((status.st_mode & S_IFMT) != type) refuse_replaced();
  const bool is_new =
      S_ISDIR(type) ? std::filesystem::is_empty(path_of(object)) : status.st_nlink <= 1;
  if (!is_new) refuse_replaced();
  return object;
}

}  // namespace

CopiedNames::CopiedNames(const std::string& root)
    : root_(open_directory(AT_FDCWD, root, FollowLinks::kYes)),
      walk_(os::probe_path_walk(root_.get())) {}

CopiedNames::Place CopiedNames::place(const std::string& path) const {
  if (path.empty()) {
    os::UniqueFd root = os::duplicate(root_.get());
    return {std::move(root), "."};
  }
  const os::ParentAndName split = os::split_path(path);
  os::UniqueFd parent = os::open_beneath(root_.get(), split.parent, O_PATH | O_DIRECTORY, 0, walk_);
  if (!parent) fail("open the directory");
  return {std::move(parent), split.name};
}

std::optional<struct stat> CopiedNames::status(const std::string& path) const {
  const Place at = place(path);
  struct stat status {};
  if (::fstatat(at.directory.get(), at.name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0) {
    return status;
  }
  if (errno != ENOENT) fail("stat");
  return std::nullopt;
}

os::UniqueFd CopiedNames::open(const std::string& path, const struct stat& known) const {
  const Place at = place(path);
  os::UniqueFd object = open_path(at.directory.get(), at.name);
  if (!same_object(status_of(object), known)) refuse_replaced();
  return object;
}

os::UniqueFd CopiedNames::make_directory(const std::string& path) const {
  const Place at = place(path);
  if (::mkdirat(at.directory.get(), at.name.c_str(), kOnlyOwnerEnters) != 0) fail("mkdir");
  return open_made(at.directory.get(), at.name, S_IFDIR);
}

os::UniqueFd CopiedNames::make_symlink(const std::string& path, const std::string& target) const {
  const Place at = place(path);
  if (::symlinkat(target.c_str(), at.directory.get(), at.name.c_str()) != 0) fail("symlink");
  return open_made(at.directory.get(), at.name, S_IFLNK);
}

os::UniqueFd CopiedNames::make_node(const std::string& path, const struct stat& like) const {
  const Place at = place(path);
  const mode_t type = like.st_mode & S_IFMT;
  if (::mknodat(at.directory.get(), at.name.c_str(), type | kOnlyOwnerUses, like.st_rdev) != 0) {
    fail("mknod");
  }
  os::UniqueFd node = open_made(at.directory.get(), at.name, type);
  const bool device = S_ISCHR(type) || S_ISBLK(type);
  if (device && status_of(node).st_rdev != like.st_rdev) refuse_replaced();
  return node;
}

void CopiedNames::link(const std::string& path, const std::string& existing) const {
  const Place from = place(existing);
  const Place to = place(path);
  if (::linkat(from.directory.get(), from.name.c_str(), to.directory.get(), to.name.c_str(), 0) !=
      0) {
    fail("link");
  }
}

void CopiedNames::remove(const std::string& path) const {
  const Place at = place(path);
  if (::unlinkat(at.directory.get(), at.name.c_str(), 0) == 0 || errno == ENOENT) return;
  if (errno != EISDIR || ::unlinkat(at.directory.get(), at.name.c_str(), AT_REMOVEDIR) != 0) {
    fail("remove what is there");
  }
}

void CopiedNames::remove(const std::string& path, const struct stat& known) const {
  const auto there = status(path);
  if (there && same_object(*there, known)) remove(path);
}

std::string CopiedNames::set_aside(const std::string& path) const {
  const auto there = status(path);
  if (there && S_ISDIR(there->st_mode)) {
    remove(path);
    return "";
  }
  const std::string name = place(path).name;
  constexpr std::size_t kMostOfName = 200;  // so that there is room for the rest
  const std::string begin =
      path.substr(0, path.size() - name.size()) + "." + name.substr(0, kMostOfName) + ".replaced-";
  // A number that no file has which is copied besides, nor what a copy has left that was killed.
  std::random_device random;
  std::string aside;
  do {
    aside = begin + std::to_string(random());
  } while (status(aside));
  rename(path, aside);
  return aside;
}

void CopiedNames::put_back(const std::string& aside, const std::string& path) const {
  if (status(path)) {
    throw std::runtime_error("what was there is " + aside + " now, as the name is taken");
  }
  try {
    rename(aside, path);
  } catch (const std::system_error& error) {
    throw std::runtime_error("what was there is " + aside + " now: " + explain(error.code()));
  }
}

void CopiedNames::rename(const std::string& from, const std::string& to) const {
  const Place a = place(from);
  const Place b = place(to);
  if (::renameat(a.directory.get(), a.name.c_str(), b.directory.get(), b.name.c_str()) != 0) {
    fail("rename");
  }
}

}  // namespace zstdfs::tools
