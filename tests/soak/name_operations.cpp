// Making, moving and removing names, and changing attributes.

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::size_t kMostFiles = 24;
constexpr std::size_t kMostDirectories = 6;
constexpr std::size_t kMostSymlinks = 4;

std::string text(WorkerState& worker, std::size_t bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes; ++i) out += static_cast<char>('a' + worker.random.below(26));
  return out;
}

std::string random_directory(WorkerState& worker) {
  std::vector<std::string> directories = names_of(worker, Node::Kind::kDirectory);
  directories.emplace_back();
  return directories[worker.random.below(directories.size())];
}

/// A name that does not exist.
std::string fresh_name(WorkerState& worker, const std::string& directory) {
  const std::string name = "n" + std::to_string(worker.names_made++);
  // Now and then as long as names may be.
  const std::string longer = worker.random.chance(3) ? name + text(worker, 240) : name;
  return directory.empty() ? longer : directory + "/" + longer;
}

/// Makes a change of names by `call`. Returns whether it was made.
bool change_names(WorkerState& worker, Call call, Names after, const std::function<long()>& made,
                  Space space) {
  worker.maybe_names = std::move(after);
  const bool done = worker.calls.judge(call, made(), space) == Outcome::kDone;
  if (done) worker.names = std::move(*worker.maybe_names);
  worker.maybe_names.reset();
  return done;
}

void note_inode(WorkerState& worker, FileModel& file, int fd) {
  struct stat status {};
  worker.calls.judge(Call::kStat, ::fstat(fd, &status));
  file.inode = status.st_ino;
  file.attributes.mode = status.st_mode & 07777;
}

FilePtr new_file(WorkerState& worker) {
  auto file = std::make_shared<FileModel>();
  file->number = worker.files_made++;
  return file;
}

void rename_over(WorkerState& worker, const std::string& from, const std::string& to) {
  worker.calls.note("rename " + from + " to " + to);
  Names after = worker.names;
  const auto replaced = after.find(to);
  const bool same = replaced != after.end() && replaced->second.file &&
                    replaced->second.file == after.at(from).file;
  if (!same) {  // Two names of one file stay as they are.
    if (replaced != after.end()) after.erase(replaced);
    move_name(after, from, to);
  }
  change_names(
      worker, Call::kRename, std::move(after),
      [&] { return ::rename(worker.path(from).c_str(), worker.path(to).c_str()); },
      Space::kMayLack);
}

bool is_empty(const Names& names, const std::string& directory) {
  const auto next = names.lower_bound(directory + "/");
  return next == names.end() || !next->first.starts_with(directory + "/");
}

void remove_directory(WorkerState& worker) {
  const auto name = pick_name(worker, Node::Kind::kDirectory);
  if (!name || !is_empty(worker.names, *name)) return;
  worker.calls.note("rmdir " + *name);
  Names after = worker.names;
  after.erase(*name);
  change_names(
      worker, Call::kRmdir, std::move(after), [&] { return ::rmdir(worker.path(*name).c_str()); },
      Space::kNotNeeded);
}

void change_mode_or_owner(WorkerState& worker, FileModel& file, const std::string& path) {
  FileAttributes after = file.attributes;
  long result = 0;
  if (worker.random.chance(50)) {
    after.mode = 0400 | static_cast<mode_t>(worker.random.below(01000));
    worker.calls.note("chmod " + path);
    file.maybe = after;
    result = ::chmod(path.c_str(), after.mode);
  } else {
    after.user = static_cast<uid_t>(worker.random.below(5));
    after.group = static_cast<gid_t>(worker.random.below(5));
    worker.calls.note("chown " + path);
    file.maybe = after;
    result = ::chown(path.c_str(), after.user, after.group);
  }
  worker.calls.judge(Call::kAttribute, result);
  file.attributes = std::move(after);
  file.maybe.reset();
}

