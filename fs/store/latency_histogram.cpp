#include "fs/store/latency_histogram.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>

namespace zstdfs::store {
namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

std::size_t bucket_of(std::uint64_t us) {
  const std::size_t exact = us <= 1 ? 0 : static_cast<std::size_t>(std::bit_width(us - 1));
  return std::min(exact, Latencies::kBuckets - 1);
}

}  // namespace

std::uint64_t Latencies::count() const {
  return std::accumulate(buckets.begin(), buckets.end(), std::uint64_t{0});
}

std::uint64_t Latencies::percentile_us(double share) const {
  const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(count())));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i + 1 < kBuckets; ++i) {
    seen += buckets[i];
    if (seen > 0 && seen >= wanted) return std::min(bound_us(i), max_us);
  }
  return max_us;
}

Latencies Latencies::since(const Latencies& before) const {
  Latencies difference = *this;
  for (std::size_t i = 0; i < kBuckets; ++i) difference.buckets[i] -= before.buckets[i];
  difference.sum_us -= before.sum_us;
  return difference;
}

void LatencyHistogram::add(std::chrono::microseconds latency) noexcept {
  const auto us = static_cast<std::uint64_t>(std::max<std::int64_t>(0, latency.count()));
  sum_us_.fetch_add(us, kRelaxed);
  std::uint64_t longest = max_us_.load(kRelaxed);
  while (longest < us && !max_us_.compare_exchange_weak(longest, us, kRelaxed)) {
  }
  buckets_[bucket_of(us)].fetch_add(1, kRelaxed);
}

Latencies LatencyHistogram::now() const noexcept {
  Latencies latencies;
  for (std::size_t i = 0; i < Latencies::kBuckets; ++i) {
    latencies.buckets[i] = buckets_[i].load(kRelaxed);
  }
  latencies.sum_us = sum_us_.load(kRelaxed);
  latencies.max_us = max_us_.load(kRelaxed);
  return latencies;
}

}  // namespace zstdfs::store
