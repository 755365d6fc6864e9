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

 private:
  TempStore store_;
};

/// A command with what it has to be given, without options that only change how it prints.
struct SampleRun {
  std::string command;  ///< "policy check"
  std::vector<std::string> arguments;
};

/// At least one run of each subcommand that needs no mount; paths are those of `store`.
std::vector<SampleRun> sample_runs(const SampleStore& store);

}  // namespace zstdfs::test
