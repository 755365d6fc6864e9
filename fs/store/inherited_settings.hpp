#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "fs/os/volume.hpp"
#include "fs/store/settings_choice.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

/// What the extended attributes of one file or directory say.
struct AttributeSettings {
  SettingsChoice settings;
  /// Attributes whose values make no sense, and why: somebody set them past the mount, which
  /// refuses them. They count as not there.
  std::vector<std::string> problems;
};

/// Of `attributes`, those that are not about settings are left out.
AttributeSettings settings_of(const os::Attributes& attributes);

/// What a file inherits from the directories above it.
struct InheritedSettings {
  SettingsChoice settings;
  /// Which directory a setting comes from: its path is so many first bytes of the file's path (0:
  /// the root). Means something only for the settings that are chosen.
  PerSetting<std::size_t> directory_bytes;
};

/// The settings that files inherit: of each setting, the choice of the nearest directory above that
/// has one. What was read is kept, for at most kMaxDirectories.
///
/// Thread safety: all methods may run concurrently.
class DirectorySettings {
 public:
  static constexpr std::size_t kMaxDirectories = 4096;

  /// Reads the own choice of a directory (a path below the root, "" for the root itself); may be
  /// called concurrently.
  using Reader = std::function<SettingsChoice(const std::string& directory)>;
  explicit DirectorySettings(Reader read) : read_(std::move(read)) {}

  /// What the file at `path` (below the root, without a slash at its beginning) inherits. Takes no
  /// memory where its directory is known already. Throws what the reader throws.
  InheritedSettings inherited_by(std::string_view path) ZSTDFS_EXCLUDES(mutex_);

  /// A directory's attributes have changed, or a directory was renamed: everything is read again.
  /// Called after the change.
  void invalidate() ZSTDFS_EXCLUDES(mutex_);
  /// A directory was removed: what is made under its name again inherits anew. Called after it.
  void forget(const std::string& directory) ZSTDFS_EXCLUDES(mutex_);

 private:
  /// Finds by a view without making a string of it.
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view path) const {
      return std::hash<std::string_view>()(path);
    }
  };

  void keep(std::uint64_t generation, std::string_view directory,
            const InheritedSettings& inherited) ZSTDFS_EXCLUDES(mutex_);

  Reader read_;  // constant after construction
  Mutex mutex_;
  /// What lies in each directory inherits this, the directory's own choice included.
  std::unordered_map<std::string, InheritedSettings, Hash, std::equal_to<>> known_
      ZSTDFS_GUARDED_BY(mutex_);
  /// Counts changes: what was read before one must not be kept after it.
  std::uint64_t generation_ ZSTDFS_GUARDED_BY(mutex_) = 0;
};

/// A reader for the directories of a volume, which outlives it. No link is followed; what is not
/// there has no attributes; what makes no sense is logged. Throws std::system_error when something
/// cannot be read.
DirectorySettings::Reader directory_reader(os::Volume& volume);

}  // namespace zstdfs::store
