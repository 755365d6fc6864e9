#include "zstdfs/zero_frame.hpp"

#include <xxhash.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <new>
#include <vector>

#include "frame_layout.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_codec.hpp"
#include "zstdfs/mutex.hpp"

// docs/format.md, "Zero frames".

namespace zstdfs {
namespace {

// Content size in 4 bytes, no single segment (so that the window, and with it the memory of any
// decoder, stays small however many zeros there are), checksum.
constexpr std::byte kDescriptor{0x84};
constexpr std::byte kWindowOf128KiB{0x38};
constexpr std::size_t kContentSizeAt = 6;
constexpr std::size_t kBlocksAt = 10;
constexpr std::size_t kBlockBytes = kBlockHeaderBytes + 1;  // a run-length block: header and value

std::uint64_t block_count(std::uint64_t zero_bytes) {
  return (zero_bytes + kBlockSizeMax - 1) / kBlockSizeMax;
}

/// The four bytes of a run-length block of zeros, as one little-endian integer.
std::uint32_t zero_block(std::uint64_t run_bytes, bool last) {
  return static_cast<std::uint32_t>(run_bytes) << 3 |
         static_cast<std::uint32_t>(BlockType::kRunLength) << 1 | (last ? kLastBlockFlag : 0);
}

struct FreeHashState {
  void operator()(XXH64_state_t* state) const { XXH64_freeState(state); }
};
using HashState = std::unique_ptr<XXH64_state_t, FreeHashState>;

HashState new_state() {
  HashState state(XXH64_createState());
  if (!state) throw std::bad_alloc();
  XXH64_reset(state.get(), 0);
  return state;
}

HashState copy_of(const HashState& from) {
  HashState state = new_state();
  XXH64_copyState(state.get(), from.get());
  return state;
}

void feed_zeros(const HashState& state, std::uint64_t bytes) {
  static constexpr std::array<std::byte, 64u << 10> kZeros{};
  while (bytes > 0) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, kZeros.size()));
    XXH64_update(state.get(), kZeros.data(), n);
    bytes -= n;
  }
}

/// The hash states of growing runs of zeros, one for each mebibyte, computed when first needed. So
/// the checksum of any run costs at most a mebibyte of hashing, and 1 GiB is hashed once.
class ZeroHashes {
 public:
  std::uint32_t checksum(std::uint64_t zero_bytes) ZSTDFS_EXCLUDES(mutex_) {
    const HashState state = state_after(static_cast<std::size_t>(zero_bytes / kStepBytes));
    feed_zeros(state, zero_bytes % kStepBytes);
    return static_cast<std::uint32_t>(XXH64_digest(state.get()));
  }

 private:
  static constexpr std::uint64_t kStepBytes = std::uint64_t{1} << 20;

  HashState state_after(std::size_t steps) ZSTDFS_EXCLUDES(mutex_) {
    const MutexLock lock(mutex_);
    if (states_.empty()) states_.push_back(new_state());
    while (states_.size() <= steps) {
      HashState next = copy_of(states_.back());
      feed_zeros(next, kStepBytes);
      states_.push_back(std::move(next));
    }
    return copy_of(states_[steps]);
  }

  Mutex mutex_;
  std::vector<HashState> states_ ZSTDFS_GUARDED_BY(mutex_);  // [i]: after i steps
};

/// Checksums of the sizes asked for lately. A slot packs size and checksum in one word, so that
/// readers need no lock; sizes that share a slot displace each other.
class RecentChecksums {
 public:
  bool find(std::uint64_t zero_bytes, std::uint32_t& checksum) const {
    const std::uint64_t packed = slot(zero_bytes).load(std::memory_order_relaxed);
    checksum = static_cast<std::uint32_t>(packed);
    return packed >> 32 == zero_bytes && zero_bytes != 0;
  }
  void remember(std::uint64_t zero_bytes, std::uint32_t checksum) {
    slots_[slot_number(zero_bytes)].store(zero_bytes << 32 | checksum, std::memory_order_relaxed);
  }

 private:
  static constexpr std::size_t kSlotBits = 8;

  static std::size_t slot_number(std::uint64_t zero_bytes) {
    return static_cast<std::size_t>(zero_bytes * 0x9E3779B97F4A7C15u >> (64 - kSlotBits));
  }
  const std::atomic<std::uint64_t>& slot(std::uint64_t zero_bytes) const {
    return slots_[slot_number(zero_bytes)];
  }

  std::array<std::atomic<std::uint64_t>, std::size_t{1} << kSlotBits> slots_{};
};

}  // namespace

bool all_zeros(ByteSpan bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == std::byte{0}; });
}

std::size_t zero_frame_bytes(std::uint64_t zero_bytes) {
  ZSTDFS_ASSERT(zero_bytes >= 1 && zero_bytes <= kMaxZeroFrameBytes);
  return kBlocksAt + static_cast<std::size_t>(block_count(zero_bytes)) * kBlockBytes +
         kChecksumBytes;
}

Bytes encode_zero_frame(std::uint64_t zero_bytes) {
  Bytes frame(zero_frame_bytes(zero_bytes));
  const MutableByteSpan out(frame);
  store_le(out, 0, kMagicNumber);
  frame[4] = kDescriptor;
  frame[5] = kWindowOf128KiB;
  store_le(out, kContentSizeAt, static_cast<std::uint32_t>(zero_bytes));
  std::size_t at = kBlocksAt;
  for (std::uint64_t left = zero_bytes; left > 0; at += kBlockBytes) {
    const std::uint64_t run_bytes = std::min<std::uint64_t>(left, kBlockSizeMax);
    left -= run_bytes;
    store_le(out, at, zero_block(run_bytes, left == 0));
  }
  store_le(out, at, zeros_checksum(zero_bytes));
  return frame;
}

std::uint32_t zeros_checksum(std::uint64_t zero_bytes) {
  ZSTDFS_ASSERT(zero_bytes <= kMaxZeroFrameBytes);
  // Process-wide, because they are caches of a pure function: nobody can tell them from none.
  static RecentChecksums recent;
  static ZeroHashes hashes;
  std::uint32_t checksum = 0;
  if (recent.find(zero_bytes, checksum)) return checksum;
  checksum = hashes.checksum(zero_bytes);
  recent.remember(zero_bytes, checksum);
  return checksum;
}

bool is_zero_frame(ByteSpan frame, std::uint64_t zero_bytes) {
  if (zero_bytes < 1 || zero_bytes > kMaxZeroFrameBytes) return false;
  if (frame.size() != zero_frame_bytes(zero_bytes)) return false;
  if (load_le<std::uint32_t>(frame, 0) != kMagicNumber || frame[4] != kDescriptor ||
      frame[5] != kWindowOf128KiB || load_le<std::uint32_t>(frame, kContentSizeAt) != zero_bytes) {
    return false;
  }
  std::size_t at = kBlocksAt;
  for (std::uint64_t left = zero_bytes; left > 0; at += kBlockBytes) {
    const std::uint64_t run_bytes = std::min<std::uint64_t>(left, kBlockSizeMax);
    left -= run_bytes;
    if (load_le<std::uint32_t>(frame, at) != zero_block(run_bytes, left == 0)) return false;
  }
  return load_le<std::uint32_t>(frame, at) == zeros_checksum(zero_bytes);
}

}  // namespace zstdfs
