// Reading and looking: what is seen is exactly what was written, closed or not.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kPipeBytes = 65536;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

void expect(FileModel& file, const char* how, std::uint64_t offset, Bytes found,
            std::uint64_t asked) {
  const std::uint64_t size = file.content.size();
  const std::uint64_t there = offset < size ? std::min(asked, size - offset) : 0;
  std::string wrong = file.content.different(offset, found);
  if (wrong.empty() && found.size() != there) {
    wrong = "at offset " + std::to_string(offset) + " got " + std::to_string(found.size()) +
            " bytes, expected " + std::to_string(there);
  }
  if (wrong.empty()) return;
  throw Violation("file " + std::to_string(file.number) + ", " + how + ": " + wrong,
                  std::move(found), file.content.visible());
}

/// Reads until the end or an error; `read` gives how much came to the given place.
template <typename Read>
Bytes gather(WorkerState& worker, Call call, std::size_t bytes, Read&& read) {
  Bytes found(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const long got = read(found.data() + done, bytes - done, done);
    worker.calls.judge(call, got);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  found.resize(done);
  return found;
}

Bytes read_usual(WorkerState& worker, int fd, std::uint64_t offset, std::size_t bytes) {
  return gather(worker, Call::kRead, bytes, [&](std::byte* to, std::size_t n, std::size_t done) {
    return ::pread(fd, to, n, static_cast<off_t>(offset + done));
  });
}

/// The offset and the length are whole pages. Stops at the first call that gives less than a page.
Bytes read_direct(WorkerState& worker, int fd, std::uint64_t offset, std::size_t bytes) {
  const std::unique_ptr<std::byte, Free> aligned(
      static_cast<std::byte*>(std::aligned_alloc(kPage, bytes)));
  std::size_t done = 0;
  while (done < bytes) {
    const long got =
        ::pread(fd, aligned.get() + done, bytes - done, static_cast<off_t>(offset + done));
    worker.calls.judge(Call::kReadDirect, got);
    done += static_cast<std::size_t>(got);
    if (got == 0 || done % kPage != 0) break;
  }
  return {aligned.get(), aligned.get() + done};
}

Bytes read_by_pipe(WorkerState& worker, int fd, std::uint64_t offset, std::size_t bytes) {
  int ends[2];
  mounttest::check(::pipe2(ends, O_CLOEXEC), "pipe2");
  const mounttest::Fd reader(ends[0]);
  const mounttest::Fd writer(ends[1]);
  return gather(
      worker, Call::kReadPipe, bytes, [&](std::byte* to, std::size_t n, std::size_t done) -> long {
        auto from = static_cast<loff_t>(offset + done);
        const long moved =
            ::splice(fd, &from, writer.get(), nullptr, std::min(n, kPipeBytes / 2), 0);
        return moved <= 0 ? moved : ::read(reader.get(), to, static_cast<std::size_t>(moved));
      });
}

Bytes read_by_sendfile(WorkerState& worker, int fd, std::uint64_t offset, std::size_t bytes) {
  const mounttest::Fd memory(::memfd_create("soak", MFD_CLOEXEC));
  return gather(worker, Call::kReadPipe, bytes,
                [&](std::byte* to, std::size_t n, std::size_t done) -> long {
                  auto from = static_cast<off_t>(offset + done);
                  const long moved = ::sendfile(memory.get(), fd, &from, n);
                  return moved <= 0 ? moved
                                    : ::pread(memory.get(), to, static_cast<std::size_t>(moved),
                                              static_cast<off_t>(done));
                });
}

}  // namespace

void read_range(WorkerState& worker) {
  const Handle* handle =
      pick_handle(worker, [](const Handle& candidate) { return candidate.readable(); });
  if (handle == nullptr) return;
  FileModel& file = *handle->file;
  const std::uint64_t offset = random_offset(worker, file.content.size());
  const std::size_t bytes = random_length(worker);
  const int fd = handle->fd.get();
  worker.calls.note("read " + std::to_string(bytes) + " at " + std::to_string(offset) + ", file " +
                    std::to_string(file.number));
  if (handle->has(O_DIRECT)) {
    const std::uint64_t begin = offset / kPage * kPage;
    const std::size_t pages = (bytes / kPage + 1) * kPage;
    expect(file, "read directly", begin, read_direct(worker, fd, begin, pages), pages);
  } else if (worker.random.chance(15)) {
    expect(file, "read by splice", offset, read_by_pipe(worker, fd, offset, bytes), bytes);
  } else if (worker.random.chance(15)) {
    expect(file, "read by sendfile", offset, read_by_sendfile(worker, fd, offset, bytes), bytes);
  } else {
    expect(file, "read", offset, read_usual(worker, fd, offset, bytes), bytes);
  }
}

