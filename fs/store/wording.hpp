#pragma once

#include <span>
#include <string>
#include <string_view>

namespace zstdfs::store {

/// What somebody wrote, in double quotes, for a message: control characters are shown as \xNN, and
/// what is long is cut.
std::string in_quotes(std::string_view text);

/// `; did you mean "NAME"?` with the one of `known` that `word` is a slip of the keyboard away
/// from, or nothing.
std::string did_you_mean(std::string_view word, std::span<const std::string_view> known);

}  // namespace zstdfs::store
