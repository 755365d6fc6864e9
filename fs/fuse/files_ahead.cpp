#include "fs/fuse/files_ahead.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <unordered_map>
#include <utility>
#include <vector>

#include "fs/fuse/directory_streams.hpp"
#include "fs/fuse/filesystem.hpp"
#include "fs/store/read_ahead.hpp"

namespace zstdfs::fuse {
namespace {

using Clock = std::chrono::steady_clock;

// So many files are fetched ahead at most, and the kernel reads on by itself in larger ones.
constexpr store::ReadAhead::Limits kFiles = {.most = 32, .fewest = 1, .slack = 8};
constexpr off_t kMostBytesOfAFile = 256 << 10;
// Who has read so many in order goes on in the next directory.
constexpr std::uint64_t kManyFiles = 4;
constexpr std::size_t kMostWalks = 4;
// Of a larger directory, each listing would take too long.
constexpr std::size_t kMostNames = 16384;
// A file that a directory did not have so lately is not looked for there again.
constexpr auto kListedLately = std::chrono::seconds(1);
constexpr std::size_t kMostNoted = 64;
constexpr fuse_ino_t kNoNumber = 0;  // The kernel does not read this stream.
constexpr const char* kThreadName = "zstdfs-ahead";

}  // namespace

/// The files of a directory, in its order, and how they are read.
struct FilesAhead::Walk {
  explicit Walk(std::string path) : directory(std::move(path)) {}

  bool is_as_listed() const {
    return is_listed_in_part || Clock::now() - listed_at < kListedLately;
  }

  const std::string directory;  // below the root
  const Clock::time_point listed_at = Clock::now();
  bool is_listed_in_part = false;
  std::vector<std::string> names;
  std::unordered_map<std::uint64_t, std::size_t> places;  // by inode number
  store::ReadAhead order{kFiles};
};

FilesAhead::FilesAhead(Filesystem& filesystem)
    : filesystem_(filesystem), path_walk_(os::probe_path_walk(filesystem.root())) {}

FilesAhead::~FilesAhead() {
  MutexLock lock(mutex_);
  ends_ = true;
  wake_.notify_all();
}

void FilesAhead::note(store::FileKey file) {
  MutexLock lock(mutex_);
  if (noted_.size() == kMostNoted) return;
  if (!thread_.start(kThreadName, [this] { work(); })) return;
  noted_.push_back(file);
  if (noted_.size() == 1) wake_.notify_all();
}

bool FilesAhead::wait_for_file(store::FileKey& file) {
  MutexLock lock(mutex_);
  while (noted_.empty() && !ends_) wake_.wait(mutex_);
  if (ends_) return false;
  file = noted_.front();
  noted_.pop_front();
  return true;
}

void FilesAhead::work() {
  store::FileKey file;
  while (wait_for_file(file)) {
    try {
      follow(file);
    } catch (const std::exception&) {
      // Whoever reads the file is told what is wrong.
    }
  }
}

void FilesAhead::follow(store::FileKey file) {
  Walk* walk = find_walk(file.inode);
  if (walk == nullptr) walk = begin_walk(file);
  if (walk == nullptr) return;
  const auto place = walk->places.find(file.inode);
  if (place != walk->places.end()) fetch(*walk, walk->order.note({place->second, 1}));
}

FilesAhead::Walk* FilesAhead::find_walk(std::uint64_t inode) {
  const auto found =
      std::ranges::find_if(walks_, [&](const Walk& walk) { return walk.places.contains(inode); });
  if (found == walks_.end()) return nullptr;
  walks_.splice(walks_.begin(), walks_, found);
  return &walks_.front();
}

FilesAhead::Walk* FilesAhead::begin_walk(store::FileKey file) {
  const Descriptor descriptor = filesystem_.inodes().find(file);
  if (descriptor == nullptr) return nullptr;
  const std::string path = filesystem_.path_below_root(descriptor);
  if (path.empty()) return nullptr;
  const std::string directory = os::split_path(path).parent;
  const bool again = directory == last_directory_;
  last_directory_ = directory;
  const std::uint64_t before = walks_.empty() ? 0 : walks_.front().order.read_in_order();
  if (!again && before < kManyFiles) return nullptr;
  const auto known =
      std::ranges::find(walks_, directory, [](const Walk& walk) { return walk.directory; });
  if (known != walks_.end()) {
    if (known->is_as_listed()) return nullptr;
    walks_.erase(known);
  }
  if (walks_.size() == kMostWalks) walks_.pop_back();
  Walk& walk = walks_.emplace_front(directory);
  list(walk);
  if (before >= kManyFiles) walk.order.begin_at(0, before);
  return &walk;
}

void FilesAhead::list(Walk& walk) const {
  const os::UniqueFd directory = open_directory(walk.directory);
  if (!directory) return;
  DirectoryStream stream(kNoNumber, directory, filesystem_.descriptors(),
                         DirectoryStream::AccessTime::kStays);
  for (std::size_t i = 0; i < kMostNames; ++i) {
    const dirent64* const entry = stream.peek();
    if (entry == nullptr) return;
    if (entry->d_type == DT_REG) {
      walk.places.emplace(entry->d_ino, walk.names.size());
      walk.names.emplace_back(entry->d_name);
    }
    stream.advance(*entry);
  }
  walk.is_listed_in_part = true;
}

void FilesAhead::fetch(const Walk& walk, ByteRange files) const {
  const std::uint64_t end = std::min<std::uint64_t>(files.end(), walk.names.size());
  if (files.offset >= end) return;
  const os::UniqueFd directory = open_directory(walk.directory);
  if (!directory) return;
  for (std::uint64_t i = files.offset; i < end; ++i) {
    const char* const name = walk.names[i].c_str();
    // What has the name now may be something that must not be opened without need.
    struct stat status;
    if (::fstatat(directory.get(), name, &status, AT_SYMLINK_NOFOLLOW) != 0) continue;
    if (!S_ISREG(status.st_mode)) continue;
    const os::UniqueFd fd(::openat(directory.get(), name,
                                   O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOATIME | O_CLOEXEC));
    if (fd) ::posix_fadvise(fd.get(), 0, kMostBytesOfAFile, POSIX_FADV_WILLNEED);
  }
}

os::UniqueFd FilesAhead::open_directory(const std::string& path) const {
  constexpr int kFlags = O_RDONLY | O_DIRECTORY;
  return path.empty() ? os::duplicate(filesystem_.root())
                      : os::open_beneath(filesystem_.root(), path, kFlags, 0, path_walk_);
}

}  // namespace zstdfs::fuse
