#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace zstdfs::test {

/// What a run of a program left.
struct CommandResult {
  int exit_code = -1;  ///< minus the signal's number when one ended it
  std::string out;
  std::string error;

  /// The output as JSON. Throws nlohmann::json::exception when it is none.
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

/// Runs `zstdfs` with these arguments, standard input empty, and waits for its end.
CommandResult run_zstdfs(const std::vector<std::string>& arguments);

}  // namespace zstdfs::test