void change_times(WorkerState& worker, FileModel& file, const std::string& path) {
  const timespec time{static_cast<time_t>(1000000000 + worker.random.below(500000000)),
                      static_cast<long>(worker.random.below(1000000000))};
  const timespec times[2] = {time, time};
  worker.calls.note("utimens file " + std::to_string(file.number) + " " +
                    std::to_string(time.tv_sec));
  file.modified.reset();
  worker.calls.judge(Call::kTimes, ::utimensat(AT_FDCWD, path.c_str(), times, 0));
  file.modified = time;
}

void change_extended(WorkerState& worker, FileModel& file, const std::string& path) {
  const std::string name = "user.x" + std::to_string(worker.random.below(4));
  FileAttributes after = file.attributes;
  const bool removes = after.extended.count(name) > 0 && worker.random.chance(40);
  worker.calls.note((removes ? "removexattr " : "setxattr ") + name + " " + path);
  Outcome outcome = Outcome::kDone;
  if (removes) {
    after.extended.erase(name);
    file.maybe = after;
    outcome = worker.calls.judge(Call::kRemoveXattr, ::removexattr(path.c_str(), name.c_str()),
                                 Space::kMayLack);
  } else {
    const std::string value = text(worker, worker.random.below(600));
    after.extended[name] = value;
    file.maybe = after;
    outcome = worker.calls.judge(
        Call::kSetXattr, ::setxattr(path.c_str(), name.c_str(), value.data(), value.size(), 0),
        Space::kMayLack);
  }
  if (outcome == Outcome::kDone) file.attributes = std::move(after);
  file.maybe.reset();
}

}  // namespace

