// Writing, in the ways that a program has, and changing sizes.

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::uint64_t kMostWorkerBytes = 40u << 20;
constexpr std::uint64_t kMostFileBytes = 3u << 20;
constexpr std::uint64_t kFarBytes = 12u << 20;
constexpr std::uint64_t kPage = 4096;
constexpr std::size_t kPipeBytes = 65536;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

/// Says what is done, for the history.
void note(WorkerState& worker, const std::string& what, const FileModel& file, std::uint64_t offset,
          std::uint64_t bytes) {
  worker.calls.note(what + " " + std::to_string(bytes) + " at " + std::to_string(offset) +
                    ", file " + std::to_string(file.number) + " of " +
                    std::to_string(file.content.size()));
}

long write_vector(int fd, const Bytes& bytes, std::uint64_t offset) {
  const std::size_t third = bytes.size() / 3;
  auto* data = const_cast<std::byte*>(bytes.data());
  const std::array<iovec, 3> parts = {iovec{data, third}, iovec{data + third, third},
                                      iovec{data + 2 * third, bytes.size() - 2 * third}};
  return ::pwritev(fd, parts.data(), static_cast<int>(parts.size()), static_cast<off_t>(offset));
}

long write_sendfile(int fd, const Bytes& bytes, std::uint64_t offset) {
  const mounttest::Fd memory(::memfd_create("soak", MFD_CLOEXEC));
  mounttest::write_all(memory.get(), bytes);
  if (::lseek(fd, static_cast<off_t>(offset), SEEK_SET) < 0) return -1;
  off_t from = 0;
  return ::sendfile(fd, memory.get(), &from, bytes.size());
}

/// Precondition: the bytes fit into a pipe.
long write_splice(int fd, const Bytes& bytes, std::uint64_t offset) {
  int ends[2];
  mounttest::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  const mounttest::Fd reader(ends[0]);
  const mounttest::Fd writer(ends[1]);
  mounttest::write_all(writer.get(), bytes);
  auto to = static_cast<loff_t>(offset);
  return ::splice(reader.get(), nullptr, fd, &to, bytes.size(), 0);
}

void write_direct(WorkerState& worker, Handle& handle, std::uint64_t offset, std::size_t length) {
  offset = offset / kPage * kPage;
  length = (length / kPage + 1) * kPage;
  const Bytes bytes = test::bytes_of_any_kind(length, worker.random);
  const std::unique_ptr<std::byte, Free> aligned(
      static_cast<std::byte*>(std::aligned_alloc(kPage, length)));
  std::copy(bytes.begin(), bytes.end(), aligned.get());
  note(worker, "write directly", *handle.file, offset, length);
  write_content(worker, handle, Call::kWriteDirect, offset, bytes, [&] {
    return ::pwrite(handle.fd.get(), aligned.get(), length, static_cast<off_t>(offset));
  });
}

