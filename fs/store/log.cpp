#include "fs/store/log.hpp"

#include <cstdio>
#include <utility>

namespace zstdfs::store {
namespace {

using Sink = std::function<void(LogLevel, const std::string&)>;

void to_standard_error(LogLevel, const std::string& text) {
  std::fprintf(stderr, "zstdfs: %s\n", text.c_str());
}

// Set once before threads start, so reading it needs no lock.
Sink& sink() {
  static Sink the_sink = to_standard_error;
  return the_sink;
}

}  // namespace

void log(LogLevel level, const std::string& text) {
  sink()(level, text);
}

void set_log_sink(Sink new_sink) {
  sink() = std::move(new_sink);
}

}  // namespace zstdfs::store
