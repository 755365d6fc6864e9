#pragma once

#include <string>
#include <vector>

#include "tests/crash/store_run.hpp"

namespace zstdfs::test {

/// Something that programs do to files, for tests that interrupt it at every call to the disk.
struct Scenario {
  std::string name;
  /// What is there before, undisturbed.
  void (*before)(StoreRun&);
  void (*during)(StoreRun&);
};

/// One of each way in which the store changes files.
const std::vector<Scenario>& scenarios();

}  // namespace zstdfs::test
