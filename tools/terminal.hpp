#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace zstdfs::tools {

/// How many columns standard output has; nothing when it is no terminal.
std::optional<std::size_t> terminal_columns();

/// A bar for the terminal: what is taken, and behind it what is saved, in proportion to `scale`,
/// which fills `columns`. More taken than `whole` is shown as all of it.
struct BarParts {
  std::uint64_t taken = 0;
  std::uint64_t whole = 0;
  std::uint64_t scale = 0;
};
std::string make_bar(const BarParts& parts, std::size_t columns);

}  // namespace zstdfs::tools
