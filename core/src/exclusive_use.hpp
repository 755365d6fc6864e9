#pragma once

#include <atomic>
#include <cstdint>

#include "zstdfs/errors.hpp"

namespace zstdfs {

/// Whether a thread is inside of an object that only one may use at a time, and which operation on
/// that object is the current one.
struct UseState {
  std::atomic<bool> busy{false};
  /// Counts the operations begun: a helper object whose number is not the present one has been
  /// overtaken. Touched only while in use.
  std::uint64_t operation = 0;
};

/// Scope of one call. Throws UsageError when another thread is in one, or when this is called from
/// within one (by a source, a sink), instead of letting both go on with undefined results.
class ExclusiveUse {
 public:
  explicit ExclusiveUse(UseState& state) : state_(state) {
    if (state_.busy.exchange(true, std::memory_order_acquire)) {
      throw UsageError("used by two threads at the same time, or from within one of its own calls");
    }
  }
  /// As above, for a call that continues operation number `operation`.
  ExclusiveUse(UseState& state, std::uint64_t operation) : ExclusiveUse(state) {
    // The delegated constructor has ended, so the destructor runs.
    check_current(state, operation);
  }
  ~ExclusiveUse() { state_.busy.store(false, std::memory_order_release); }
  ExclusiveUse(const ExclusiveUse&) = delete;
  ExclusiveUse& operator=(const ExclusiveUse&) = delete;

  /// While in use: throws UsageError when operation number `operation` was overtaken.
  static void check_current(const UseState& state, std::uint64_t operation) {
    if (state.operation == operation) return;
    throw UsageError("another operation was begun with the same compressor or decompressor");
  }

  /// Begins a new operation and returns its number.
  std::uint64_t begin_operation() { return ++state_.operation; }

 private:
  UseState& state_;
};

}  // namespace zstdfs
