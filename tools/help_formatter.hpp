#pragma once

#include <CLI/CLI.hpp>
#include <string>

namespace zstdfs::tools {

/// What --help prints, the same with every version of CLI11: the shells' completions read it.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_help(const CLI::App* app, std::string name,
                        CLI::AppFormatMode mode) const override;
};

}  // namespace zstdfs::tools
