#include "fs/store/decided_settings.hpp"

namespace zstdfs::store {

DecidedSettings decide_settings(const SettingsInputs& inputs) {
  DecidedSettings decided;
  for (const Setting setting : kAllSettings) decided.sources[setting] = SettingSource::kBuiltIn;
  // From the weakest to the strongest, who takes the place of those before.
  const auto choose = [&](const SettingsChoice& choice, SettingSource source) {
    choice.apply_to(decided.settings);
    for (const Setting setting : kAllSettings) {
      if (choice.has(setting)) decided.sources[setting] = source;
    }
  };
  choose(inputs.mount_options, SettingSource::kMountOption);
  if (inputs.policy) {
    choose(inputs.policy->defaults(), SettingSource::kPolicyDefaults);
    decided.rule = inputs.policy->matching_rule(inputs.facts);
    if (decided.rule) choose(decided.rule->settings, SettingSource::kRule);
  }
  choose(inputs.inherited.settings, SettingSource::kDirectoryAttribute);
  choose(inputs.file_attributes, SettingSource::kFileAttribute);
  return decided;
}

}  // namespace zstdfs::store
