#pragma once

#include <exception>
#include <string>
#include <system_error>

namespace zstdfs::tools {

/// What went wrong, with what to do where that is known.
std::string explain(const std::error_code& error);
/// The same for a std::system_error, whose own text has what was called as well; else what the
/// exception says.
std::string explain(const std::exception& error);

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
