#include "fs/fuse/open_file.hpp"

#include <cerrno>
#include <exception>
#include <string>
#include <utility>

#include "fs/fuse/system_error.hpp"
#include "fs/store/log.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {

OpenFile::OpenFile(store::Store& store, std::shared_ptr<store::StoredFile> file, Inode& inode,
                   store::ForWriting for_writing)
    : store_(store),
      file_(std::move(file)),
      inode_(inode),
      for_writing_(for_writing == store::ForWriting::kYes),
      told_lost_syncs_(file_->lost_syncs()) {}

OpenFile::~OpenFile() {
  try {
    store_.close_file(file_);
  } catch (const std::exception& error) {
    store::log(store::LogLevel::kError, std::string("closing a file: ") + error.what());
  }
}

void OpenFile::sync(os::SyncKind kind) {
  try {
    file_->sync(kind);
  } catch (...) {
    told_lost_syncs_ = file_->lost_syncs();
    throw;
  }
  const std::uint64_t lost = file_->lost_syncs();
  if (told_lost_syncs_.exchange(lost) != lost) throw_errno(EIO, "an earlier sync");
}

OpenFile* OpenFiles::keep(std::unique_ptr<OpenFile> file) {
  OpenFile* const address = file.get();
  MutexLock lock(mutex_);
  files_.emplace(address, std::move(file));
  return address;
}

std::unique_ptr<OpenFile> OpenFiles::take(OpenFile& file) {
  MutexLock lock(mutex_);
  const auto found = files_.find(&file);
  ZSTDFS_ASSERT(found != files_.end());
  std::unique_ptr<OpenFile> taken = std::move(found->second);
  files_.erase(found);
  return taken;
}

std::vector<const Inode*> OpenFiles::written() const {
  std::vector<const Inode*> inodes;
  MutexLock lock(mutex_);
  for (const auto& [file, owner] : files_) {
    if (file->for_writing()) inodes.push_back(&file->inode());
  }
  return inodes;
}

}  // namespace zstdfs::fuse
