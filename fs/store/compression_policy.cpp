#include "fs/store/compression_policy.hpp"

#include <cerrno>
#include <string_view>
#include <system_error>
#include <utility>

namespace zstdfs::store {
namespace {

/// What /proc says behind the path of a file that has lost its name.
constexpr std::string_view kDeleted = " (deleted)";

bool is_name(std::string_view path) {
  return !path.empty() && !path.ends_with(kDeleted);
}

}  // namespace

CompressionPolicy::CompressionPolicy(os::Volume& volume, const Settings& mount_options)
    : volume_(volume),
      mount_options_(choice_of(mount_options)),
      policy_(volume, accounts_),
      directories_(directory_reader(volume)) {
  refresh();
}

Settings CompressionPolicy::settings_for(const os::File& backing, std::uint64_t logical_bytes) {
  SettingsInputs inputs;
  inputs.file_attributes = settings_of(backing.attributes(kAttributePrefix)).settings;
  return decide(std::move(inputs), backing.path_hint(), logical_bytes,
                [&backing] { return backing.stat(); });
}

Settings CompressionPolicy::settings_for(const std::string& path, const struct stat& status,
                                         std::uint64_t logical_bytes) {
  SettingsInputs inputs;
  try {
    if (is_name(path)) {
      inputs.file_attributes = settings_of(volume_.attributes(path, kAttributePrefix)).settings;
    }
  } catch (const std::system_error& error) {
    // Renamed meanwhile, or not there yet.
    if (error.code().value() != ENOENT && error.code().value() != ENOTDIR) throw;
  }
  return decide(std::move(inputs), path, logical_bytes, [&status] { return status; });
}

template <typename ReadStatus>
Settings CompressionPolicy::decide(SettingsInputs inputs, std::string_view path,
                                   std::uint64_t logical_bytes, const ReadStatus& read_status) {
  inputs.mount_options = mount_options_;
  const auto policy = policy_.current();
  if (is_name(path)) {
    inputs.inherited = directories_.inherited_by(path);
    inputs.policy = policy.get();
  }
  if (inputs.policy != nullptr) {
    const struct stat status = read_status();
    inputs.facts = {path, logical_bytes, status.st_uid, status.st_gid};
  }
  Settings settings = decide_settings(inputs).settings;
  if (settings.dictionary_id != 0 && is_retired(settings.dictionary_id)) settings.dictionary_id = 0;
  return settings;
}

void CompressionPolicy::retire_dictionary(std::uint32_t id) {
  MutexLock lock(mutex_);
  retired_.insert(id);
}

void CompressionPolicy::use_dictionary_again(std::uint32_t id) {
  MutexLock lock(mutex_);
  retired_.erase(id);
}

bool CompressionPolicy::is_retired(std::uint32_t id) const {
  MutexLock lock(mutex_);
  return retired_.contains(id);
}

}  // namespace zstdfs::store
