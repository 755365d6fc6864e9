#pragma once

#include <set>
#include <string>
#include <string_view>

#include "fs/store/decided_settings.hpp"
#include "fs/store/inherited_settings.hpp"
#include "fs/store/policy_file.hpp"

namespace zstdfs::store {

/// Decides how a store's files are compressed: by attributes, the policy and the mount's options.
/// docs/policy.md.
///
/// Thread safety: all methods may run concurrently.
class CompressionPolicy {
 public:
  /// The volume outlives it. `mount_options` hold where nothing else says something.
  CompressionPolicy(os::Volume& volume, const Settings& mount_options);

  /// For a file that holds, or will hold, so many bytes. A file that has no name any more gets what
  /// its attributes and the mount's options say. Throws std::system_error when attributes cannot be
  /// read.
  Settings settings_for(const os::File& backing, std::uint64_t logical_bytes);
  /// The same for a path below the root; `status` tells whose the file is.
  Settings settings_for(const std::string& path, const struct stat& status,
                        std::uint64_t logical_bytes);

  /// From now on nothing is decided to have this dictionary.
  void retire_dictionary(std::uint32_t id) ZSTDFS_EXCLUDES(mutex_);
  void use_dictionary_again(std::uint32_t id) ZSTDFS_EXCLUDES(mutex_);
  bool is_retired(std::uint32_t id) const ZSTDFS_EXCLUDES(mutex_);

  /// Follows the policy's file. To be called now and then; throws nothing.
  void refresh() { policy_.refresh(); }
  /// Settings among a directory's attributes have changed, or a directory has another name.
  void directories_changed() { directories_.invalidate(); }

 private:
  /// `inputs` has the file's own attributes; the rest is found out by its path, if it has one.
  /// `read_status` is called only if there is a policy.
  template <typename ReadStatus>
  Settings decide(SettingsInputs inputs, std::string_view path, std::uint64_t logical_bytes,
                  const ReadStatus& read_status);

  os::Volume& volume_;
  const SettingsChoice mount_options_;
  const SystemAccounts accounts_;
  PolicyFile policy_;
  DirectorySettings directories_;
  mutable Mutex mutex_;
  std::set<std::uint32_t> retired_ ZSTDFS_GUARDED_BY(mutex_);
};

}  // namespace zstdfs::store
