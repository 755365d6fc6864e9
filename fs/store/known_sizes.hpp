#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "fs/os/volume.hpp"
#include "fs/store/sizes_file.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

struct KnownSize {
  /// Whether it holds as long as the backing file is as it is.
  enum class Lasts {
    kAlways,
    kThisMount,  ///< it was found by a scan, which depends on what can be decompressed
  };

  std::uint64_t logical_bytes = 0;
  Lasts lasts = Lasts::kAlways;
};

/// The logical sizes of backing files that nobody has open, so that whoever asks for the attributes
/// of a whole tree does not have each file's header read from the disk.
///
/// What is known is used only while inode number, change time and size of the backing file are what
/// they were, so any change makes it void by itself. That leaves changes within one tick of the
/// clock that stamps change times: of those the store says what came of them, with put() or
/// forget(), each time it is done with a file that it may have changed.
///
/// In memory is what was learned in this mount; what was known before is in a file (SizesFile).
/// Only files on the store's own filesystem are known: elsewhere inode numbers are others'.
///
/// Thread safety: all methods may run concurrently. None throws but the constructor.
class KnownSizes {
 public:
  struct Limits {
    /// So much was learned that it ought to be written out: some 15 MB. Twice that is forgotten
    /// instead, when nobody writes it out: on a mount that only reads, mostly.
    std::size_t learned = std::size_t{256} << 10;
    /// With more than these, the file begins anew with what was learned last: what is gone goes
    /// with the old one, and what is not is learned again.
    std::uint64_t in_file = SizesFile::kMostEntries;
  };

  /// `volume` outlives it. Throws std::system_error.
  explicit KnownSizes(os::Volume& volume) : KnownSizes(volume, Limits()) {}
  KnownSizes(os::Volume& volume, const Limits& limits);

  /// Takes up the file with this id, which the mount before left.
  void load(std::uint64_t id) ZSTDFS_EXCLUDES(mutex_);

  /// `lower` is always the status of a backing file.
  std::optional<KnownSize> find(const struct stat& lower) ZSTDFS_EXCLUDES(mutex_);
  void put(const struct stat& lower, const KnownSize& size) ZSTDFS_EXCLUDES(mutex_);
  /// Nothing is known of what has or had this inode number.
  void forget(const struct stat& lower) ZSTDFS_EXCLUDES(mutex_);

  /// Whether it is time to write out what was learned.
  bool is_much() ZSTDFS_EXCLUDES(mutex_);
  /// Moves what was learned to the file, without a sync, and returns the file's id; nothing when
  /// nothing is known. When that fails, on a full disk for one, nothing is known from then on.
  std::optional<std::uint64_t> write_out() ZSTDFS_EXCLUDES(mutex_);
  /// Whether a change made at the time `now` gets another change time than any known file has.
  bool is_older_than(const timespec& now) ZSTDFS_EXCLUDES(mutex_);

 private:
  struct Learned {
    std::uint64_t check;
    std::optional<KnownSize> size;  // nothing: forgotten
    bool changed_at_whole_second;

    bool lasts() const {
      return size && size->lasts == KnownSize::Lasts::kAlways && !changed_at_whole_second;
    }
  };

  bool is_own(const struct stat& lower) const { return lower.st_dev == device_; }
  void learn(std::uint64_t inode, const Learned& learned) ZSTDFS_REQUIRES(mutex_);
  void forget_all() ZSTDFS_REQUIRES(mutex_);

  os::Volume& volume_;
  const Limits limits_;
  const dev_t device_;

  Mutex mutex_;
  /// Counts against what `file_` says.
  std::unordered_map<std::uint64_t, Learned> learned_ ZSTDFS_GUARDED_BY(mutex_);
  std::unique_ptr<SizesFile> file_ ZSTDFS_GUARDED_BY(mutex_);
  timespec newest_ ZSTDFS_GUARDED_BY(mutex_){};
};

}  // namespace zstdfs::store
