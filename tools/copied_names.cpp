#include "tools/copied_names.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <random>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

constexpr mode_t kOnlyOwnerEnters = 0700;
constexpr mode_t kOnlyOwnerUses = 0600;
constexpr mode_t kPermissionBits = 07777;
constexpr std::string_view kUserAttributes = "user.";
/// Facts that a mount of zstdfs shows as attributes.
constexpr std::string_view kShownFacts = "user.zstdfs.stored.";
/// What a directory hands down to what is made in it.
constexpr std::array kAccessLists = {"system.posix_acl_access", "system.posix_acl_default"};

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void set_attribute(const std::string& path, const std::string& name, const std::string& value) {
  if (::lsetxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
    const std::error_code code(errno, std::generic_category());
    throw std::runtime_error("its attribute " + name + " cannot be set: " + explain(code));
  }
}

std::string path_in(int directory_fd, const std::string& name) {
  return "/proc/self/fd/" + std::to_string(directory_fd) + "/" + name;
}

}  // namespace

os::Attributes attributes_of(int directory_fd, const std::string& name) {
  const os::UniqueFd object(::openat(directory_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!object) fail("open");
  os::Attributes attributes = os::read_attributes(object.get(), "");
  std::erase_if(attributes,
                [](const auto& attribute) { return attribute.first.starts_with(kShownFacts); });
  return attributes;
}

std::string CopiedNames::Place::path() const {
  return path_in(directory.get(), name);
}

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

void CopiedNames::make_directory(const std::string& path) const {
  const Place at = place(path);
  if (::mkdirat(at.directory.get(), at.name.c_str(), kOnlyOwnerEnters) != 0) fail("mkdir");
}

void CopiedNames::make_symlink(const std::string& path, const std::string& target) const {
  const Place at = place(path);
  if (::symlinkat(target.c_str(), at.directory.get(), at.name.c_str()) != 0) fail("symlink");
}

void CopiedNames::make_node(const std::string& path, const struct stat& like) const {
  const Place at = place(path);
  const mode_t mode = (like.st_mode & S_IFMT) | kOnlyOwnerUses;
  if (::mknodat(at.directory.get(), at.name.c_str(), mode, like.st_rdev) != 0) fail("mknod");
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
  rename(aside, path);
}

void CopiedNames::rename(const std::string& from, const std::string& to) const {
  const Place a = place(from);
  const Place b = place(to);
  if (::renameat(a.directory.get(), a.name.c_str(), b.directory.get(), b.name.c_str()) != 0) {
    fail("rename");
  }
}

void CopiedNames::give_owner(const Place& at, const struct stat& status) {
  if (::fchownat(at.directory.get(), at.name.c_str(), status.st_uid, status.st_gid,
                 AT_SYMLINK_NOFOLLOW) == 0) {
    return;
  }
  if (errno != EPERM || ::geteuid() == 0) fail("chown");
  lost_owners_ = true;
}

void CopiedNames::begin(const std::string& path, const CopiedMetadata& metadata) {
  const Place at = place(path);
  give_owner(at, metadata.status);
  for (const auto& [name, value] : metadata.attributes) {
    if (name.starts_with(kUserAttributes)) set_attribute(at.path(), name, value);
  }
}

void CopiedNames::complete(const std::string& path, const CopiedMetadata& metadata) {
  const Place at = place(path);
  const struct stat& status = metadata.status;
  give_owner(at, status);
  if (!S_ISLNK(status.st_mode)) {
    for (const char* list : kAccessLists) ::lremovexattr(at.path().c_str(), list);
    if (::fchmodat(at.directory.get(), at.name.c_str(), status.st_mode & kPermissionBits, 0) != 0) {
      fail("chmod");
    }
  }
  for (const auto& [name, value] : metadata.attributes) set_attribute(at.path(), name, value);
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::utimensat(at.directory.get(), at.name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    fail("set times");
  }
}

}  // namespace zstdfs::tools
