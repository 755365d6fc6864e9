#pragma once

#include <map>
#include <string>
#include <string_view>

namespace zstdfs::os {

/// Extended attributes: name to value.
using Attributes = std::map<std::string, std::string>;

/// Those attributes of what the descriptor (which may be an O_PATH one) stands for whose names
/// begin with `prefix`; none where the filesystem has no attributes. Throws std::system_error.
Attributes read_attributes(int fd, std::string_view prefix);
/// The same for a descriptor of a file that is open.
Attributes read_attributes_of_open(int fd, std::string_view prefix);

}  // namespace zstdfs::os
