#include "fs/store/accounts.hpp"

#include <grp.h>
#include <pwd.h>

#include <cerrno>
#include <system_error>
#include <vector>

namespace zstdfs::store {
namespace {

constexpr std::size_t kFirstBufferBytes = 4096;
/// A group with very many members takes a large buffer; this is the limit of what is given to one.
constexpr std::size_t kMaxBufferBytes = 16u << 20;

/// Calls getpwnam_r or getgrnam_r with as much memory as it asks for.
template <typename Entry, typename Call>
bool look_up(Call call, const std::string& name, Entry& entry) {
  std::vector<char> buffer(kFirstBufferBytes);
  for (;;) {
    Entry* found = nullptr;
    const int error = call(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
    if (error == ERANGE && buffer.size() < kMaxBufferBytes) {
      buffer.resize(buffer.size() * 4);
      continue;
    }
    // getpwnam(3): these mean that there is no such name, too.
    const bool absent =
        error == 0 || error == ENOENT || error == ESRCH || error == EBADF || error == EPERM;
    if (!absent && error != EINTR) {
      throw std::system_error(error, std::generic_category(), "looking up '" + name + "'");
    }
    if (error != EINTR) return found != nullptr;
  }
}

}  // namespace

std::optional<uid_t> SystemAccounts::user(const std::string& name) const {
  passwd entry = {};
  return look_up(::getpwnam_r, name, entry) ? std::optional(entry.pw_uid) : std::nullopt;
}

std::optional<gid_t> SystemAccounts::group(const std::string& name) const {
  struct group entry = {};
  return look_up(::getgrnam_r, name, entry) ? std::optional(entry.gr_gid) : std::nullopt;
}

}  // namespace zstdfs::store
