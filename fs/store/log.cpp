#include "fs/store/log.hpp"

#include <cstdio>
#include <utility>

namespace zstdfs::store {
namespace {

using Sink = std::function<void(LogLevel, const std::string&)>;

void to_standard_error(LogLevel, const std::string& text) {
  std::fprintf(stderr, "zstdfs: %s\n", text.c_str());
}

/// Messages hold names of files, and names may hold anything: line ends that would look like other
/// messages, and sequences that terminals obey. A backslash is left as it is, so that usual names
/// are.
std::string on_one_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      line += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof escaped, "\\x%02x", byte);
    line += escaped;
  }
  return line;
}

// Set once before threads start, so reading it needs no lock.
Sink& sink() {
  static Sink the_sink = to_standard_error;
  return the_sink;
}

}  // namespace

void log(LogLevel level, const std::string& text) {
  sink()(level, on_one_line(text));
}

void set_log_sink(Sink new_sink) {
  sink() = std::move(new_sink);
}

}  // namespace zstdfs::store
