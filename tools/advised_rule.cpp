#include "tools/advised_rule.hpp"

#include <optional>

#include "fs/store/byte_size.hpp"
#include "tools/mount_map.hpp"
#include "tools/place_in_store.hpp"

namespace zstdfs::tools {
namespace {

/// A path as a pattern that matches just this.
std::string escaped(const std::string& path) {
  std::string pattern;
  for (const char c : path) {
    if (std::string_view("*?[\\").find(c) != std::string_view::npos) pattern += '\\';
    pattern += c;
  }
  return pattern;
}

/// Where a directory lies in its store: "" for the root; nothing outside of any store.
std::optional<std::string> path_in_store(const std::string& directory) {
  if (!store_above(stored_path(directory))) return std::nullopt;
  return place_in_store(directory).path;
}

}  // namespace

RulePaths rule_paths(const AdvisedFiles& files) {
  const auto below = path_in_store(files.directory);
  const std::string root = below && !below->empty() ? "/" + escaped(*below) : "";
  RulePaths result{{}, below.has_value()};
  std::vector<std::string>& paths = result.patterns;
  for (const std::string& pattern : files.filter.include) {
    if (pattern.find('/') != std::string::npos) {
      paths.push_back(root + "/" + pattern);
    } else {
      paths.push_back(root.empty() ? pattern : root + "/**/" + pattern);
    }
  }
  if (paths.empty() && !root.empty()) paths.push_back(root + "/**");
  return result;
}

nlohmann::ordered_json advised_rule(const Advice& advice, const std::vector<std::string>& paths) {
  nlohmann::ordered_json rule = nlohmann::ordered_json::object();
  if (paths.size() == 1) rule["path"] = paths.front();
  if (paths.size() > 1) rule["path"] = paths;
  if (!advice.recommended) {
    rule["store"] = "raw";
    return rule;
  }
  const Recipe& recipe = advice.trials[*advice.recommended].recipe;
  rule["level"] = recipe.level;
  rule["chunk_size"] = store::format_byte_size(recipe.chunk_bytes);
  return rule;
}

}  // namespace zstdfs::tools
