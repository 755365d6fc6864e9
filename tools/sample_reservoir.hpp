#pragma once

#include <cstdint>
#include <functional>
#include <random>
#include <vector>

#include "zstdfs/bytes.hpp"

namespace zstdfs::tools {

/// Draws samples, all with the same chance, from candidates whose number is not known before.
/// Method: each candidate gets a random number, and those with the lowest are kept. The same
/// candidates in the same order with the same seed give the same samples, on every machine.
///
/// Memory: `max_bytes` and one sample.
class SampleReservoir {
 public:
  SampleReservoir(std::uint64_t max_bytes, std::uint64_t seed)
      : max_bytes_(max_bytes), random_(seed) {}

  /// One candidate more, which has about so many bytes. `read` is called when it may become a
  /// sample, which is seldom once the reservoir is full; without bytes it becomes none. Passes on
  /// what `read` throws, and is without the candidate then.
  void offer(std::uint64_t bytes, const std::function<Bytes()>& read);

  /// Candidates so far, whether or not they became samples.
  std::uint64_t candidates() const { return candidates_; }

  /// The samples, in an order that is random as well. Leaves the reservoir empty.
  std::vector<Bytes> take();

 private:
  struct Sample {
    std::uint64_t lot = 0;
    Bytes content;
    friend bool operator<(const Sample& a, const Sample& b) { return a.lot < b.lot; }
  };
  void drop_highest();

  const std::uint64_t max_bytes_;
  std::mt19937_64 random_;
  std::uint64_t candidates_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t end_lot_ = UINT64_MAX;  // lower than that are kept
  std::vector<Sample> heap_;            // the highest first
};

}  // namespace zstdfs::tools
