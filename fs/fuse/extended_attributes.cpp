// Extended attributes and access control lists, which are extended attributes to a filesystem.

#include <linux/limits.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/set_id_bits.hpp"
#include "fs/fuse/stored_facts.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/store/settings_choice.hpp"

// Each call goes through the descriptor's path and so to the object itself, also when that is a
// symbolic link: the path ends at the descriptor, and a link that it holds is not followed.

namespace zstdfs::fuse {
namespace {

constexpr std::string_view kOwnPrefix = store::kAttributePrefix;
constexpr std::string_view kTrustedPrefix = "trusted.";
constexpr std::string_view kAccessAcl = "system.posix_acl_access";
constexpr std::string_view kCapability = "security.capability";

bool is_own(std::string_view name) {
  return name.starts_with(kOwnPrefix);
}

/// Settings are attributes of the backing object. Throws EINVAL for one that would mean nothing.
void refuse_what_decides_nothing(const char* name, std::string_view value) {
  if (is_stored_fact(name)) throw_errno(EPERM, "this attribute tells how the file is stored");
  const auto setting = store::setting_of_attribute(name);
  if (!setting) throw_errno(EINVAL, "zstdfs has no such setting");
  try {
    store::SettingsChoice choice;
    store::parse_setting(*setting, value, choice);
  } catch (const std::invalid_argument&) {
    throw_errno(EINVAL, "setxattr");
  }
}

bool is_known_absent(const Inode& inode, std::string_view name) {
  return inode.capabilities == Inode::Capabilities::kNone && name == kCapability;
}

/// The attribute was looked for and not found.
void note_absence(Inode& inode, std::string_view name) {
  if (inode.type() != S_IFREG || name != kCapability) return;
  auto expected = Inode::Capabilities::kUnknown;
  inode.capabilities.compare_exchange_strong(expected, Inode::Capabilities::kNone);
}

/// A setting of the object was changed.
void note_setting(Filesystem& fs, fuse_ino_t number) {
  if (fs.inode(number).type() == S_IFDIR) fs.store().directories_changed();
}

void answer_value(fuse_req_t req, std::string_view value, std::size_t size) {
  if (size == 0) {  // Only the length was asked for.
    fuse_reply_xattr(req, value.size());
  } else if (value.size() > size) {
    throw_errno(ERANGE, "getxattr");
  } else {
    fuse_reply_buf(req, value.data(), value.size());
  }
}

/// Takes the names out that the caller must not see.
std::size_t filter_names(std::vector<char>& names, std::size_t size, bool sees_trusted) {
  std::size_t kept = 0;
  for (std::size_t at = 0; at < size;) {
    const std::string_view name(names.data() + at);
    const std::size_t length = name.size() + 1;
    if (!is_stored_fact(name) && (sees_trusted || !name.starts_with(kTrustedPrefix))) {
      std::memmove(names.data() + kept, names.data() + at, length);
      kept += length;
    }
    at += length;
  }
  return kept;
}

}  // namespace

void op_setxattr(fuse_req_t req, fuse_ino_t number, const char* name, const char* value,
                 std::size_t size, int flags) noexcept {
  answer(req, "setxattr", number, [&] {
    if (is_own(name)) refuse_what_decides_nothing(name, {value, size});
    Filesystem& fs = filesystem(req);
    const Descriptor descriptor = fs.descriptor(number);
    using Which = store::StoredFile::Attributes;
    const Which which = kCapability == name ? Which::kPrivileges : Which::kOthers;
    // Before the change, so that nobody notes an absence that has ended.
    if (kCapability == name) fs.inode(number).capabilities = Inode::Capabilities::kPossible;
    fs.change_attributes(fs.inode(number), which, [&] {
      check_call(::setxattr(DescriptorPath(descriptor).c_str(), name, value, size, flags),
                 "setxattr");
    });
    // As with chmod, whose access list changes while its group is not the caller's loses the bit.
    if (kAccessAcl == name) drop_group_id_bit(req, fs, fs.inode(number), GroupIdBit::kAny);
    if (is_own(name)) note_setting(fs, number);
    fuse_reply_err(req, 0);
  });
}

void op_getxattr(fuse_req_t req, fuse_ino_t number, const char* name, std::size_t size) noexcept {
  answer(req, "getxattr", number, [&] {
    if (is_stored_fact(name)) {
      return answer_value(req, stored_fact(filesystem(req), number, name), size);
    }
    Filesystem& fs = filesystem(req);
    Inode& inode = fs.inode(number);
    if (is_known_absent(inode, name)) return answer_error(req, ENODATA);
    const Descriptor descriptor = fs.descriptor(number);
    std::vector<char> value(size);
    const ssize_t length = ::getxattr(DescriptorPath(descriptor).c_str(), name, value.data(), size);
    if (length < 0 && (errno == ENODATA || errno == EOPNOTSUPP)) {
      const int code = errno;
      if (code == ENODATA) note_absence(inode, name);
      return answer_error(req, code);
    }
    check_call(length, "getxattr");
    if (size == 0) {  // Only the length was asked for.
      fuse_reply_xattr(req, static_cast<std::size_t>(length));
    } else {
      fuse_reply_buf(req, value.data(), static_cast<std::size_t>(length));
    }
  });
}

void op_listxattr(fuse_req_t req, fuse_ino_t number, std::size_t size) noexcept {
  answer(req, "listxattr", number, [&] {
    const Descriptor descriptor = filesystem(req).descriptor(number);
    const DescriptorPath path(descriptor);
    // Always in full, because what the caller may not see does not count.
    std::vector<char> names(XATTR_LIST_MAX);
    const ssize_t length =
        check_call(::listxattr(path.c_str(), names.data(), names.size()), "listxattr");
    const bool sees_trusted = fuse_req_ctx(req)->uid == 0;
    names.resize(filter_names(names, static_cast<std::size_t>(length), sees_trusted));
    const std::string facts = listed_stored_facts(filesystem(req), number);
    names.insert(names.end(), facts.begin(), facts.end());
    answer_value(req, {names.data(), names.size()}, size);
  });
}

void op_removexattr(fuse_req_t req, fuse_ino_t number, const char* name) noexcept {
  answer(req, "removexattr", number, [&] {
    if (is_stored_fact(name)) throw_errno(EPERM, "this attribute tells how the file is stored");
    Filesystem& fs = filesystem(req);
    const Descriptor descriptor = fs.descriptor(number);
    fs.change_attributes(fs.inode(number), store::StoredFile::Attributes::kOthers, [&] {
      check_call(::removexattr(DescriptorPath(descriptor).c_str(), name), "removexattr");
    });
    if (is_own(name)) note_setting(fs, number);
    fuse_reply_err(req, 0);
  });
}

}  // namespace zstdfs::fuse
