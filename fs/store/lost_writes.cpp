#include "fs/store/lost_writes.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <system_error>

#include "fs/os/sync.hpp"
#include "fs/store/log.hpp"
#include "fs/store/recovery.hpp"
#include "fs/store/store_errors.hpp"
#include "zstdfs/container.hpp"
#include "zstdfs/container_header.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

std::uint64_t vouched_bytes(const os::File& file) {
  Bytes head(kContainerHeaderBytes);
  head.resize(file.read_at(0, head));
  try {
    const auto header = decode_container_header(head);
    return header ? std::min(header->durable_bytes, file.size()) : 0;
  } catch (const NewerFormatError&) {
    return 0;
  }
}

/// Also where the file's own error does not come: it may have been told already, to a daemon that
/// could not go on then.
void write_again(os::File& file, const std::string& path, std::uint64_t vouched) {
  try {
    file.sync(os::SyncKind::kData);
  } catch (const std::system_error& error) {
    log(LogLevel::kWarning, path + ": not all of it reached the disk: " + error.code().message());
  }
  const timespec modified = file.stat().st_mtim;
  file.keep_privileges([&] {
    os::write_again(file, {vouched, file.size() - vouched});
    if (vouched > 0) os::write_again(file, {0, kContainerHeaderBytes});
  });
  file.set_modification_time(modified);
}

/// Throws std::system_error where that cannot be done.
void write_again_what_was_lost(os::Volume& volume, Journal& journal,
                               const Interruption& interruption) {
  std::optional<std::system_error> failure;
  for_each_file(volume, [&](const std::string& path, const struct stat& status) {
    if (!may_have_changed(status, interruption)) return;
    const auto file = volume.open(path, os::OpenMode::kReadWrite);
    if (!file || !is_container(*file)) return;
    try {
      write_again(*file, path, vouched_bytes(*file));
    } catch (const std::system_error& error) {
      failure = error;
      throw;
    }
  });
  if (failure) throw *failure;
  for (const std::string& name : journal.list()) {
    const auto file = journal.open(name, os::OpenMode::kReadWrite);
    if (file) write_again(*file, "journal/" + name, 0);
  }
}

}  // namespace

void sync_what_was_left(os::Volume& volume, Journal& journal, const Interruption& interruption) {
  try {
    volume.sync_filesystem();
    return;
  } catch (const std::system_error& error) {
    log(LogLevel::kError,
        std::string("the disk did not take all that was written before the interruption: ") +
            error.code().message() + "; it is written again");
  }
  try {
    write_again_what_was_lost(volume, journal, interruption);
    volume.sync_filesystem();
  } catch (const std::system_error& error) {
    // So that it is still on its way to the disk when the next mount asks.
    try {
      write_again_what_was_lost(volume, journal, interruption);
    } catch (const std::system_error&) {
      // It has been said.
    }
    throw StoreError("what was written before the interruption does not reach the disk: " +
                     error.code().message() +
                     "; see that the disk works and has room, and mount again");
  }
}

}  // namespace zstdfs::store
