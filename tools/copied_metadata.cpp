#include "tools/copied_metadata.hpp"

#include <fcntl.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "tools/given_owner.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::string_view kUserAttributes = "user.";
/// Facts that a mount of zstdfs shows as attributes.
constexpr std::string_view kShownFacts = "user.zstdfs.stored.";
constexpr const char* kCapabilities = "security.capability";
// Besides kAccessList, what a directory hands down to what is made in it.
constexpr const char* kDefaultList = "system.posix_acl_default";

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void set_attribute(const std::string& path, const std::string& name, const std::string& value) {
  if (::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0) != 0) {
    const std::error_code code(errno, std::generic_category());
    throw std::runtime_error("its attribute " + name + " cannot be set: " + explain(code));
  }
}

GivenOwner give_owner_of(const os::UniqueFd& object, const struct stat& status) {
  const GivenOwner given = give_owner(object.get(), status);
  if (!given.both() && (given.error != EPERM || ::geteuid() == 0)) {
    throw std::system_error(given.error, std::generic_category(), "chown");
  }
  return given;
}

/// Whether it gives rights that its owner may not have.
bool gives_rights(const CopiedMetadata& metadata) {
  return (metadata.status.st_mode & S_ISGID) != 0 || metadata.attributes.contains(kCapabilities);
}

}  // namespace

os::Attributes copied_attributes(os::Attributes attributes) {
  std::erase_if(attributes,
                [](const auto& attribute) { return attribute.first.starts_with(kShownFacts); });
  return attributes;
}

CopiedMetadata metadata_of(int directory_fd, const std::string& name) {
  const os::UniqueFd object(::openat(directory_fd, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!object) fail("open");
  return {status_of(object), copied_attributes(os::read_attributes(object.get(), ""))};
}

void begin_metadata(const os::UniqueFd& object, const CopiedMetadata& metadata) {
  // Who owns a file can write to it, and a program with rights of its own is what it was.
  if (S_ISREG(metadata.status.st_mode) && !gives_rights(metadata)) {
    give_owner_of(object, metadata.status);
  }
  for (const auto& [name, value] : metadata.attributes) {
    if (name.starts_with(kUserAttributes)) set_attribute(path_of(object), name, value);
  }
}

bool complete_metadata(const os::UniqueFd& object, const CopiedMetadata& metadata) {
  const std::string path = path_of(object);
  const struct stat& status = metadata.status;
  const GivenOwner given = give_owner_of(object, status);
  if (!S_ISLNK(status.st_mode)) {
    for (const char* list : {kAccessList, kDefaultList}) ::removexattr(path.c_str(), list);
    const mode_t mode = allowed_mode(status.st_mode, given);
    if (::chmod(path.c_str(), mode) != 0) fail("chmod");
  }
  for (const auto& [name, value] : metadata.attributes) {
    if (name == kAccessList && !given.group) continue;  // It says what the group may.
    set_attribute(path, name, value);
  }
  const timespec times[2] = {status.st_atim, status.st_mtim};
  if (::utimensat(AT_FDCWD, path.c_str(), times, 0) != 0) fail("set times");
  return given.both();
}

}  // namespace zstdfs::tools
