#include "tests/tools/completion.hpp"

#include <cstdlib>
#include <filesystem>
#include <stdexcept>

#include "tests/tools/command.hpp"
#include "tests/tools/help_text.hpp"

namespace zstdfs::test {
namespace {

struct ShellFiles {
  const char* program;
  const char* script;      ///< in tests/tools
  const char* completion;  ///< in packaging/completions
};

ShellFiles files_of(Shell shell) {
  switch (shell) {
    case Shell::kBash:
      return {"bash", "complete.bash", "zstdfs"};
    case Shell::kZsh:
      return {"zsh", "complete.zsh", "_zstdfs"};
    case Shell::kFish:
      return {"fish", "complete.fish", "zstdfs.fish"};
  }
  throw std::logic_error("no such shell");
}

}  // namespace

std::set<std::string> completions(Shell shell, const std::vector<std::string>& words) {
  const ShellFiles files = files_of(shell);
  const std::string source = ZSTDFS_SOURCE_DIR;
  const std::filesystem::path program = ZSTDFS_PROGRAM;
  std::vector<std::string> arguments = {
      "PATH=" + program.parent_path().string() + ":" + std::getenv("PATH"),
      files.program,
      source + "/tests/tools/" + files.script,
      source + "/packaging/completions/" + files.completion,
  };
  arguments.insert(arguments.end(), words.begin(), words.end());
  const CommandResult result = run_program("/usr/bin/env", arguments);
  if (result.exit_code == 127) throw std::runtime_error(result.error);
  std::set<std::string> offered;
  for (const std::string& line : lines_of(result.out)) {
    if (!line.empty()) offered.insert(line);
  }
  return offered;
}

}  // namespace zstdfs::test
