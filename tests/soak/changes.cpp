// Changes of content, as the model and the file go through them together.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

// A file that remembers more than this is synced, so that models stay small.
constexpr std::uint64_t kMostRememberedBytes = 32u << 20;
constexpr std::uint64_t kChunk = 131072;
constexpr std::uint64_t kPage = 4096;

void bound_memory(WorkerState& worker, FileModel& file) {
  if (file.content.remembered_bytes() < kMostRememberedBytes) return;
  for (Handle& handle : worker.handles) {
    if (handle.file.get() != &file) continue;
    worker.calls.note("fsync file " + std::to_string(file.number));
    if (worker.calls.judge(Call::kFsync, ::fsync(handle.fd.get()), Space::kMayLack) ==
        Outcome::kDone) {
      file.content.promised();
    }
    return;
  }
}

}  // namespace

void change_content(WorkerState& worker, FileModel& file, const std::string& path, Call call,
                    Change change, const std::function<long()>& made) {
  file.modified.reset();
  file.content.intend(std::move(change));
  const Outcome outcome = worker.calls.judge(call, made(), Space::kMayLack);
  if (outcome == Outcome::kDone) {
    file.content.done();
  } else {
    file.content.doubt();
    look_again(worker, file, path);
  }
  bound_memory(worker, file);
}

bool write_content(WorkerState& worker, Handle& handle, Call call, std::uint64_t offset,
                   const Bytes& bytes, const std::function<long()>& made) {
  FileModel& file = *handle.file;
  ContentModel& content = file.content;
  file.modified.reset();
  content.intend(content.writing(offset, bytes));
  const long result = made();
  const Outcome outcome = worker.calls.judge(call, result, Space::kMayLack);
  const auto wrote = static_cast<std::size_t>(std::max(result, 0L));
  const bool whole = outcome == Outcome::kDone && wrote == bytes.size();
  if (whole) {
    content.done();
    // The kernel does not sync what the filesystem copies by itself.
    if (handle.has(O_DSYNC) && call != Call::kCopyRange) content.promised();
  } else {
    // What was written counts; of the rest nobody knows.
    if (wrote > 0) {
      content.intend(content.writing(offset, ByteSpan(bytes).first(wrote)));
      content.done();
      worker.calls.note("  only " + std::to_string(wrote) + " bytes");
    }
    content.intend(content.writing(offset + wrote, ByteSpan(bytes).subspan(wrote)));
    content.doubt();
    look_again(worker, file, handle.path());
  }
  bound_memory(worker, file);
  return whole;
}

void look_again(WorkerState& worker, FileModel& file, const std::string& path) {
  {
    // A page that was mapped and could not be written stays in the cache as if it had been.
    const mounttest::Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    worker.calls.judge(Call::kOpen, fd.get());
    ::posix_fadvise(fd.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
  Bytes found = read_whole(worker, path, ReadingWay::kDirect);
  const std::string wrong = file.content.impossible(found);
  if (!wrong.empty()) {
    throw Violation(
        "file " + std::to_string(file.number) + ", after a change that failed: " + wrong,
        std::move(found), file.content.visible());
  }
  file.content.adopt(std::move(found));
}

std::uint64_t random_offset(WorkerState& worker, std::uint64_t limit) {
  const std::uint64_t any = worker.random.below(limit + 1);
  // Borders of pages and chunks are where mistakes live.
  if (worker.random.chance(25)) return any / kChunk * kChunk;
  if (worker.random.chance(25)) return any / kPage * kPage;
  if (worker.random.chance(15)) return limit;
  return any;
}

std::size_t random_length(WorkerState& worker) {
  switch (worker.random.below(6)) {
    case 0:
      return 1 + worker.random.below(20);
    case 1:
      return 1 + worker.random.below(5000);
    case 2:
      return kPage * (1 + worker.random.below(8));
    case 3:
      return 1 + worker.random.below(140000);
    case 4:
      return kChunk * (1 + worker.random.below(4));
    default:
      return 1 + worker.random.below(400000);
  }
}

}  // namespace zstdfs::soak
