#pragma once

#include <sys/stat.h>

namespace zstdfs::tools {

bool same_time(const timespec& a, const timespec& b);

/// Whether two statuses are of the same object.
bool same_object(const struct stat& a, const struct stat& b);

/// Whether two statuses are of the same file with the same content, as far as they tell.
bool same_version(const struct stat& a, const struct stat& b);

}  // namespace zstdfs::tools
