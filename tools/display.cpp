#include "tools/display.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ostream>

#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

/// How many columns a text takes on a terminal: continuation bytes of UTF-8 take none. Wide
/// characters are counted as one, which at worst shifts a column.
std::size_t shown_width(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) >> 6) != 2; }));
}

}  // namespace

std::string format_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return std::to_string(bytes) + " B";
  std::size_t unit = 0;
  double value = static_cast<double>(bytes);
  // 999.95 would be printed with one digit too many: it goes up already.
  while (value >= 999.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, kUnits[unit]);
  return text.data();
}

std::string format_count(std::uint64_t count) {
  const std::string digits = std::to_string(count);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string format_ratio(std::uint64_t logical_bytes, std::uint64_t stored_bytes) {
  if (stored_bytes == 0) return "-";
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.2f",
                static_cast<double>(logical_bytes) / static_cast<double>(stored_bytes));
  return text.data();
}

std::string printable(std::string_view name) {
  std::string text;
  for (const char c : name) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      text += c;
      continue;
    }
    std::array<char, 8> escaped{};
    std::snprintf(escaped.data(), escaped.size(), "\\x%02x", byte);
    text += escaped.data();
  }
  return text;
}

void Table::add_row(std::vector<std::string> cells) {
  ZSTDFS_ASSERT(cells.size() == columns_.size());
  rows_.push_back(std::move(cells));
}

std::vector<std::size_t> Table::widths() const {
  std::vector<std::size_t> widths;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    std::size_t width = shown_width(columns_[i].title);
    for (const auto& row : rows_) width = std::max(width, shown_width(row[i]));
    widths.push_back(width);
  }
  return widths;
}

std::size_t Table::width() const {
  std::size_t sum = 2 * (columns_.size() - 1);
  for (const std::size_t width : widths()) sum += width;
  return sum;
}

void Table::print(std::ostream& out) const {
  const std::vector<std::size_t> widths = this->widths();
  const auto print_row = [&](auto&& cell) {
    std::string line;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& text = cell(i);
      const std::string padding(widths[i] - shown_width(text), ' ');
      if (i > 0) line += "  ";
      line += columns_[i].align == Align::kLeft ? text + padding : padding + text;
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  };
  print_row([&](std::size_t i) -> const std::string& { return columns_[i].title; });
  for (const auto& row : rows_) {
    print_row([&](std::size_t i) -> const std::string& { return row[i]; });
  }
}

}  // namespace zstdfs::tools
