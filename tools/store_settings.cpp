#include "tools/store_settings.hpp"

#include "fs/os/posix.hpp"
#include "tools/display.hpp"
#include "tools/place_in_store.hpp"
#include "tools/store_policy.hpp"

namespace zstdfs::tools {

StoreSettings::StoreSettings(const std::string& stored_root) {
  const auto store = store_above(stored_root);
  if (!store) return;
  const std::string below = place_in_store(stored_root).path;
  if (!below.empty()) prefix_ = below + "/";
  volume_ = os::open_posix_volume(*store);
  directories_.emplace(store::directory_reader(*volume_));
  policy_ = load_store_policy(*store);
}

std::optional<store::DecidedSettings> StoreSettings::decide(const std::string& path,
                                                            const struct stat& status,
                                                            std::uint64_t logical_bytes) {
  if (!volume_) return std::nullopt;
  const std::string whole = prefix_ + path;
  store::SettingsInputs inputs;
  inputs.file_attributes =
      store::settings_of(volume_->attributes(whole, store::kAttributePrefix)).settings;
  inputs.inherited = directories_->inherited_by(whole);
  inputs.policy = policy_ ? &*policy_ : nullptr;
  inputs.facts = {whole, logical_bytes, status.st_uid, status.st_gid};
  return store::decide_settings(inputs);
}

std::string StoreSettings::form_decided_by(const store::DecidedSettings& decided) {
  switch (decided.sources[store::Setting::kStore]) {
    case store::SettingSource::kFileAttribute:
      return "its attribute " + store::attribute_of(store::Setting::kStore);
    case store::SettingSource::kDirectoryAttribute:
      return "the attribute " + store::attribute_of(store::Setting::kStore) +
             " of a directory above it";
    case store::SettingSource::kRule: {
      const store::PolicyRule& rule = *decided.rule;
      const std::string name = rule.name.empty() ? "" : "\"" + printable(rule.name) + "\" ";
      return "the rule " + name + "in line " + std::to_string(rule.line) + " of the policy";
    }
    case store::SettingSource::kPolicyDefaults:
      return "the defaults of the policy";
    case store::SettingSource::kMountOption:
    case store::SettingSource::kBuiltIn:
      break;
  }
  return "the defaults";
}

}  // namespace zstdfs::tools