void write_usual(WorkerState& worker, Handle& handle, std::uint64_t offset, std::size_t length,
                 Call call) {
  const bool splices = worker.random.chance(10);
  if (splices) length = std::min(length, kPipeBytes / 2);
  const Bytes bytes = test::bytes_of_any_kind(length, worker.random);
  const int fd = handle.fd.get();
  if (splices) {
    note(worker, "splice", *handle.file, offset, length);
    write_content(worker, handle, Call::kSplice, offset, bytes,
                  [&] { return write_splice(fd, bytes, offset); });
  } else if (worker.random.chance(10)) {
    note(worker, "sendfile", *handle.file, offset, length);
    write_content(worker, handle, Call::kSendfile, offset, bytes,
                  [&] { return write_sendfile(fd, bytes, offset); });
  } else if (worker.random.chance(15)) {
    note(worker, "pwritev", *handle.file, offset, length);
    write_content(worker, handle, Call::kWriteVector, offset, bytes,
                  [&] { return write_vector(fd, bytes, offset); });
  } else {
    note(worker, "write", *handle.file, offset, length);
    write_content(worker, handle, call, offset, bytes, [&] {
      return ::pwrite(fd, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
  }
}

void append(WorkerState& worker, Handle& handle) {
  const Bytes bytes = test::bytes_of_any_kind(random_length(worker), worker.random);
  const std::uint64_t offset = handle.file->content.size();
  note(worker, "append", *handle.file, offset, bytes.size());
  write_content(worker, handle, Call::kAppend, offset, bytes,
                [&] { return ::write(handle.fd.get(), bytes.data(), bytes.size()); });
}

/// Whether there is too much already; then something is made smaller.
bool made_room(WorkerState& worker) {
  if (total_bytes(worker) < kMostWorkerBytes) return false;
  if (worker.random.chance(50)) {
    truncate_file(worker);
  } else {
    remove_something(worker);
  }
  return true;
}

}  // namespace

void write_anywhere(WorkerState& worker) {
  if (made_room(worker)) return;
  Handle* handle =
      pick_handle(worker, [](const Handle& candidate) { return candidate.writable(); });
  if (handle == nullptr) handle = pick_writable(worker);
  if (handle == nullptr) return;
  const std::uint64_t size = handle->file->content.size();
  if (handle->has(O_APPEND)) {
    if (size < kMostFileBytes && !handle->has(O_DIRECT)) append(worker, *handle);
    return;
  }
  const bool far = worker.random.chance(2);
  std::uint64_t offset = far ? worker.random.below(kFarBytes) : random_offset(worker, size);
  if (!far && worker.random.chance(8)) offset = size + worker.random.below(300000);
  if (offset > kMostFileBytes && !far) offset = random_offset(worker, kMostFileBytes);
  const std::size_t length = random_length(worker);
  if (handle->has(O_DIRECT)) {
    write_direct(worker, *handle, offset, length);
    return;
  }
  const Call call = far ? Call::kSparse : handle->has(O_DSYNC) ? Call::kWriteSync : Call::kWrite;
  write_usual(worker, *handle, offset, length, call);
}

// As cp, tar and downloads do: from the end on, in pieces of one size.
void write_stream(WorkerState& worker) {
  if (made_room(worker)) return;
  Handle* handle = pick_writable(worker);
  if (handle == nullptr || handle->has(O_DIRECT)) return;
  const bool huge = worker.random.chance(6);
  const std::uint64_t until =
      handle->file->content.size() + worker.random.below(huge ? 20u << 20 : 3u << 20);
  const std::size_t piece = kPage << worker.random.below(9);
  const bool is_random = worker.random.chance(40);
  while (handle->file->content.size() < until) {
    const std::uint64_t offset = handle->file->content.size();
    const Bytes bytes = is_random ? test::random_bytes(piece, worker.random.next())
                                  : test::bytes_of_any_kind(piece, worker.random);
    note(worker, "stream", *handle->file, offset, piece);
    const bool whole = write_content(worker, *handle, Call::kWrite, offset, bytes, [&] {
      return ::pwrite(handle->fd.get(), bytes.data(), bytes.size(), static_cast<off_t>(offset));
    });
    if (!whole) return;
  }
}

void truncate_file(WorkerState& worker) {
  if (worker.random.chance(30)) {
    const auto name = pick_name(worker, Node::Kind::kFile);
    if (!name) return;
    FileModel& file = *worker.names.at(*name).file;
    const std::uint64_t size = random_offset(worker, file.content.size());
    const std::string path = worker.path(*name);
    note(worker, "truncate", file, size, 0);
    const auto made = [&] { return ::truncate(path.c_str(), static_cast<off_t>(size)); };
    change_content(worker, file, path, Call::kTruncate, file.content.truncating(size), made);
    return;
  }
  Handle* handle = pick_writable(worker);
  if (handle == nullptr) return;
  FileModel& file = *handle->file;
  const std::uint64_t size =
      random_offset(worker, worker.random.chance(70) ? file.content.size() : kMostFileBytes);
  note(worker, "ftruncate", file, size, 0);
  change_content(worker, file, handle->path(), Call::kTruncate, file.content.truncating(size),
                 [&] { return ::ftruncate(handle->fd.get(), static_cast<off_t>(size)); });
}

void allocate_range(WorkerState& worker) {
  Handle* handle = pick_writable(worker);
  if (handle == nullptr) return;
  FileModel& file = *handle->file;
  const ByteRange range{random_offset(worker, std::min(file.content.size(), kMostFileBytes)),
                        random_length(worker)};
  const std::uint64_t grown = std::max<std::uint64_t>(file.content.size(), range.end());
  const bool keeps_size = worker.random.chance(50);
  int mode = keeps_size ? FALLOC_FL_KEEP_SIZE : 0;
  Call call = Call::kAllocate;
  Change change = file.content.truncating(keeps_size ? file.content.size() : grown);
  const std::uint64_t kind = worker.random.below(3);
  if (kind == 0) {
    call = Call::kPunch;
    mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    change = file.content.zeroing(range, /*grows=*/false);
  } else if (kind == 1) {
    call = Call::kZero;
    mode |= FALLOC_FL_ZERO_RANGE;
    change = file.content.zeroing(range, !keeps_size);
  }
  note(worker, name_of(call) + std::string(keeps_size ? ", keeping the size," : ""), file,
       range.offset, range.bytes);
  change_content(worker, file, handle->path(), call, std::move(change), [&] {
    return ::fallocate(handle->fd.get(), mode, static_cast<off_t>(range.offset),
                       static_cast<off_t>(range.bytes));
  });
}

void copy_range(WorkerState& worker) {
  if (made_room(worker)) return;
  Handle* to = pick_writable(worker);
  if (to == nullptr) return;
  const Handle* from = pick_handle(worker, [&](const Handle& handle) {
    return handle.readable() && handle.file != to->file && handle.file->content.size() > 0;
  });
  if (from == nullptr) return;
  const Bytes& source = from->file->content.visible();
  const std::uint64_t begin = worker.random.below(source.size());
  const std::size_t length = std::min<std::size_t>(random_length(worker), source.size() - begin);
  const std::uint64_t offset =
      random_offset(worker, std::min(to->file->content.size(), kMostFileBytes));
  const Bytes bytes(source.begin() + static_cast<std::ptrdiff_t>(begin),
                    source.begin() + static_cast<std::ptrdiff_t>(begin + length));
  note(worker, "copy from file " + std::to_string(from->file->number), *to->file, offset, length);
  write_content(worker, *to, Call::kCopyRange, offset, bytes, [&] {
    auto source_offset = static_cast<loff_t>(begin);
    auto target_offset = static_cast<loff_t>(offset);
    return ::copy_file_range(from->fd.get(), &source_offset, to->fd.get(), &target_offset, length,
                             0);
  });
}

}  // namespace zstdfs::soak
