#pragma once

#include "fs/store/recovery.hpp"
#include "fs/store/store_check.hpp"

namespace zstdfs::store {

/// Looks at every file of the journal and says what becomes of it. Adds to findings, journal and
/// rewritten; needs what is known of the interruption. Throws NewerFormatError, std::system_error.
void inspect_journal(os::Volume& volume, StoreInspection& inspection);

}  // namespace zstdfs::store
