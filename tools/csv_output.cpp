#include "tools/csv_output.hpp"

#include <iostream>

namespace zstdfs::tools {
namespace {

std::string quoted(const std::string& field) {
  if (field.find_first_of(",\"\r\n") == std::string::npos) return field;
  std::string text = "\"";
  for (const char c : field) {
    if (c == '"') text += '"';
    text += c;
  }
  return text + '"';
}

}  // namespace

void print_csv_record(const std::vector<std::string>& fields) {
  bool first = true;
  for (const std::string& field : fields) {
    if (!first) std::cout << ',';
    first = false;
    std::cout << quoted(field);
  }
  std::cout << "\r\n";
}

}  // namespace zstdfs::tools
