#pragma once

#include <iostream>
#include <nlohmann/json_fwd.hpp>

namespace zstdfs::tools {

/// Prints to standard output, or where else the result does not go. Bytes of file names that are
/// not UTF-8 become U+FFFD, because JSON cannot hold them.
void print_json(const nlohmann::ordered_json& value, std::ostream& out = std::cout);

}  // namespace zstdfs::tools
