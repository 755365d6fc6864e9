#include "fs/store/inherited_settings.hpp"

#include <optional>
#include <stdexcept>
#include <system_error>

#include "fs/store/log.hpp"
#include "fs/store/wording.hpp"

namespace zstdfs::store {
namespace {

/// The directory that `path` lies in; "" for what lies in the root.
std::string_view parent_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(0, slash);
}

/// The directory that is one name longer than `above`, on the way to `directory`.
std::string_view next_below(std::string_view above, std::string_view directory) {
  return directory.substr(0, directory.find('/', above.empty() ? 0 : above.size() + 1));
}

void inherit(InheritedSettings& inherited, SettingsChoice own, std::size_t directory_bytes) {
  for (const Setting setting : kAllSettings) {
    if (own.has(setting)) inherited.directory_bytes[setting] = directory_bytes;
  }
  own.fill_from(inherited.settings);
  inherited.settings = own;
}

}  // namespace

AttributeSettings settings_of(const os::Attributes& attributes) {
  AttributeSettings out;
  for (const auto& [name, value] : attributes) {
    const std::optional<Setting> setting = setting_of_attribute(name);
    if (!setting) continue;
    try {
      parse_setting(*setting, value, out.settings);
    } catch (const std::invalid_argument& error) {
      out.problems.emplace_back(error.what());
    }
  }
  return out;
}

InheritedSettings DirectorySettings::inherited_by(std::string_view path) {
  const std::string_view directory = parent_of(path);
  InheritedSettings inherited;
  std::optional<std::string_view> known;  // the nearest directory above that is
  std::uint64_t generation = 0;
  {
    const MutexLock lock(mutex_);
    generation = generation_;
    for (std::string_view at = directory;; at = parent_of(at)) {
      const auto found = known_.find(at);
      if (found != known_.end()) {
        inherited = found->second;
        known = at;
      }
      if (known || at.empty()) break;
    }
  }
  // Attributes are read without the lock.
  while (known != directory) {
    const std::string_view next = known ? next_below(*known, directory) : std::string_view();
    inherit(inherited, read_(std::string(next)), next.size());
    keep(generation, next, inherited);
    known = next;
  }
  return inherited;
}

void DirectorySettings::keep(std::uint64_t generation, std::string_view directory,
                             const InheritedSettings& inherited) {
  const MutexLock lock(mutex_);
  if (generation != generation_) return;
  // To begin anew costs one reading of each directory, which a better choice of what to drop would
  // cost as well where more directories are in use than fit.
  if (known_.size() >= kMaxDirectories) known_.clear();
  known_.emplace(directory, inherited);
}

void DirectorySettings::invalidate() {
  const MutexLock lock(mutex_);
  ++generation_;
  known_.clear();
}

void DirectorySettings::forget(const std::string& directory) {
  const MutexLock lock(mutex_);
  ++generation_;
  known_.erase(directory);
}

DirectorySettings::Reader directory_reader(os::Volume& volume) {
  return [&volume](const std::string& directory) -> SettingsChoice {
    try {
      const AttributeSettings found = settings_of(volume.attributes(directory, kAttributePrefix));
      for (const std::string& problem : found.problems) {
        log(LogLevel::kWarning, "directory " + in_quotes(directory) + ": attribute " +
                                    std::string(kAttributePrefix) + problem + "; it is ignored");
      }
      return found.settings;
    } catch (const std::system_error& error) {
      // Removed or replaced meanwhile: then what is asked about is not there either.
      const int code = error.code().value();
      if (code == ENOENT || code == ENOTDIR) return {};
      throw;
    }
  };
}

}  // namespace zstdfs::store
