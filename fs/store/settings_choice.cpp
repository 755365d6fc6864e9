#include "fs/store/settings_choice.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <stdexcept>

#include "fs/store/byte_size.hpp"
#include "fs/store/wording.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

constexpr std::string_view kCompressed = "compressed";
constexpr std::string_view kRaw = "raw";
constexpr std::string_view kBlocks = "blocks";
constexpr std::string_view kBytes = "bytes";
constexpr std::string_view kYes = "yes";
constexpr std::string_view kNo = "no";

/// Numbers are not longer; what is, is cut in messages.
constexpr std::size_t kMaxShownDigits = 30;

/// Calls `visit` with the setting's member of each of the choices.
template <typename Visit, typename... Choice>
decltype(auto) with_member(Setting setting, Visit visit, Choice&... choice) {
  switch (setting) {
    case Setting::kStore:
      return visit(choice.form...);
    case Setting::kSaving:
      return visit(choice.saving...);
    case Setting::kLevel:
      return visit(choice.level...);
    case Setting::kChunkSize:
      return visit(choice.chunk_bytes...);
    case Setting::kDictionary:
      return visit(choice.dictionary_id...);
    case Setting::kLongDistanceMatching:
      return visit(choice.long_distance_matching...);
  }
  ZSTDFS_ASSERT(false);
}

[[noreturn]] void refuse(Setting setting, std::string_view text, const std::string& why) {
  const bool number = !text.empty() && text.find_first_not_of("-0123456789") == text.npos;
  throw std::invalid_argument(
      std::string(name_of(setting)) + " " +
      (number ? std::string(text.substr(0, kMaxShownDigits)) : in_quotes(text)) + " " + why);
}

/// Which of two words `text` is: the first one?
bool is_first_of(Setting setting, std::string_view text, std::string_view first,
                 std::string_view second) {
  if (text == first || text == second) return text == first;
  refuse(setting, text, "is neither " + in_quotes(first) + " nor " + in_quotes(second));
}

template <typename Number>
Number parse_number(Setting setting, std::string_view text, Number least, Number most,
                    const std::string& expected) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < least || number > most) {
    refuse(setting, text, "is not " + expected);
  }
  return number;
}

// 0 would mean zstd's default.
int parse_level(std::string_view text) {
  const std::string expected = "a number from " + std::to_string(kMinCompressionLevel) + " to " +
                               std::to_string(kMaxCompressionLevel) + ", without 0";
  const int level =
      parse_number(Setting::kLevel, text, kMinCompressionLevel, kMaxCompressionLevel, expected);
  if (level == 0) refuse(Setting::kLevel, text, "is not " + expected);
  return level;
}

std::uint32_t parse_chunk_bytes(std::string_view text) {
  std::uint64_t bytes = 0;
  try {
    bytes = parse_byte_size(text);
  } catch (const std::invalid_argument& error) {
    refuse(Setting::kChunkSize, text, error.what());
  }
  if (bytes < kMinChunkBytes || bytes > kMaxChunkBytes) {
    refuse(Setting::kChunkSize, text,
           "is not from " + format_byte_size(kMinChunkBytes) + " to " +
               format_byte_size(kMaxChunkBytes));
  }
  return static_cast<std::uint32_t>(bytes);
}

}  // namespace

bool SettingsChoice::has(Setting setting) const {
  return with_member(
      setting, [](const auto& member) { return member.has_value(); }, *this);
}

void SettingsChoice::fill_from(const SettingsChoice& weaker) {
  const auto fill = [](auto& member, const auto& other) {
    if (!member) member = other;
  };
  for (const Setting setting : kAllSettings) with_member(setting, fill, *this, weaker);
}

void SettingsChoice::apply_to(Settings& settings) const {
  SettingsChoice all = *this;
  all.fill_from(choice_of(settings));
  settings = {.form = *all.form,
              .saving = *all.saving,
              .level = *all.level,
              .chunk_bytes = *all.chunk_bytes,
              .dictionary_id = *all.dictionary_id,
              .long_distance_matching = *all.long_distance_matching};
}

SettingsChoice choice_of(const Settings& settings) {
  return {.form = settings.form,
          .saving = settings.saving,
          .level = settings.level,
          .chunk_bytes = settings.chunk_bytes,
          .dictionary_id = settings.dictionary_id,
          .long_distance_matching = settings.long_distance_matching};
}

std::string_view name_of(Setting setting) {
  switch (setting) {
    case Setting::kStore:
      return "store";
    case Setting::kSaving:
      return "saving";
    case Setting::kLevel:
      return "level";
    case Setting::kChunkSize:
      return "chunk_size";
    case Setting::kDictionary:
      return "dictionary";
    case Setting::kLongDistanceMatching:
      return "long_distance_matching";
  }
  ZSTDFS_ASSERT(false);
}

std::optional<Setting> setting_named(std::string_view name) {
  const auto found = std::find_if(kAllSettings.begin(), kAllSettings.end(),
                                  [&](Setting setting) { return name_of(setting) == name; });
  return found == kAllSettings.end() ? std::nullopt : std::optional(*found);
}

void parse_setting(Setting setting, std::string_view text, SettingsChoice& choice) {
  switch (setting) {
    case Setting::kStore:
      choice.form = is_first_of(setting, text, kCompressed, kRaw) ? Settings::Form::kCompressed
                                                                  : Settings::Form::kRaw;
      return;
    case Setting::kSaving:
      choice.saving = is_first_of(setting, text, kBlocks, kBytes) ? Settings::Saving::kBlocks
                                                                  : Settings::Saving::kBytes;
      return;
    case Setting::kLevel:
      choice.level = parse_level(text);
      return;
    case Setting::kChunkSize:
      choice.chunk_bytes = parse_chunk_bytes(text);
      return;
    case Setting::kDictionary:
      choice.dictionary_id =
          parse_number(setting, text, std::uint32_t{0}, std::numeric_limits<std::uint32_t>::max(),
                       "the number of a dictionary, or 0 for none");
      return;
    case Setting::kLongDistanceMatching:
      choice.long_distance_matching = is_first_of(setting, text, kYes, kNo);
      return;
  }
  ZSTDFS_ASSERT(false);
}

std::optional<std::string> format_setting(Setting setting, const SettingsChoice& choice) {
  if (!choice.has(setting)) return std::nullopt;
  switch (setting) {
    case Setting::kStore:
      return std::string(*choice.form == Settings::Form::kRaw ? kRaw : kCompressed);
    case Setting::kSaving:
      return std::string(*choice.saving == Settings::Saving::kBytes ? kBytes : kBlocks);
    case Setting::kLevel:
      return std::to_string(*choice.level);
    case Setting::kChunkSize:
      return format_byte_size(*choice.chunk_bytes);
    case Setting::kDictionary:
      return std::to_string(*choice.dictionary_id);
    case Setting::kLongDistanceMatching:
      return std::string(*choice.long_distance_matching ? kYes : kNo);
  }
  ZSTDFS_ASSERT(false);
}

std::optional<Setting> setting_of_attribute(std::string_view attribute) {
  if (!attribute.starts_with(kAttributePrefix)) return std::nullopt;
  return setting_named(attribute.substr(kAttributePrefix.size()));
}

std::string attribute_of(Setting setting) {
  return std::string(kAttributePrefix) + std::string(name_of(setting));
}

}  // namespace zstdfs::store
