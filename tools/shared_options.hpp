#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/record_reader.hpp"

namespace zstdfs::tools {

// Options that several subcommands have: the same name, the same values, the same message for what
// cannot be. Each is in use until the command line was read.

struct SizeLimits {
  std::uint64_t min_bytes = 0;
  std::uint64_t max_bytes = UINT64_MAX;
};

/// Turns sizes (see fs/store/byte_size.hpp) into numbers of bytes, for an option that holds one or
/// several.
CLI::Validator size_within(const SizeLimits& limits);

/// --level, from kMinCompressionLevel to kMaxCompressionLevel, without 0.
CLI::Option* add_level_option(CLI::App& command, int& level);
/// --level for several levels; those that are there are the default.
CLI::Option* add_levels_option(CLI::App& command, std::vector<int>& levels);

/// --threads; `threads` keeps 0, one for each processor, when the option is not there.
CLI::Option* add_threads_option(CLI::App& command, int& threads);

/// --records files|lines|length-prefixed; no RecordForm stands for files, the default.
CLI::Option* add_records_option(CLI::App& command, std::optional<RecordForm>& records,
                                const std::string& help);

/// --seed
CLI::Option* add_seed_option(CLI::App& command, std::uint64_t& seed);
/// --json
CLI::Option* add_json_option(CLI::App& command, bool& json);

}  // namespace zstdfs::tools
