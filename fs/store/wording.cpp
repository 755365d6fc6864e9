#include "fs/store/wording.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <numeric>
#include <vector>

namespace zstdfs::store {
namespace {

constexpr std::size_t kMaxShownBytes = 60;
/// Words further apart than this are not taken for each other.
constexpr std::size_t kMaxEdits = 2;
/// No known word is as long.
constexpr std::size_t kMaxWordBytes = 64;

/// How many letters have to be added, removed or replaced (Levenshtein).
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxShownBytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      out += c;
      continue;
    }
    std::array<char, 8> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
    out += escaped.data();
  }
  return out + (text.size() > kMaxShownBytes ? "...\"" : "\"");
}

std::string did_you_mean(std::string_view word, std::span<const std::string_view> known) {
  if (word.size() > kMaxWordBytes) return {};
  std::string_view best;
  std::size_t best_edits = kMaxEdits + 1;
  for (const std::string_view name : known) {
    const std::size_t edits = edits_between(word, name);
    // A short word is every other short word with two letters replaced.
    if (edits >= best_edits || edits * 2 >= name.size()) continue;
    best = name;
    best_edits = edits;
  }
  return best.empty() ? "" : "; did you mean " + in_quotes(best) + "?";
}

}  // namespace zstdfs::store
