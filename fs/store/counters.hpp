#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace zstdfs::store {

/// Into so many parts counters are split, so that threads seldom write to the same cache line.
inline constexpr std::size_t kCounterStripes = 8;
inline constexpr std::size_t kCacheLineBytes = 64;

/// The part that this thread counts in; always the same one.
std::size_t counter_stripe() noexcept;

/// `kCount` numbers that only grow, made for being counted by all threads all the time: a thread
/// writes to cache lines that it mostly has to itself, and the sum is made by who asks for it.
///
/// Thread safety: all methods may run concurrently. A total that is asked for while others count
/// has some of their additions and not others; of one thread's, never a later one without those
/// before to the same counter.
template <std::size_t kCount>
class Counters {
 public:
  void add(std::size_t counter, std::uint64_t amount) noexcept {
    stripes_[counter_stripe()].values[counter].fetch_add(amount, std::memory_order_relaxed);
  }

  std::uint64_t total(std::size_t counter) const noexcept {
    std::uint64_t sum = 0;
    for (const Stripe& stripe : stripes_) {
      sum += stripe.values[counter].load(std::memory_order_relaxed);
    }
    return sum;
  }

 private:
  struct alignas(kCacheLineBytes) Stripe {
    std::array<std::atomic<std::uint64_t>, kCount> values{};
  };
  std::array<Stripe, kCounterStripes> stripes_{};
};

}  // namespace zstdfs::store
