#pragma once

#include "fs/os/volume.hpp"
#include "fs/store/journal.hpp"
#include "fs/store/store_directory.hpp"

namespace zstdfs::store {

/// Brings to the disk what an interrupted daemon had left with the kernel, before recovery builds
/// on it.
///
/// Nobody may have asked since whether it got there. Linux keeps the error of a write that failed
/// in the background for whoever syncs next, once, and takes the pages for written. So when the
/// first sync fails, the containers and journals that it concerns are written again, from what the
/// kernel still has, and synced again. (Raw files promise what the lower filesystem promises; the
/// error stays for a program that syncs one.) What recovery finds afterwards is of its own making.
///
/// Throws StoreError when the second sync fails too. Then the disk has less than the kernel; the
/// next attempt begins anew.
void sync_what_was_left(os::Volume& volume, Journal& journal, const Interruption& interruption);

}  // namespace zstdfs::store
