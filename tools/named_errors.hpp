#pragma once

#include <string>

namespace zstdfs::tools {

/// Throws the exception that is being handled anew, as a std::runtime_error "SUBJECT: WHY", with
/// what to do where that is known. A store::PolicyError stays as it is: it names its file.
[[noreturn]] void rethrow_naming(const std::string& subject);

/// Runs `body` and gives what it returns. What it throws names `subject`, as rethrow_naming does
/// it.
template <typename Body>
auto naming(const std::string& subject, Body body) {
  try {
    return body();
  } catch (...) {
    rethrow_naming(subject);
  }
}

}  // namespace zstdfs::tools
