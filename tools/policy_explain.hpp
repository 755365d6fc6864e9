#pragma once

#include <string>
#include <vector>

namespace zstdfs::tools {

/// `zstdfs policy explain`: says for each file which rule or attribute decides each setting.
/// Returns the exit code.
int explain_policy(const std::vector<std::string>& paths, bool json);

}  // namespace zstdfs::tools
