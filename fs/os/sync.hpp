#pragma once

#include <initializer_list>

#include "fs/os/file.hpp"

namespace zstdfs::os {

/// As file.sync(); but should it fail, the content of `unsynced`, where changes since the last sync
/// lie, is written once more, so that a later sync that succeeds has brought it to the disk.
/// Without that it would not: after an error Linux takes the pages for written. Throws the sync's
/// error.
void sync_or_write_again(File& file, SyncKind kind, std::initializer_list<ByteRange> unsynced);

}  // namespace zstdfs::os
