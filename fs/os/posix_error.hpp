#pragma once

#include <cerrno>
#include <string>
#include <system_error>

namespace zstdfs::os {

/// Throws the error `code` (an errno value) with words that say what was attempted.
[[noreturn]] inline void throw_error(int code, const std::string& doing) {
  throw std::system_error(code, std::generic_category(), doing);
}

/// Repeats a system call for as long as a signal interrupts it. Returns what it returned.
template <typename Call>
auto retry_interrupted(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

}  // namespace zstdfs::os
