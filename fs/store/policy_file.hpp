#pragma once

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>

#include "fs/os/volume.hpp"
#include "fs/store/policy_parse.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// The policy of a store, which follows its file.
///
/// Thread safety: all methods may run concurrently.
class PolicyFile {
 public:
  /// Both outlive it. Nothing is read yet.
  PolicyFile(os::Volume& volume, const Accounts& accounts) : volume_(volume), accounts_(accounts) {}

  /// Looks whether the file has changed, and reads it then. Without a file there is no policy. One
  /// that cannot be used leaves the policy that is in force, and says why in the log, once. Throws
  /// nothing of that.
  void refresh() ZSTDFS_EXCLUDES(refresh_mutex_, mutex_);

  /// The policy that is in force; null when there is none. Shared, because it may be replaced while
  /// somebody still decides by it.
  std::shared_ptr<const Policy> current() const ZSTDFS_EXCLUDES(mutex_);
  /// Why the file that is there is not in force: "FILE:LINE:COLUMN: REASON", or what the system
  /// said. Nothing when it is in force.
  std::optional<std::string> problem() const ZSTDFS_EXCLUDES(mutex_);

 private:
  /// Changes whenever a file is changed or replaced, but for changes at the same moment.
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    off_t bytes = 0;
    std::int64_t modified_ns = 0;
    std::int64_t changed_ns = 0;
    friend bool operator==(const Version&, const Version&) = default;
  };

  void load(const Version& version) ZSTDFS_REQUIRES(refresh_mutex_) ZSTDFS_EXCLUDES(mutex_);
  /// Neither for no policy.
  void use(std::shared_ptr<const Policy> policy, std::optional<std::uint64_t> text_hash)
      ZSTDFS_EXCLUDES(mutex_);
  void refuse(const std::string& why) ZSTDFS_EXCLUDES(mutex_);

  os::Volume& volume_;
  const Accounts& accounts_;

  /// One refresh at a time. Taken before mutex_.
  Mutex refresh_mutex_;
  /// What was read last; nothing where it may have changed since without showing it.
  std::optional<Version> version_ ZSTDFS_GUARDED_BY(refresh_mutex_);

  mutable Mutex mutex_;
  std::shared_ptr<const Policy> current_ ZSTDFS_GUARDED_BY(mutex_);
  std::optional<std::string> problem_ ZSTDFS_GUARDED_BY(mutex_);
  std::optional<std::uint64_t> text_hash_ ZSTDFS_GUARDED_BY(mutex_);  ///< of what is in force
};

/// Reads a policy's text. Nothing when there is no such file. Throws std::system_error, PolicyError
/// when it is too large.
std::optional<std::string> read_policy_text(os::Volume& volume, const std::string& path);

}  // namespace zstdfs::store