void make_file(WorkerState& worker) {
  if (names_of(worker, Node::Kind::kFile).size() >= kMostFiles) return remove_something(worker);
  if (worker.handles.size() > 8) return close_some_handle(worker);
  const std::string name = fresh_name(worker, random_directory(worker));
  const FilePtr file = new_file(worker);
  worker.calls.note("create " + name + " (file " + std::to_string(file->number) + ")");
  Names after = worker.names;
  after[name] = {Node::Kind::kFile, file, {}};
  mounttest::Fd fd;
  const bool made = change_names(
      worker, Call::kCreate, std::move(after),
      [&]() -> long {
        fd = mounttest::Fd(
            ::open(worker.path(name).c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
        return fd.get();
      },
      Space::kMayLack);
  if (!made) return;
  note_inode(worker, *file, fd.get());
  worker.handles.push_back({std::move(fd), file, O_RDWR});
}

void make_nameless_file(WorkerState& worker) {
  if (names_of(worker, Node::Kind::kFile).size() >= kMostFiles) return;
  const std::string directory = random_directory(worker);
  worker.calls.note("O_TMPFILE in " + directory);
  mounttest::Fd fd(::open(worker.path(directory).c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0644));
  if (worker.calls.judge(Call::kTmpfile, fd.get(), Space::kMayLack) != Outcome::kDone) return;
  const FilePtr file = new_file(worker);
  note_inode(worker, *file, fd.get());
  worker.handles.push_back({std::move(fd), file, O_RDWR});
  const Handle& handle = worker.handles.back();
  const std::string name = fresh_name(worker, directory);
  worker.calls.note("link the nameless file " + std::to_string(file->number) + " as " + name);
  Names after = worker.names;
  after[name] = {Node::Kind::kFile, file, {}};
  change_names(
      worker, Call::kLink, std::move(after),
      [&] {
        return ::linkat(AT_FDCWD, handle.path().c_str(), AT_FDCWD, worker.path(name).c_str(),
                        AT_SYMLINK_FOLLOW);
      },
      Space::kMayLack);
}

void make_directory(WorkerState& worker) {
  if (names_of(worker, Node::Kind::kDirectory).size() >= kMostDirectories) {
    return remove_directory(worker);
  }
  const std::string parent = random_directory(worker);
  if (std::count(parent.begin(), parent.end(), '/') > 1) return;
  const std::string name = fresh_name(worker, parent);
  worker.calls.note("mkdir " + name);
  Names after = worker.names;
  after[name] = {Node::Kind::kDirectory, nullptr, {}};
  change_names(
      worker, Call::kMkdir, std::move(after),
      [&] { return ::mkdir(worker.path(name).c_str(), 0755); }, Space::kMayLack);
}

void make_symlink(WorkerState& worker) {
  if (names_of(worker, Node::Kind::kSymlink).size() >= kMostSymlinks) {
    const std::string name = *pick_name(worker, Node::Kind::kSymlink);
    worker.calls.note("unlink " + name);
    Names after = worker.names;
    after.erase(name);
    change_names(
        worker, Call::kUnlink, std::move(after),
        [&] { return ::unlink(worker.path(name).c_str()); }, Space::kNotNeeded);
    return;
  }
  const std::string name = fresh_name(worker, random_directory(worker));
  const std::string target = text(worker, 1 + worker.random.below(200));
  worker.calls.note("symlink " + name);
  Names after = worker.names;
  after[name] = {Node::Kind::kSymlink, nullptr, target};
  change_names(
      worker, Call::kSymlink, std::move(after),
      [&] { return ::symlink(target.c_str(), worker.path(name).c_str()); }, Space::kMayLack);
}

void make_link(WorkerState& worker) {
  const auto old_name = pick_name(worker, Node::Kind::kFile);
  if (!old_name || names_of(worker, Node::Kind::kFile).size() >= kMostFiles) return;
  const std::string name = fresh_name(worker, random_directory(worker));
  worker.calls.note("link " + *old_name + " as " + name);
  Names after = worker.names;
  after[name] = after.at(*old_name);
  change_names(
      worker, Call::kLink, std::move(after),
      [&] { return ::link(worker.path(*old_name).c_str(), worker.path(name).c_str()); },
      Space::kMayLack);
}

void rename_something(WorkerState& worker) {
  if (worker.random.chance(25)) {
    const auto from = pick_name(worker, Node::Kind::kDirectory);
    const std::string parent = random_directory(worker);
    if (!from || parent == *from || parent.starts_with(*from + "/")) return;
    if (std::count(parent.begin(), parent.end(), '/') > 1) return;
    return rename_over(worker, *from, fresh_name(worker, parent));
  }
  const auto from = pick_name(worker, Node::Kind::kFile);
  if (!from) return;
  if (worker.random.chance(50)) {
    const std::string to = *pick_name(worker, Node::Kind::kFile);
    if (to != *from) rename_over(worker, *from, to);
    return;
  }
  rename_over(worker, *from, fresh_name(worker, random_directory(worker)));
}

void remove_something(WorkerState& worker) {
  if (worker.random.chance(10)) return remove_directory(worker);
  const auto name = pick_name(worker, Node::Kind::kFile);
  if (!name) return;
  worker.calls.note("unlink " + *name);
  Names after = worker.names;
  after.erase(*name);
  change_names(
      worker, Call::kUnlink, std::move(after), [&] { return ::unlink(worker.path(*name).c_str()); },
      Space::kNotNeeded);
}

void change_attributes(WorkerState& worker) {
  const auto name = pick_name(worker, Node::Kind::kFile);
  if (!name) return;
  FileModel& file = *worker.names.at(*name).file;
  const std::string path = worker.path(*name);
  switch (worker.random.below(3)) {
    case 0:
      return change_mode_or_owner(worker, file, path);
    case 1:
      return change_times(worker, file, path);
    default:
      return change_extended(worker, file, path);
  }
}

void list_names(WorkerState& worker) {
  worker.calls.note("list all names");
  std::string wrong;
  try {
    wrong = different(worker.names, find_names(worker.root));
  } catch (const std::system_error& error) {
    errno = error.code().value();
    worker.calls.judge(Call::kReaddir, -1);
  }
  worker.calls.judge(Call::kReaddir, 0);
  if (!wrong.empty()) throw Violation("the names: " + wrong);
}

}  // namespace zstdfs::soak
