// Everything that a worker has, compared with what was promised.

#include <sys/stat.h>
#include <sys/xattr.h>

#include <array>
#include <set>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::size_t kMostNameListBytes = 4096;
constexpr std::size_t kMostValueBytes = 4096;

std::string in_words(const FileAttributes& attributes) {
  std::string out = "mode " + std::to_string(attributes.mode) + " owner " +
                    std::to_string(attributes.user) + ":" + std::to_string(attributes.group);
  for (const auto& [name, value] : attributes.extended) {
    out += " " + name + "(" + std::to_string(value.size()) + " bytes)";
  }
  return out;
}

std::map<std::string, std::string> read_extended(WorkerState& worker, const std::string& path) {
  std::string names(kMostNameListBytes, '\0');
  const long length = ::listxattr(path.c_str(), names.data(), names.size());
  worker.calls.judge(Call::kStat, length);
  names.resize(static_cast<std::size_t>(length));
  std::map<std::string, std::string> found;
  for (std::size_t at = 0; at < names.size(); at = names.find('\0', at) + 1) {
    const std::string name = names.c_str() + at;
    if (!name.starts_with("user.x")) continue;
    std::string value(kMostValueBytes, '\0');
    const long bytes = ::getxattr(path.c_str(), name.c_str(), value.data(), value.size());
    worker.calls.judge(Call::kStat, bytes);
    value.resize(static_cast<std::size_t>(bytes));
    found.emplace(name, value);
  }
  return found;
}

/// The names are those before or after the call that was under way.
void check_names(WorkerState& worker) {
  const FoundNames found = find_names(worker.root);
  const std::string wrong = different(worker.names, found);
  if (!wrong.empty()) {
    if (!worker.maybe_names) throw Violation("the names: " + wrong);
    const std::string wrong_too = different(*worker.maybe_names, found);
    if (!wrong_too.empty()) {
      throw Violation("the names: neither before the last call (" + wrong + ") nor after it (" +
                      wrong_too + ")");
    }
    worker.names = std::move(*worker.maybe_names);
  }
  worker.maybe_names.reset();
  for (auto& [path, node] : worker.names) {
    if (node.file) node.file->inode = found.at(path).inode;
  }
}

void check_all_attributes(WorkerState& worker, FileModel& file, const std::string& path) {
  struct stat status {};
  worker.calls.judge(Call::kStat, ::lstat(path.c_str(), &status));
  const FileAttributes found{status.st_mode & 07777, status.st_uid, status.st_gid,
                             read_extended(worker, path)};
  if (file.maybe && found == *file.maybe) file.attributes = *file.maybe;
  file.maybe.reset();
  if (found != file.attributes) {
    throw Violation("file " + std::to_string(file.number) + " has " + in_words(found) +
                    ", expected " + in_words(file.attributes));
  }
  check_attributes(worker, file, status);
}

void check_file(WorkerState& worker, FileModel& file, const std::string& path) {
  worker.calls.note("check " + path + " (file " + std::to_string(file.number) + ")");
  constexpr std::array<ReadingWay, 3> kWays = {ReadingWay::kUsual, ReadingWay::kDirect,
                                               ReadingWay::kMap};
  const std::size_t first = worker.random.below(kWays.size());
  Bytes found = read_whole(worker, path, kWays[first]);
  std::string wrong = file.content.impossible(found);
  if (!wrong.empty()) {
    throw Violation("file " + std::to_string(file.number) + " (" + path + "): " + wrong,
                    std::move(found), file.content.visible());
  }
  file.content.adopt(std::move(found));
  file.content.promised();
  Bytes again = read_whole(worker, path, kWays[(first + 1) % kWays.size()]);
  wrong = file.content.different(0, again);
  if (wrong.empty() && again.size() == file.content.size()) return;
  throw Violation("file " + std::to_string(file.number) + " (" + path +
                      ") reads differently in another way: " + wrong,
                  std::move(again), file.content.visible());
}

}  // namespace

void check_attributes(WorkerState& worker, FileModel& file, const struct stat& status) {
  const auto expect = [&](const char* what, std::uint64_t found, std::uint64_t wanted) {
    if (found == wanted) return;
    throw Violation("file " + std::to_string(file.number) + ": " + what + " is " +
                    std::to_string(found) + ", expected " + std::to_string(wanted));
  };
  expect("the inode", status.st_ino, file.inode);
  expect("the size", static_cast<std::uint64_t>(status.st_size), file.content.size());
  expect("the number of links", status.st_nlink, count_links(worker.names, file));
  expect("the mode", status.st_mode & 07777, file.attributes.mode);
  expect("the owner", status.st_uid, file.attributes.user);
  expect("the group", status.st_gid, file.attributes.group);
  if (!file.modified) return;
  expect("the modification time", static_cast<std::uint64_t>(status.st_mtim.tv_sec),
         static_cast<std::uint64_t>(file.modified->tv_sec));
  expect("the modification time's fraction", static_cast<std::uint64_t>(status.st_mtim.tv_nsec),
         static_cast<std::uint64_t>(file.modified->tv_nsec));
}

void check_everything(WorkerState& worker) {
  worker.calls.note("check everything");
  worker.handles.clear();
  check_names(worker);
  std::set<FileModel*> done;
  for (const auto& [name, node] : worker.names) {
    if (!node.file || !done.insert(node.file.get()).second) continue;
    node.file->content.doubt();
    // Storing content moves the time, and then sets it back; that may have been interrupted.
    if (!node.file->content.is_promised()) node.file->modified.reset();
    check_file(worker, *node.file, worker.path(name));
    check_all_attributes(worker, *node.file, worker.path(name));
  }
}

}  // namespace zstdfs::soak
