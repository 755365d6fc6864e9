#pragma once

#include "fs/store/inherited_settings.hpp"
#include "fs/store/policy.hpp"

namespace zstdfs::store {

/// Who decides a setting, the strongest first.
enum class SettingSource {
  kFileAttribute,
  kDirectoryAttribute,
  kRule,
  kPolicyDefaults,
  kMountOption,
  kBuiltIn,
};

/// Everything that has a say in a file's settings.
struct SettingsInputs {
  SettingsChoice file_attributes;
  InheritedSettings inherited;
  const Policy* policy = nullptr;  ///< null: there is none
  FileFacts facts;
  SettingsChoice mount_options;
};

struct DecidedSettings {
  Settings settings;
  PerSetting<SettingSource> sources;
  /// The rule that matched, whether it decides anything or not. It lives as long as the policy.
  const PolicyRule* rule = nullptr;
};

/// Decides each setting by itself, in the order of SettingSource. Takes no memory, throws nothing.
DecidedSettings decide_settings(const SettingsInputs& inputs);

}  // namespace zstdfs::store
