#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace zstdfs::store {

/// How long something took, as often as it was done.
struct Latencies {
  /// Bucket i counts what took at most 2^i microseconds and more than the bucket before; the last
  /// also what took longer.
  static constexpr std::size_t kBuckets = 27;  // up to 67 seconds
  std::array<std::uint64_t, kBuckets> buckets{};
  std::uint64_t sum_us = 0;
  std::uint64_t max_us = 0;

  static std::uint64_t bound_us(std::size_t bucket) { return std::uint64_t{1} << bucket; }

  std::uint64_t count() const;
  /// A time within which `share` (0 to 1) of them were done: the bound of a bucket, so up to twice
  /// the exact value, but never more than the longest. 0 when there were none.
  std::uint64_t percentile_us(double share) const;
  /// What has come since `before`, which was asked for earlier. The maximum stays that of all.
  Latencies since(const Latencies& before) const;
};

/// Counts latencies.
///
/// Thread safety: all methods may run concurrently. Meant for what takes at least microseconds: all
/// threads count in the same place.
class LatencyHistogram {
 public:
  void add(std::chrono::microseconds latency) noexcept;
  Latencies now() const noexcept;

 private:
  std::array<std::atomic<std::uint64_t>, Latencies::kBuckets> buckets_{};
  std::atomic<std::uint64_t> sum_us_{0};
  std::atomic<std::uint64_t> max_us_{0};
};

/// Measures how long something takes that ends well: what throws before done() is not counted.
class LatencyTimer {
 public:
  explicit LatencyTimer(LatencyHistogram& histogram)
      : histogram_(histogram), begun_(std::chrono::steady_clock::now()) {}
  void done() const noexcept {
    histogram_.add(std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now() - begun_));
  }

 private:
  LatencyHistogram& histogram_;
  const std::chrono::steady_clock::time_point begun_;
};

}  // namespace zstdfs::store
