#pragma once

#include <system_error>

namespace zstdfs::os {

/// EINVAL where a regular file was to be opened and something else was found: as an errno no other
/// than any EINVAL, but its message says this.
std::error_code not_regular();

}  // namespace zstdfs::os
