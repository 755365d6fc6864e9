#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "fs/store/settings.hpp"

namespace zstdfs::store {

/// The settings, each by itself. In this order they are listed everywhere.
enum class Setting { kStore, kSaving, kLevel, kChunkSize, kDictionary, kLongDistanceMatching };

inline constexpr std::array kAllSettings = {Setting::kStore,      Setting::kSaving,
                                            Setting::kLevel,      Setting::kChunkSize,
                                            Setting::kDictionary, Setting::kLongDistanceMatching};

/// A value for each setting.
template <typename Value>
class PerSetting {
 public:
  Value& operator[](Setting setting) { return values_[static_cast<std::size_t>(setting)]; }
  const Value& operator[](Setting setting) const {
    return values_[static_cast<std::size_t>(setting)];
  }

 private:
  std::array<Value, kAllSettings.size()> values_{};
};

/// What somebody decided about a file's settings: a rule, an attribute, a mount option. What is
/// empty is left to others.
struct SettingsChoice {
  std::optional<Settings::Form> form{};
  std::optional<Settings::Saving> saving{};
  std::optional<int> level{};
  std::optional<std::uint32_t> chunk_bytes{};
  std::optional<std::uint32_t> dictionary_id{};
  std::optional<bool> long_distance_matching{};

  bool has(Setting setting) const;
  bool empty() const { return *this == SettingsChoice(); }
  /// Takes what is empty here from `weaker`.
  void fill_from(const SettingsChoice& weaker);
  /// Sets in `settings` what is not empty here.
  void apply_to(Settings& settings) const;

  friend bool operator==(const SettingsChoice&, const SettingsChoice&) = default;
};

/// Every setting of `settings`.
SettingsChoice choice_of(const Settings& settings);

/// A setting's name in the policy, which is also what its attribute has after `user.zstdfs.`.
std::string_view name_of(Setting setting);
std::optional<Setting> setting_named(std::string_view name);

/// Sets one setting from its text: "compressed" or "raw" (store), "blocks" or "bytes" (saving), a
/// number (level, which 0 is not, and dictionary), a size (chunk_size, see byte_size.hpp), "yes" or
/// "no" (long_distance_matching). Throws std::invalid_argument with a sentence for people; then
/// `choice` is as before.
void parse_setting(Setting setting, std::string_view text, SettingsChoice& choice);

/// The text that parse_setting reads as what `choice` holds; nothing when that is empty.
std::optional<std::string> format_setting(Setting setting, const SettingsChoice& choice);

/// The names of extended attributes with which somebody chooses settings begin so, on a file or on
/// a directory and then for all that lies below.
inline constexpr std::string_view kAttributePrefix = "user.zstdfs.";

/// The setting that an attribute is about, by its whole name. Nothing when there is none such,
/// also for the facts below `user.zstdfs.stored.`.
std::optional<Setting> setting_of_attribute(std::string_view attribute);
std::string attribute_of(Setting setting);

}  // namespace zstdfs::store
