#include "fs/fuse/directory_streams.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "fs/fuse/system_error.hpp"

namespace zstdfs::fuse {
namespace {

constexpr std::size_t kMostStreams = 64;

os::UniqueFd open_again(const os::UniqueFd& directory, DirectoryStream::AccessTime access_time) {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  const bool stays = access_time == DirectoryStream::AccessTime::kStays;
  os::UniqueFd fd(::openat(directory.get(), ".", kFlags | (stays ? O_NOATIME : 0)));
  if (!fd && stays && errno == EPERM) fd.reset(::openat(directory.get(), ".", kFlags));
  if (!fd) throw_errno(errno, "openat");
  return fd;
}

}  // namespace

DirectoryStream::DirectoryStream(fuse_ino_t number, const os::UniqueFd& directory,
                                 os::DescriptorPool& pool, AccessTime access_time)
    : number_(number),
      fd_(open_again(directory, access_time)),
      buffer_(std::make_unique<Buffer>()) {
  pool.make_room(fd_.get());
}

void DirectoryStream::seek(off_t offset) {
  if (offset == next_offset_) return;
  check_call(::lseek(fd_.get(), offset, SEEK_SET), "lseek in a directory");
  begin_ = end_ = 0;
  next_offset_ = offset;
}

const dirent64* DirectoryStream::peek() {
  if (begin_ == end_) {
    const ssize_t bytes =
        check_call(::getdents64(fd_.get(), buffer_->data(), buffer_->size()), "getdents64");
    begin_ = 0;
    end_ = static_cast<std::size_t>(bytes);
    if (end_ == 0) return nullptr;
  }
  return reinterpret_cast<const dirent64*>(buffer_->data() + begin_);
}

void DirectoryStream::advance(const dirent64& entry) {
  begin_ += entry.d_reclen;
  next_offset_ = entry.d_off;
}

std::unique_ptr<DirectoryStream> DirectoryStreams::take(fuse_ino_t number, off_t offset) {
  if (kept_ == 0) return nullptr;
  MutexLock lock(mutex_);
  const auto found = std::ranges::find_if(streams_, [&](const auto& stream) {
    return stream->number() == number && stream->offset() == offset;
  });
  if (found == streams_.end()) return nullptr;
  std::unique_ptr<DirectoryStream> stream = std::move(*found);
  streams_.erase(found);
  kept_ = streams_.size();
  return stream;
}

void DirectoryStreams::keep(std::unique_ptr<DirectoryStream> stream) {
  MutexLock lock(mutex_);
  if (streams_.size() == kMostStreams) streams_.erase(streams_.begin());
  streams_.push_back(std::move(stream));
  kept_ = streams_.size();
}

void DirectoryStreams::drop(fuse_ino_t number) {
  if (kept_ == 0) return;
  MutexLock lock(mutex_);
  std::erase_if(streams_, [&](const auto& stream) { return stream->number() == number; });
  kept_ = streams_.size();
}

}  // namespace zstdfs::fuse
