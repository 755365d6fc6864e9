#pragma once

#include <cerrno>
#include <system_error>

namespace zstdfs::fuse {

/// Throws the std::system_error of an errno. `doing` names the system call or the reason.
[[noreturn]] inline void throw_errno(int code, const char* doing) {
  throw std::system_error(code, std::generic_category(), doing);
}

/// Throws when a system call returned -1; returns what it returned otherwise.
template <typename Result>
Result check_call(Result result, const char* doing) {
  if (result == Result(-1)) throw_errno(errno, doing);
  return result;
}

}  // namespace zstdfs::fuse
