#pragma once

#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace zstdfs::tools {

/// "512 B", "1.4 MiB": at most four significant characters before the unit.
std::string format_bytes(std::uint64_t bytes);

/// "1,234,567".
std::string format_count(std::uint64_t count);

/// logical / stored with two decimals, "-" when nothing is stored.
std::string format_ratio(std::uint64_t logical_bytes, std::uint64_t stored_bytes);

/// A file name that is safe to print: control characters, which could steer a terminal, become
/// \xNN.
std::string printable(std::string_view name);

enum class Align { kLeft, kRight };

/// Rows of text with aligned columns, two spaces apart.
class Table {
 public:
  struct Column {
    std::string title;
    Align align = Align::kRight;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  /// `cells` has one text for each column.
  void add_row(std::vector<std::string> cells);
  void print(std::ostream& out) const;
  /// Columns that the widest row takes.
  std::size_t width() const;

 private:
  std::vector<std::size_t> widths() const;

  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace zstdfs::tools
