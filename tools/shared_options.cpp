#include "tools/shared_options.hpp"

#include <algorithm>
#include <cctype>
#include <stdexcept>

#include "fs/store/byte_size.hpp"
#include "tools/display.hpp"
#include "zstdfs/constants.hpp"

namespace zstdfs::tools {
namespace {

constexpr int kMaxThreads = 1024;

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

CLI::Validator size_within(const SizeLimits& limits) {
  const auto convert = [limits](std::string& text) -> std::string {
    std::uint64_t bytes = 0;
    try {
      bytes = store::parse_byte_size(text);
    } catch (const std::invalid_argument& error) {
      return "\"" + text + "\" " + error.what();
    }
    if (bytes < limits.min_bytes || bytes > limits.max_bytes) {
      return "\"" + text + "\" is not between " + format_bytes(limits.min_bytes) + " and " +
             format_bytes(limits.max_bytes);
    }
    text = std::to_string(bytes);
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

CLI::Option* add_seed_option(CLI::App& command, std::uint64_t& seed) {
  // The library takes a negative number for a very large one.
  const auto check = [](const std::string& text) {
    const bool digits =
        std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
    return digits ? std::string() : "\"" + text + "\" is no number from 0 on";
  };
  return command.add_option("--seed", seed, "Draws other samples")
      ->check(CLI::Validator(check, ""))
      ->capture_default_str();
}

CLI::Option* add_json_option(CLI::App& command, bool& json) {
  return command.add_flag("--json", json, "Print a JSON object, sizes in bytes");
}

}  // namespace zstdfs::tools
