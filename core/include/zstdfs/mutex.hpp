#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <shared_mutex>

// Thin wrappers that clang's thread safety analysis can see through (it cannot see std::mutex of
// libstdc++). https://clang.llvm.org/docs/ThreadSafetyAnalysis.html
#if defined(__clang__)
#define ZSTDFS_THREAD_ATTRIBUTE(x) __attribute__((x))
#else
#define ZSTDFS_THREAD_ATTRIBUTE(x)
#endif

#define ZSTDFS_CAPABILITY(x) ZSTDFS_THREAD_ATTRIBUTE(capability(x))
#define ZSTDFS_SCOPED_CAPABILITY ZSTDFS_THREAD_ATTRIBUTE(scoped_lockable)
#define ZSTDFS_GUARDED_BY(x) ZSTDFS_THREAD_ATTRIBUTE(guarded_by(x))
#define ZSTDFS_REQUIRES(...) ZSTDFS_THREAD_ATTRIBUTE(requires_capability(__VA_ARGS__))
#define ZSTDFS_REQUIRES_SHARED(...) ZSTDFS_THREAD_ATTRIBUTE(requires_shared_capability(__VA_ARGS__))
#define ZSTDFS_EXCLUDES(...) ZSTDFS_THREAD_ATTRIBUTE(locks_excluded(__VA_ARGS__))
#define ZSTDFS_ACQUIRE(...) ZSTDFS_THREAD_ATTRIBUTE(acquire_capability(__VA_ARGS__))
#define ZSTDFS_ACQUIRE_SHARED(...) ZSTDFS_THREAD_ATTRIBUTE(acquire_shared_capability(__VA_ARGS__))
#define ZSTDFS_RELEASE(...) ZSTDFS_THREAD_ATTRIBUTE(release_capability(__VA_ARGS__))
#define ZSTDFS_RELEASE_SHARED(...) ZSTDFS_THREAD_ATTRIBUTE(release_shared_capability(__VA_ARGS__))
#define ZSTDFS_RELEASE_GENERIC(...) ZSTDFS_THREAD_ATTRIBUTE(release_generic_capability(__VA_ARGS__))
#define ZSTDFS_TRY_ACQUIRE(...) ZSTDFS_THREAD_ATTRIBUTE(try_acquire_capability(__VA_ARGS__))
#define ZSTDFS_NO_THREAD_SAFETY_ANALYSIS ZSTDFS_THREAD_ATTRIBUTE(no_thread_safety_analysis)

namespace zstdfs {

class ZSTDFS_CAPABILITY("mutex") Mutex {
 public:
  void lock() ZSTDFS_ACQUIRE() { mutex_.lock(); }
  bool try_lock() ZSTDFS_TRY_ACQUIRE(true) { return mutex_.try_lock(); }
  void unlock() ZSTDFS_RELEASE() { mutex_.unlock(); }

 private:
  friend class ConditionVariable;
  std::mutex mutex_;
};

class ZSTDFS_CAPABILITY("shared mutex") SharedMutex {
 public:
  void lock() ZSTDFS_ACQUIRE() { mutex_.lock(); }
  void unlock() ZSTDFS_RELEASE() { mutex_.unlock(); }
  void lock_shared() ZSTDFS_ACQUIRE_SHARED() { mutex_.lock_shared(); }
  void unlock_shared() ZSTDFS_RELEASE_SHARED() { mutex_.unlock_shared(); }

 private:
  std::shared_mutex mutex_;
};

class ZSTDFS_SCOPED_CAPABILITY MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) ZSTDFS_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~MutexLock() ZSTDFS_RELEASE() { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Shares a SharedMutex with other readers.
class ZSTDFS_SCOPED_CAPABILITY ReaderLock {
 public:
  explicit ReaderLock(SharedMutex& mutex) ZSTDFS_ACQUIRE_SHARED(mutex) : mutex_(mutex) {
    mutex_.lock_shared();
  }
  ~ReaderLock() ZSTDFS_RELEASE_GENERIC() { mutex_.unlock_shared(); }
  ReaderLock(const ReaderLock&) = delete;
  ReaderLock& operator=(const ReaderLock&) = delete;

 private:
  SharedMutex& mutex_;
};

/// Holds a SharedMutex alone.
class ZSTDFS_SCOPED_CAPABILITY WriterLock {
 public:
  explicit WriterLock(SharedMutex& mutex) ZSTDFS_ACQUIRE(mutex) : mutex_(mutex) { mutex_.lock(); }
  ~WriterLock() ZSTDFS_RELEASE() { mutex_.unlock(); }
  WriterLock(const WriterLock&) = delete;
  WriterLock& operator=(const WriterLock&) = delete;

 private:
  SharedMutex& mutex_;
};

class ConditionVariable {
 public:
  /// Waits until notified; may wake for no reason, so the caller checks its condition in a loop.
  void wait(Mutex& mutex) ZSTDFS_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }
  /// As `wait`, at most until `deadline`.
  template <typename Clock, typename Duration>
  void wait_until(Mutex& mutex, std::chrono::time_point<Clock, Duration> deadline)
      ZSTDFS_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait_until(lock, deadline);
    lock.release();
  }
  void notify_one() { condition_.notify_one(); }
  void notify_all() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace zstdfs
