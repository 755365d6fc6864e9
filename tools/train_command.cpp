#include "tools/train_command.hpp"

#include <string_view>
#include <vector>

namespace zstdfs::tools {
namespace {

/// What a shell takes for just this word.
std::string quoted(const std::string& word) {
  constexpr std::string_view kPlain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_./,:@%+=";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string text = "'";
  for (const char c : word) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

}  // namespace

std::string train_command(const AdvisedFiles& files, const Recipe& recipe) {
  std::vector<std::string> words = {"zstdfs",       "train",
                                    "--install",    files.directory,
                                    "--level",      std::to_string(recipe.level),
                                    "--chunk-size", std::to_string(recipe.chunk_bytes)};
  for (const std::string& glob : files.filter.include) {
    words.insert(words.end(), {"--include", glob});
  }
  for (const std::string& glob : files.filter.exclude) {
    words.insert(words.end(), {"--exclude", glob});
  }
  words.push_back(files.directory);
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return line;
}

}  // namespace zstdfs::tools
