#pragma once

#include <string>
#include <vector>

#include "tests/tools/temp_store.hpp"

namespace zstdfs::test {

/// A store with a file of each kind, a damaged one too, a policy and a dictionary, and what is
/// needed beside it. Each run of a command gets a new one.
class SampleStore {
 public:
  SampleStore();

  std::string path(const std::string& below = "") const { return store_.path(below); }
  /// In a directory that is in no store.
  std::string path_outside(const std::string& below) const { return outside_.path(below); }

 private:
  TempStore store_;
  TempStore outside_;
};

/// A command with what it has to be given, without options that only change how it prints.
struct SampleRun {
  std::string command;  ///< "policy check"
  std::vector<std::string> arguments;

  /// All that the program is given.
  std::vector<std::string> command_line(const std::vector<std::string>& more = {}) const;
};

/// At least one run of each subcommand that needs no mount, with something to print where it can
/// print JSON; paths are those of `store`.
std::vector<SampleRun> sample_runs(const SampleStore& store);

}  // namespace zstdfs::test
