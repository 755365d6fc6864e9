#pragma once

#include <string>
#include <vector>

#include "tools/advice.hpp"
#include "tools/sampling.hpp"

namespace zstdfs::tools {

struct AdviseReport {
  std::string path;
  SampleSet drawn;
  std::uint64_t sample_bytes = 0;
  std::uint64_t seed = 0;
  std::uint64_t block_bytes = 0;
  std::uint64_t failures = 0;
  Advice advice;
  std::vector<std::string> rule_paths;
  std::string train_command;  ///< for the dictionary that is recommended; empty for none
  std::string plot;           ///< the file that was written; empty for none
};

void print_advise_tables(const AdviseReport& report);
/// A JSON object: docs/json.md, "advise".
void print_advise_json(const AdviseReport& report);
/// The chart for --plot, as SVG.
std::string advise_plot(const AdviseReport& report);

}  // namespace zstdfs::tools
