#pragma once

#include <pthread.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <ostream>

namespace zstdfs::soak {

inline constexpr int kMaxWorkers = 32;

/// The kinds of calls that are counted.
enum class Call : unsigned {
  kOpen,
  kCreate,
  kClose,
  kRead,
  kReadDirect,
  kReadMap,
  kReadPipe,
  kWrite,
  kWriteSync,
  kWriteDirect,
  kWriteVector,
  kAppend,
  kSparse,
  kSendfile,
  kSplice,
  kMapWrite,
  kFsync,
  kFdatasync,
  kTruncate,
  kAllocate,
  kPunch,
  kZero,
  kCopyRange,
  kSeek,
  kStat,
  kAttribute,
  kTimes,
  kSetXattr,
  kRemoveXattr,
  kRename,
  kLink,
  kSymlink,
  kUnlink,
  kMkdir,
  kRmdir,
  kReaddir,
  kTmpfile,
  kSharedBlock,
  kSharedAppend,
  kSharedReplace,
  kSharedRead,
  kCount
};
inline constexpr std::size_t kCalls = static_cast<std::size_t>(Call::kCount);
const char* name_of(Call call);

/// How a call ended.
enum class Outcome : unsigned {
  kDone,
  kNoSpace,
  kUnsupported,
  kGone,  ///< the daemon died under it
  kCount
};
inline constexpr std::size_t kOutcomes = static_cast<std::size_t>(Outcome::kCount);

/// What the director and all workers share: a piece of memory that fork() hands on.
struct SharedState {
  std::atomic<bool> stop{false};  ///< workers finish what they do, and close everything
  std::array<std::atomic<std::uint64_t>, kMaxWorkers> progress{};
  std::array<std::array<std::atomic<std::uint64_t>, kOutcomes>, kCalls> counts{};

  /// Which file appended records go to.
  std::atomic<std::uint64_t> log_number{0};
  /// The file that is replaced: versions are given out, and renames made, under the lock.
  pthread_mutex_t replace_lock;
  std::uint64_t given_version = 0;
  std::atomic<std::uint64_t> replaced_version{0};

  void count(Call call, Outcome outcome) {
    ++counts[static_cast<std::size_t>(call)][static_cast<std::size_t>(outcome)];
  }
};

/// Maps one. It lives as long as the process. Throws std::system_error.
SharedState& make_shared_state();

void print_counts(std::ostream& out, const SharedState& shared);

}  // namespace zstdfs::soak
