#pragma once

#include <functional>
#include <string>
#include <system_error>

#include "fs/os/posix.hpp"

namespace zstdfs::tools {

/// Called by several threads, with paths below the store's root.
struct StoredFileVisitor {
  /// The descriptor is open for reading. An error of the system that it throws goes to `failed`.
  std::function<void(const std::string& path, os::UniqueFd fd)> on_file;
  /// What could not be opened, listed or looked at.
  std::function<void(const std::string& path, const std::error_code& error)> failed;
};

/// Opens every regular file of a store that lies at `below` in it, or below that ("" for all), and
/// has several threads look at them: each file once, whatever names it has, and none of the store's
/// own. No link is followed, and what is removed meanwhile is left out. Throws std::system_error
/// where there is nothing at `below`.
void for_each_stored_file(const std::string& store, const std::string& below,
                          const StoredFileVisitor& visitor);

}  // namespace zstdfs::tools
