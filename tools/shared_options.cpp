#include "tools/shared_options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>
#include <utility>

#include "tools/display.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs::tools {
namespace {

constexpr int kMaxThreads = 1024;

/// The power of two that a unit stands for.
std::optional<int> shift_of(std::string_view unit) {
  static constexpr std::array<std::pair<std::string_view, int>, 10> kUnits = {{{"", 0},
                                                                               {"B", 0},
                                                                               {"K", 10},
                                                                               {"KiB", 10},
                                                                               {"M", 20},
                                                                               {"MiB", 20},
                                                                               {"G", 30},
                                                                               {"GiB", 30},
                                                                               {"T", 40},
                                                                               {"TiB", 40}}};
  const auto* found = std::find_if(kUnits.begin(), kUnits.end(),
                                   [&](const auto& known) { return known.first == unit; });
  if (found == kUnits.end()) return std::nullopt;
  return found->second;
}

CLI::Validator level_validator() {
  const auto check = [](const std::string& text) -> std::string {
    int value = 0;
    if (!CLI::detail::lexical_cast(text, value) || value == 0 || value < kMinCompressionLevel ||
        value > kMaxCompressionLevel) {
      return "\"" + text + "\" is no level: those are " + std::to_string(kMinCompressionLevel) +
             " to " + std::to_string(kMaxCompressionLevel) + " without 0";
    }
    return {};
  };
  return CLI::Validator(check, "LEVEL");
}

}  // namespace

std::optional<std::uint64_t> parse_size(const std::string& text) {
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc()) return std::nullopt;
  std::string_view unit(rest, static_cast<std::size_t>(end - rest));
  if (unit.starts_with(' ')) unit.remove_prefix(1);
  const std::optional<int> shift = shift_of(unit);
  if (!shift || number > (UINT64_MAX >> *shift)) return std::nullopt;
  return number << *shift;
}

CLI::Validator size_within(const SizeLimits& limits) {
  const auto convert = [limits](std::string& text) -> std::string {
    const std::optional<std::uint64_t> bytes = parse_size(text);
    if (!bytes) return "\"" + text + "\" is no size; write it like 65536, 64KiB or 64MiB";
    if (*bytes < limits.min_bytes || *bytes > limits.max_bytes) {
      return "\"" + text + "\" is not between " + format_bytes(limits.min_bytes) + " and " +
             format_bytes(limits.max_bytes);
    }
    text = std::to_string(*bytes);
    return {};
  };
  return CLI::Validator(convert, "SIZE");
}

CLI::Option* add_level_option(CLI::App& command, int& level) {
  return command.add_option("--level", level, "The zstd level")
      ->check(level_validator())
      ->capture_default_str();
}

CLI::Option* add_levels_option(CLI::App& command, std::vector<int>& levels) {
  std::string defaults;
  for (const int level : levels) defaults += (defaults.empty() ? "" : ", ") + std::to_string(level);
  return command
      .add_option("--level", levels, "A level to try; can be repeated (" + defaults + ")")
      ->check(level_validator())
      ->allow_extra_args(false);
}

CLI::Option* add_threads_option(CLI::App& command, int& threads) {
  return command.add_option("--threads", threads, "How many threads work; 0: one per processor")
      ->check(CLI::Range(0, kMaxThreads))
      ->capture_default_str();
}

CLI::Option* add_records_option(CLI::App& command, std::optional<RecordForm>& records,
                                const std::string& help) {
  const auto set = [&records](const std::string& name) {
    records.reset();
    if (name == "lines") records = RecordForm::kLines;
    if (name == "length-prefixed") records = RecordForm::kLengthPrefixed;
  };
  return command.add_option_function<std::string>("--records", set, help)
      ->check(CLI::IsMember({"files", "lines", "length-prefixed"}));
}

CLI::Option* add_json_option(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "Print a JSON object, sizes in bytes");
}

}  // namespace zstdfs::tools
