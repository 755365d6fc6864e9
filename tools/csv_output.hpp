#pragma once

#include <string>
#include <vector>

namespace zstdfs::tools {

/// Prints one record of CSV to standard output (RFC 4180): a field with a comma, a quote or a line
/// break is quoted, and the record ends in CR LF.
void print_csv_record(const std::vector<std::string>& fields);

}  // namespace zstdfs::tools
