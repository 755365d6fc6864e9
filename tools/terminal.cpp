#include "tools/terminal.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>

namespace zstdfs::tools {
namespace {

constexpr std::size_t kUsualColumns = 80;  // of a terminal that does not tell

/// The first of these that is set says what the terminal can show: locale(7).
bool shows_utf8() {
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const char* value = std::getenv(name);
    if (value == nullptr || *value == '\0') continue;
    const std::string_view locale = value;
    return locale.find("UTF-8") != locale.npos || locale.find("utf8") != locale.npos;
  }
  return false;
}

void append(std::string& text, std::string_view part, std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) text += part;
}

}  // namespace

std::optional<std::size_t> terminal_columns() {
  if (::isatty(STDOUT_FILENO) == 0) return std::nullopt;
  winsize size{};
  const bool known = ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? size.ws_col : kUsualColumns;
}

std::string make_bar(const BarParts& parts, std::size_t columns) {
  const auto length = [&](std::uint64_t bytes) {
    if (parts.scale == 0) return std::size_t{0};
    const double share = static_cast<double>(bytes) / static_cast<double>(parts.scale);
    return static_cast<std::size_t>(std::min(1.0, share) * static_cast<double>(columns) + 0.5);
  };
  const bool utf8 = shows_utf8();
  const std::size_t whole = length(std::max(parts.whole, parts.taken));
  const std::size_t taken = length(parts.taken);
  std::string bar;
  append(bar, utf8 ? "█" : "#", taken);
  append(bar, utf8 ? "░" : ".", whole - taken);
  return bar;
}

}  // namespace zstdfs::tools
