#include "tools/usage_groups.hpp"

#include <pwd.h>

#include <algorithm>
#include <cctype>
#include <utility>

namespace zstdfs::tools {
namespace {

// What is longer is part of a name with a dot in it.
constexpr std::size_t kMaxExtension = 16;

std::string owner_name(uid_t uid) {
  const passwd* user = ::getpwuid(uid);
  return user != nullptr ? user->pw_name : std::to_string(uid);
}

}  // namespace

std::string directory_group(const std::string& path, std::size_t depth) {
  std::size_t end = 0;  // of the group's part of the path
  for (std::size_t i = 0; i < depth; ++i) {
    const std::size_t slash = path.find('/', end == 0 ? 0 : end + 1);
    if (slash == std::string::npos) break;
    end = slash;
  }
  return end == 0 ? "." : path.substr(0, end);
}

std::string extension_group(const std::string& name) {
  static constexpr const char* kNone = "(none)";
  const std::size_t dot = name.rfind('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == name.size()) return kNone;
  std::string extension = name.substr(dot);
  if (extension.size() > kMaxExtension + 1) return kNone;
  for (std::size_t i = 1; i < extension.size(); ++i) {
    const auto c = static_cast<unsigned char>(extension[i]);
    if (c >= 0x80 || std::isalnum(c) == 0) return kNone;
    extension[i] = static_cast<char>(std::tolower(c));
  }
  return extension;
}

std::string UsageGroups::name_of(const WalkEntry& entry) {
  switch (by_) {
    case GroupBy::kDirectory:
      return directory_group(entry.path, depth_);
    case GroupBy::kExtension:
      return extension_group(entry.name);
    case GroupBy::kOwner:
      break;
  }
  std::string& name = owners_[entry.status.st_uid];
  if (name.empty()) name = owner_name(entry.status.st_uid);
  return name;
}

void UsageGroups::add(const CountedFile& file) {
  groups_[name_of(file.entry)] += file.totals;
}

std::vector<UsageGroup> UsageGroups::sorted() const {
  std::vector<UsageGroup> groups;
  for (const auto& [name, totals] : groups_) groups.push_back({name, totals});
  std::sort(groups.begin(), groups.end(), [](const UsageGroup& a, const UsageGroup& b) {
    const auto saved = [](const UsageGroup& group) {
      return std::pair(group.totals.saved_disk_bytes(), group.totals.saved_bytes());
    };
    if (saved(a) != saved(b)) return saved(a) > saved(b);
    return a.name < b.name;
  });
  return groups;
}

}  // namespace zstdfs::tools
