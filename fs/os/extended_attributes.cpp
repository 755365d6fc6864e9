#include "fs/os/extended_attributes.hpp"

#include <sys/xattr.h>

#include <cerrno>
#include <optional>

#include "fs/os/posix_error.hpp"

namespace zstdfs::os {
namespace {

/// What listxattr or getxattr answers, however long it is. Nothing on failure, with errno set.
template <typename Call>
std::optional<std::string> whole_answer(Call call) {
  for (;;) {
    const ssize_t expected = call(nullptr, 0);
    if (expected < 0) return std::nullopt;
    if (expected == 0) return std::string();
    std::string answer(static_cast<std::size_t>(expected), '\0');
    const ssize_t bytes = call(answer.data(), answer.size());
    if (bytes < 0 && errno == ERANGE) continue;  // it has grown meanwhile
    if (bytes < 0) return std::nullopt;
    answer.resize(static_cast<std::size_t>(bytes));
    return answer;
  }
}

template <typename List, typename Get>
Attributes read_attributes(List list, Get get, std::string_view prefix) {
  const std::optional<std::string> names = whole_answer(list);
  if (!names && errno == EOPNOTSUPP) return {};
  if (!names) throw_error(errno, "listing extended attributes");

  Attributes attributes;
  for (std::size_t at = 0; at < names->size();) {
    const std::string name = names->c_str() + at;
    at += name.size() + 1;
    if (!name.starts_with(prefix)) continue;
    std::optional<std::string> value =
        whole_answer([&](char* out, std::size_t size) { return get(name.c_str(), out, size); });
    if (value) {
      attributes.emplace(name, *std::move(value));
    } else if (errno != ENODATA) {  // which says that it was removed meanwhile
      throw_error(errno, "reading the extended attribute " + name);
    }
  }
  return attributes;
}

}  // namespace

Attributes read_attributes(int fd, std::string_view prefix) {
  // These calls refuse O_PATH descriptors, but not this path; a link that the descriptor holds is
  // not followed, as the path ends at the descriptor.
  const std::string path = "/proc/self/fd/" + std::to_string(fd);
  return read_attributes(
      [&](char* out, std::size_t size) { return ::listxattr(path.c_str(), out, size); },
      [&](const char* name, char* out, std::size_t size) {
        return ::getxattr(path.c_str(), name, out, size);
      },
      prefix);
}

Attributes read_attributes_of_open(int fd, std::string_view prefix) {
  return read_attributes([&](char* out, std::size_t size) { return ::flistxattr(fd, out, size); },
                         [&](const char* name, char* out, std::size_t size) {
                           return ::fgetxattr(fd, name, out, size);
                         },
                         prefix);
}

}  // namespace zstdfs::os
