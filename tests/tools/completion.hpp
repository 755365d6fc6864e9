#pragma once

#include <set>
#include <string>
#include <vector>

namespace zstdfs::test {

enum class Shell { kBash, kZsh, kFish };

/// What a shell offers for the last of `words` when TAB is pressed behind it: "zstdfs", "tr". It
/// loads the completion of the source tree and finds the program that was built.
/// Throws std::runtime_error when the shell is not installed.
std::set<std::string> completions(Shell shell, const std::vector<std::string>& words);

}  // namespace zstdfs::test
