// That docs/json.md names every key that the subcommands print.
#include <gmock/gmock.h>

#include <set>

#include "tests/tools/command.hpp"
#include "tests/tools/help_text.hpp"
#include "tests/tools/manual_page.hpp"
#include "tests/tools/sample_runs.hpp"

namespace zstdfs::test {
namespace {

/// The part of docs/json.md that has the command in its heading.
std::string section_of(const std::string& command) {
  std::string section;
  bool inside = false;
  for (const std::string& line : lines_of(source_text("docs/json.md"))) {
    if (line.starts_with("## ")) inside = line.find("`" + command + "`") != std::string::npos;
    if (inside) section += line + "\n";
  }
  return section;
}

void collect_keys(const nlohmann::json& value, std::set<std::string>& keys) {
  for (const auto& [key, inner] : value.items()) {
    if (value.is_object()) keys.insert(key);
    if (inner.is_structured()) collect_keys(inner, keys);
  }
}

TEST(JsonDocument, HasASectionForEverySubcommand) {
  for (const HelpText& command : help_of_all_commands()) {
    if (!command.has("--json")) continue;
    EXPECT_NE(section_of(command.name()), "") << command.name();
  }
}

TEST(JsonDocument, HasEveryKey) {
  std::set<std::string> with_json;
  for (const HelpText& command : help_of_all_commands()) {
    if (command.has("--json")) with_json.insert(command.name());
  }
  const std::size_t count = sample_runs(SampleStore()).size();
  for (std::size_t i = 0; i < count; ++i) {
    const SampleStore store;
    const SampleRun run = sample_runs(store).at(i);
    if (!with_json.contains(run.command)) continue;
    SCOPED_TRACE(run.command + " " + testing::PrintToString(run.arguments));
    std::set<std::string> keys;
    collect_keys(run_zstdfs(run.command_line({"--json"})).json(), keys);
    EXPECT_THAT(keys, testing::Not(testing::IsEmpty()));
    const std::string section = section_of(run.command);
    for (const std::string& key : keys) {
      EXPECT_NE(section.find("`" + key + "`"), std::string::npos) << key;
    }
  }
}

}  // namespace
}  // namespace zstdfs::test
