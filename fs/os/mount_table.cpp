#include "fs/os/mount_table.hpp"

#include <fstream>
#include <iterator>
#include <sstream>

namespace zstdfs::os {
namespace {

bool is_octal(char c) {
  return c >= '0' && c <= '7';
}

/// Undoes the kernel's writing of white space and backslashes as three octal digits.
std::string decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size() && is_octal(text[i + 1]) && is_octal(text[i + 2]) &&
        is_octal(text[i + 3])) {
      const int code = (text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + (text[i + 3] - '0');
      out += static_cast<char>(code);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

std::optional<MountEntry> parse_line(const std::string& line) {
  std::istringstream words(line);
  std::string id, parent, device, root, mountpoint, word;
  words >> id >> parent >> device >> root >> mountpoint;
  while (words >> word && word != "-") {
    // Mount options and optional fields, as many as there are.
  }
  std::string type, source;
  if (!(words >> type >> source)) return std::nullopt;
  return MountEntry{.device = device,
                    .root = decode(root),
                    .mountpoint = decode(mountpoint),
                    .type = decode(type),
                    .source = decode(source)};
}

}  // namespace

std::vector<MountEntry> parse_mount_table(std::string_view text) {
  std::vector<MountEntry> table;
  std::istringstream lines{std::string(text)};
  for (std::string line; std::getline(lines, line);) {
    if (auto entry = parse_line(line)) table.push_back(std::move(*entry));
  }
  return table;
}

std::vector<MountEntry> read_mount_table() {
  std::ifstream file("/proc/self/mountinfo");
  return parse_mount_table(std::string(std::istreambuf_iterator<char>(file), {}));
}

std::optional<MountEntry> find_mount(const std::vector<MountEntry>& table,
                                     const std::string& mountpoint) {
  for (auto entry = table.rbegin(); entry != table.rend(); ++entry) {
    if (entry->mountpoint == mountpoint) return *entry;
  }
  return std::nullopt;
}

}  // namespace zstdfs::os