Bytes read_whole(WorkerState& worker, const std::string& path, ReadingWay way) {
  const int flags = way == ReadingWay::kDirect ? O_DIRECT : 0;
  const mounttest::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | flags));
  worker.calls.judge(Call::kOpen, fd.get());
  struct stat status {};
  worker.calls.judge(Call::kStat, ::fstat(fd.get(), &status));
  const auto size = static_cast<std::size_t>(status.st_size);
  // Some more is asked for, so that the end is where it is said to be.
  if (way == ReadingWay::kUsual) return read_usual(worker, fd.get(), 0, size + kPage);
  if (way == ReadingWay::kDirect) {
    return read_direct(worker, fd.get(), 0, (size / kPage + 2) * kPage);
  }
  Bytes found(size);
  if (size == 0) return found;
  void* at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  worker.calls.judge(Call::kReadMap, at == MAP_FAILED ? -1 : 0);
  const bool copied = copy_guarded(found.data(), static_cast<const std::byte*>(at), size);
  ::munmap(at, size);
  if (!copied) worker.calls.failed(Call::kReadMap, "SIGBUS");
  return found;
}

// Where the filesystem says that there is a hole, there are zeros.
void seek_ends(WorkerState& worker) {
  const Handle* handle =
      pick_handle(worker, [](const Handle& candidate) { return candidate.readable(); });
  if (handle == nullptr || handle->file->content.size() == 0) return;
  const Bytes& content = handle->file->content.visible();
  const std::uint64_t from = worker.random.below(content.size());
  worker.calls.note("seek data and hole from " + std::to_string(from) + ", file " +
                    std::to_string(handle->file->number));
  off_t data = ::lseek(handle->fd.get(), static_cast<off_t>(from), SEEK_DATA);
  if (data < 0 && errno == ENXIO) data = static_cast<off_t>(content.size());
  worker.calls.judge(Call::kSeek, data);
  const off_t hole = ::lseek(handle->fd.get(), static_cast<off_t>(from), SEEK_HOLE);
  worker.calls.judge(Call::kSeek, hole);
  const auto end = static_cast<std::uint64_t>(data);
  const bool in_order = end >= from && end <= content.size() && hole >= static_cast<off_t>(from) &&
                        hole <= static_cast<off_t>(content.size());
  const auto begin = content.begin() + static_cast<std::ptrdiff_t>(from);
  const bool zeros = in_order && std::all_of(begin, begin + static_cast<std::ptrdiff_t>(end - from),
                                             [](std::byte byte) { return byte == std::byte{0}; });
  if (zeros) return;
  throw Violation("file " + std::to_string(handle->file->number) + " of " +
                  std::to_string(content.size()) + ": SEEK_DATA from " + std::to_string(from) +
                  " gives " + std::to_string(data) + ", SEEK_HOLE " + std::to_string(hole));
}

void look_at_attributes(WorkerState& worker) {
  struct stat status {};
  if (!worker.handles.empty() && worker.random.chance(50)) {
    const Handle& handle = worker.handles[worker.random.below(worker.handles.size())];
    worker.calls.note("fstat file " + std::to_string(handle.file->number));
    worker.calls.judge(Call::kStat, ::fstat(handle.fd.get(), &status));
    check_attributes(worker, *handle.file, status);
    return;
  }
  const auto name = pick_name(worker, Node::Kind::kFile);
  if (!name) return;
  worker.calls.note("stat " + *name);
  worker.calls.judge(Call::kStat, ::lstat(worker.path(*name).c_str(), &status));
  check_attributes(worker, *worker.names.at(*name).file, status);
}

}  // namespace zstdfs::soak
