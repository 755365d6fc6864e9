#pragma once

#include <set>
#include <string>
#include <vector>

namespace zstdfs::test {

/// What the manual pages say about a subcommand, in mdoc: its entry in zstdfs(1), and the page of
/// its own that this entry refers to. Empty when there is no entry.
std::string manual_of(const std::vector<std::string>& words);

/// The options that stand in a text in mdoc, as "--json".
std::set<std::string> options_in_manual(const std::string& mdoc);

/// The text of a file of the source tree. Throws std::runtime_error when it cannot be read.
std::string source_text(const std::string& path);

}  // namespace zstdfs::test
