#pragma once

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
  /// the mount's options say. Throws std::system_error when attributes cannot be read.
  Settings settings_for(const os::File& backing, std::uint64_t logical_bytes);

  /// Follows the policy's file. To be called now and then; throws nothing.
  void refresh() { policy_.refresh(); }
  /// Settings among a directory's attributes have changed, or a directory has another name.
  void directories_changed() { directories_.invalidate(); }

 private:
  os::Volume& volume_;
  const SettingsChoice mount_options_;
  const SystemAccounts accounts_;
  PolicyFile policy_;
  DirectorySettings directories_;
};

}  // namespace zstdfs::store
