#pragma once

#include <string>

#include "tools/dictionary_install.hpp"
#include "tools/dictionary_trial.hpp"
#include "tools/sampling.hpp"

namespace zstdfs::tools {

/// What `zstdfs train` has found out.
struct TrainReport {
  int level = 0;
  SampleSet drawn;  ///< the samples themselves may be gone
  TrialResult result;
  std::string output;        ///< where the dictionary was written; empty when it was not
  std::string installed_in;  ///< the store's backing directory; empty when it was not
  InstalledRule rule;        ///< that uses it there
  std::uint64_t failures = 0;
};

void print_train_table(const TrainReport& report);
void print_installation(const TrainReport& report);
void print_train_json(const TrainReport& report);

}  // namespace zstdfs::tools
