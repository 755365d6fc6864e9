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

/// What a program is given besides its arguments.
struct CommandStreams {
  std::string input;        ///< on standard input
  std::string output_path;  ///< an existing file for standard output; `out` is empty then
};

/// Runs a program, named by its path, with these arguments and waits for its end.
CommandResult run_program(std::string program, const std::vector<std::string>& arguments,
                          const CommandStreams& streams = {});

/// Runs `zstdfs` with these arguments and waits for its end.
CommandResult run_zstdfs(const std::vector<std::string>& arguments,
                         const CommandStreams& streams = {});

}  // namespace zstdfs::test
