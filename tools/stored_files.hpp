#pragma once

#include <functional>
#include <string>
#include <system_error>

#include "fs/os/file.hpp"

namespace zstdfs::tools {

/// Called by several threads, with paths below the store's root.
struct StoredFileVisitor {
  std::function<void(const std::string& path, os::File& file)> on_file;
  /// What could not be opened or listed.
  std::function<void(const std::string& path, const std::error_code& error)> failed;
};

/// Opens for reading every regular file of a store that lies at `below` in it, or below that (""
/// for all), and has several threads look at them: each file once, whatever names it has, and none
/// of the store's own. What is removed meanwhile is left out. Throws std::system_error.
void for_each_stored_file(const std::string& store, const std::string& below,
                          const StoredFileVisitor& visitor);

}  // namespace zstdfs::tools
