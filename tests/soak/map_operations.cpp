// Mapped memory: whoever touches it when the daemon is gone gets SIGBUS.

#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::uint64_t kPage = 4096;

sigjmp_buf bus_return;
volatile sig_atomic_t bus_expected = 0;

void on_bus(int signal) {
  if (bus_expected == 0) {
    ::signal(signal, SIG_DFL);
    ::raise(signal);
    return;
  }
  siglongjmp(bus_return, 1);
}

/// The pages that a range lies in.
class Mapping {
 public:
  Mapping(int fd, ByteRange range, int protection, int flags)
      : begin_(range.offset / kPage * kPage),
        bytes_(static_cast<std::size_t>(range.end() - begin_)),
        at_(::mmap(nullptr, bytes_, protection, flags, fd, static_cast<off_t>(begin_))) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { unmap(); }

  bool valid() const { return at_ != MAP_FAILED; }
  std::byte* at(std::uint64_t offset) const {
    return static_cast<std::byte*>(at_) + (offset - begin_);
  }
  int sync() const { return ::msync(at_, bytes_, MS_SYNC); }
  void unmap() {
    if (valid()) ::munmap(at_, bytes_);
    at_ = MAP_FAILED;
  }

 private:
  std::uint64_t begin_;
  std::size_t bytes_;
  void* at_;
};

/// A range within the file, which is not empty.
ByteRange random_range(WorkerState& worker, const FileModel& file) {
  const std::uint64_t size = file.content.size();
  const std::uint64_t offset = std::min(random_offset(worker, size), size - 1);
  return {offset, std::min<std::uint64_t>(random_length(worker), size - offset)};
}

}  // namespace

void install_bus_guard() {
  struct sigaction action {};
  action.sa_handler = on_bus;
  action.sa_flags = SA_NODEFER;
  mounttest::check(::sigaction(SIGBUS, &action, nullptr), "sigaction");
}

bool copy_guarded(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (sigsetjmp(bus_return, 1) != 0) {
    bus_expected = 0;
    return false;
  }
  bus_expected = 1;
  std::memcpy(to, from, bytes);
  bus_expected = 0;
  return true;
}

void write_by_map(WorkerState& worker) {
  Handle* handle = pick_handle(worker, [](const Handle& candidate) {
    return candidate.readable() && candidate.writable() && candidate.file->content.size() > 0;
  });
  if (handle == nullptr) return;
  const FilePtr file = handle->file;
  const ByteRange range = random_range(worker, *file);
  const Bytes bytes = test::bytes_of_any_kind(static_cast<std::size_t>(range.bytes), worker.random);
  // All three store what is in the mapping; closing a duplicate is a close like any other.
  constexpr std::array<const char*, 3> kEndings = {"msync", "fsync", "close"};
  const std::size_t ending = worker.random.below(kEndings.size());
  worker.calls.note("write by mmap " + std::to_string(range.bytes) + " at " +
                    std::to_string(range.offset) + ", file " + std::to_string(file->number) +
                    ", then " + kEndings[ending]);
  Mapping mapping(handle->fd.get(), range, PROT_READ | PROT_WRITE, MAP_SHARED);
  if (!mapping.valid()) {
    worker.calls.judge(Call::kMapWrite, -1);
    return;
  }
  file->modified.reset();
  file->content.intend(file->content.writing(range.offset, bytes));
  if (!copy_guarded(mapping.at(range.offset), bytes.data(), bytes.size())) {
    worker.calls.failed(Call::kMapWrite, "SIGBUS");
  }
  int result = 0;
  if (ending == 0) {
    result = mapping.sync();
  } else {
    mapping.unmap();
    result = ending == 1 ? ::fsync(handle->fd.get()) : ::close(::dup(handle->fd.get()));
  }
  if (worker.calls.judge(Call::kMapWrite, result, Space::kMayLack) == Outcome::kDone) {
    file->content.done();
    file->content.promised();
  } else {
    mapping.unmap();
    file->content.doubt();
    look_again(worker, *file, handle->path());
  }
}

void read_by_map(WorkerState& worker) {
  const Handle* handle = pick_handle(worker, [](const Handle& candidate) {
    return candidate.readable() && candidate.file->content.size() > 0;
  });
  if (handle == nullptr) return;
  const ByteRange range = random_range(worker, *handle->file);
  worker.calls.note("read by mmap " + std::to_string(range.bytes) + " at " +
                    std::to_string(range.offset) + ", file " +
                    std::to_string(handle->file->number));
  const Mapping mapping(handle->fd.get(), range, PROT_READ,
                        worker.random.chance(50) ? MAP_SHARED : MAP_PRIVATE);
  worker.calls.judge(Call::kReadMap, mapping.valid() ? 0 : -1);
  Bytes found(static_cast<std::size_t>(range.bytes));
  if (!copy_guarded(found.data(), mapping.at(range.offset), found.size())) {
    worker.calls.failed(Call::kReadMap, "SIGBUS");
  }
  const std::string wrong = handle->file->content.different(range.offset, found);
  if (!wrong.empty()) {
    throw Violation("file " + std::to_string(handle->file->number) + ", read by mmap: " + wrong,
                    std::move(found), handle->file->content.visible());
  }
}

}  // namespace zstdfs::soak
