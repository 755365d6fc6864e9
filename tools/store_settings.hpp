#pragma once

#include <memory>
#include <optional>
#include <string>

#include "fs/os/volume.hpp"
#include "fs/store/decided_settings.hpp"

namespace zstdfs::tools {

/// What the policy and the attributes of a store say about the files in a part of it, as they are
/// now. Options of a mount are not known here.
class StoreSettings {
 public:
  /// `stored_root`: a directory of a store; outside of any store nothing is decided. Throws
  /// std::system_error, and std::runtime_error when there is a policy that cannot be used.
  explicit StoreSettings(const std::string& stored_root);

  /// Decides for the file at `path` below `stored_root`, of which the attributes are read. Throws
  /// std::system_error.
  std::optional<store::DecidedSettings> decide(const std::string& path, const struct stat& status,
                                               std::uint64_t logical_bytes);

  /// Who decides the form of such a file, for people: "the rule \"media\" in line 5 of the policy".
  static std::string form_decided_by(const store::DecidedSettings& decided);

 private:
  std::unique_ptr<os::Volume> volume_;  // null outside of any store
  std::string prefix_;                  // of stored_root below the store's root, with a '/'
  std::optional<store::Policy> policy_;
  std::optional<store::DirectorySettings> directories_;
};

}  // namespace zstdfs::tools
