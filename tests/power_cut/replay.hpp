#pragma once

#include <string>
#include <vector>

#include "tests/power_cut/promises.hpp"
#include "tests/power_cut/recording.hpp"
#include "tests/power_cut/session.hpp"

namespace zstdfs::powercut {

/// Cuts at random, in ascending order; the same for the same recording, count and seed.
std::vector<Cut> choose_cuts(const Recording& recording, std::size_t count, std::uint64_t seed);

/// Goes through cuts of one recording, in ascending order. Not thread-safe.
class Replay {
 public:
  /// `directory` has the recording, `scratch` room for two images.
  Replay(const SessionOptions& options, const std::string& directory, const std::string& scratch);

  const Recording& recording() const { return recording_; }
  /// What is wrong after this cut. Where `found_image` is given, it becomes the disk as it was
  /// before it was mounted.
  Complaints inspect_cut(const Cut& cut, const std::string& found_image);

 private:
  void lose_power_while_recovering(const std::string& image, std::uint64_t seed) const;

  SessionOptions options_;
  std::string scratch_;
  Recording recording_;
  ReplayedDisk disk_;
  Promises promises_;
  std::size_t told_ = 0;  // records whose marks the promises know
};

}  // namespace zstdfs::powercut
