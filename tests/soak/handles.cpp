// Opening and closing, and choosing what to work on.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::size_t kMostHandles = 10;

std::string describe(int flags) {
  std::string out = (flags & O_ACCMODE) == O_RDONLY   ? "reading"
                    : (flags & O_ACCMODE) == O_WRONLY ? "writing"
                                                      : "both";
  if ((flags & O_APPEND) != 0) out += " O_APPEND";
  if ((flags & O_SYNC) == O_SYNC) out += " O_SYNC";
  if ((flags & O_SYNC) == O_DSYNC) out += " O_DSYNC";
  if ((flags & O_DIRECT) != 0) out += " O_DIRECT";
  if ((flags & O_TRUNC) != 0) out += " O_TRUNC";
  return out;
}

int random_flags(test::Random& random) {
  constexpr int kModes[] = {O_RDONLY, O_WRONLY, O_RDWR, O_RDWR, O_RDWR};
  int flags = kModes[random.below(5)];
  if (flags == O_RDONLY) return flags;
  if (random.chance(12)) flags |= O_APPEND;
  if (random.chance(5)) flags |= O_SYNC;
  if (random.chance(5)) flags |= O_DSYNC;
  if (random.chance(12)) flags |= O_DIRECT;
  if (random.chance(8)) flags |= O_TRUNC;
  return flags;
}

void open_with(WorkerState& worker, const std::string& name, int flags) {
  if (worker.handles.size() >= kMostHandles) close_handle(worker, worker.handles.front());
  const FilePtr file = worker.names.at(name).file;
  worker.calls.note("open " + name + " (file " + std::to_string(file->number) + ") " +
                    describe(flags));
  const std::string path = worker.path(name);
  const bool empties = (flags & O_TRUNC) != 0;
  mounttest::Fd fd;
  const auto open = [&]() -> long {
    fd = mounttest::Fd(::open(path.c_str(), flags | O_CLOEXEC));
    return fd.get();
  };
  if (empties) {
    change_content(worker, *file, path, Call::kOpen, file->content.truncating(0), open);
  } else {
    worker.calls.judge(Call::kOpen, open());
  }
  if (fd.valid()) worker.handles.push_back({std::move(fd), file, flags & ~O_TRUNC});
}

}  // namespace

bool Handle::readable() const {
  return (flags & O_ACCMODE) != O_WRONLY;
}

bool Handle::writable() const {
  return (flags & O_ACCMODE) != O_RDONLY;
}

Handle* pick_handle(WorkerState& worker, const std::function<bool(const Handle&)>& wanted) {
  std::vector<Handle*> fitting;
  for (Handle& handle : worker.handles) {
    if (wanted(handle)) fitting.push_back(&handle);
  }
  return fitting.empty() ? nullptr : fitting[worker.random.below(fitting.size())];
}

Handle* pick_writable(WorkerState& worker) {
  const auto fits = [](const Handle& handle) { return handle.writable() && !handle.has(O_APPEND); };
  Handle* handle = pick_handle(worker, fits);
  if (handle != nullptr) return handle;
  const auto name = pick_name(worker, Node::Kind::kFile);
  if (!name) return nullptr;
  open_with(worker, *name, O_RDWR);
  return &worker.handles.back();
}

void open_file(WorkerState& worker) {
  const auto name = pick_name(worker, Node::Kind::kFile);
  if (!name) return make_file(worker);
  open_with(worker, *name, random_flags(worker.random));
}

void close_some_handle(WorkerState& worker) {
  if (worker.handles.empty()) return;
  close_handle(worker, worker.handles[worker.random.below(worker.handles.size())]);
}

void close_handle(WorkerState& worker, Handle& handle) {
  worker.calls.note("close file " + std::to_string(handle.file->number));
  const auto position = std::find_if(worker.handles.begin(), worker.handles.end(),
                                     [&](const Handle& other) { return &other == &handle; });
  Handle closed = std::move(handle);
  worker.handles.erase(position);
  const int result = closed.fd.close();
  const Outcome outcome = worker.calls.judge(Call::kClose, result, Space::kMayLack);
  if (closed.writable() && outcome == Outcome::kDone) closed.file->content.promised();
}

void close_all(WorkerState& worker) {
  while (!worker.handles.empty()) close_handle(worker, worker.handles.back());
}

void sync_file(WorkerState& worker) {
  Handle* handle = pick_handle(worker, [](const Handle&) { return true; });
  if (handle == nullptr) return;
  const bool data_only = worker.random.chance(50);
  worker.calls.note((data_only ? "fdatasync file " : "fsync file ") +
                    std::to_string(handle->file->number));
  const int result = data_only ? ::fdatasync(handle->fd.get()) : ::fsync(handle->fd.get());
  const Outcome outcome =
      worker.calls.judge(data_only ? Call::kFdatasync : Call::kFsync, result, Space::kMayLack);
  if (outcome == Outcome::kDone) handle->file->content.promised();
}

std::vector<std::string> names_of(const WorkerState& worker, Node::Kind kind) {
  std::vector<std::string> found;
  for (const auto& [path, node] : worker.names) {
    if (node.kind == kind) found.push_back(path);
  }
  return found;
}

std::optional<std::string> pick_name(WorkerState& worker, Node::Kind kind) {
  const std::vector<std::string> found = names_of(worker, kind);
  if (found.empty()) return std::nullopt;
  return found[worker.random.below(found.size())];
}

std::uint64_t total_bytes(const WorkerState& worker) {
  std::set<const FileModel*> files;
  for (const auto& [path, node] : worker.names) {
    if (node.file) files.insert(node.file.get());
  }
  for (const Handle& handle : worker.handles) files.insert(handle.file.get());
  std::uint64_t bytes = 0;
  for (const FileModel* file : files) bytes += file->content.size();
  return bytes;
}

}  // namespace zstdfs::soak
