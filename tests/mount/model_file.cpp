#include "tests/mount/model_file.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <stdexcept>

namespace zstdfs::mounttest {
namespace {

/// Six chunks: enough for every border between chunks, and few enough to compare all of it.
constexpr std::uint64_t kMostBytes = 6 * 131072 + 777;
constexpr std::size_t kHistory = 60;
constexpr std::size_t kAlignment = 4096;

struct Free {
  void operator()(std::byte* memory) const { std::free(memory); }
};

/// Reads everything through a descriptor that was opened with O_DIRECT.
Bytes read_directly(int fd, std::size_t bytes) {
  const std::size_t room = (bytes / kAlignment + 2) * kAlignment;
  const std::unique_ptr<std::byte, Free> buffer(
      static_cast<std::byte*>(std::aligned_alloc(kAlignment, room)));
  std::size_t done = 0;
  for (;;) {
    const long got = check(::pread(fd, buffer.get() + done, room - done, static_cast<off_t>(done)),
                           "direct pread");
    done += static_cast<std::size_t>(got);
    if (got == 0 || done == room || done % kAlignment != 0) break;
  }
  return {buffer.get(), buffer.get() + done};
}

}  // namespace

ModelFile::ModelFile(std::string path, std::uint64_t seed) : path_(std::move(path)), random_(seed) {
  write_file(path_, {});
  reopen();
}

void ModelFile::close() {
  did("close");
  direct_ = Fd();
  check(fd_.close(), "close");
}

void ModelFile::reopen() {
  did("open");
  fd_ = open_file(path_, O_RDWR);
  direct_ = open_file(path_, O_RDONLY | O_DIRECT);
  compare();
}

std::string ModelFile::history() const {
  std::string out;
  for (const std::string& operation : history_) out += operation + "\n";
  return out;
}

void ModelFile::did(const std::string& operation) {
  history_.push_back(operation);
  if (history_.size() > kHistory) history_.pop_front();
}

void ModelFile::step() {
  const std::uint64_t dice = random_.below(100);
  if (dice < 32) {
    write();
  } else if (dice < 48) {
    append();
  } else if (dice < 58) {
    truncate();
  } else if (dice < 66) {
    write_map();
  } else if (dice < 78) {
    fallocate();
  } else if (dice < 82) {
    copy_range();
  } else if (dice < 88) {
    did("fsync");
    check(random_.chance(50) ? ::fsync(fd_.get()) : ::fdatasync(fd_.get()), "fsync");
  } else if (dice < 96) {
    close();
    reopen();
  } else if (dice < 98) {
    replace();
  } else {
    reopen_emptied();
  }
  compare();
}

void ModelFile::compare() {
  // The kernel's cache may hide what the store would give, so half of the reads go past it.
  const bool direct = random_.chance(50);
  const Bytes got = direct ? read_directly(direct_.get(), model_.size()) : read_all(fd_.get());
  const std::string wrong = difference(got, model_);
  const off_t size = status_of(fd_.get()).st_size;
  if (wrong.empty() && size == static_cast<off_t>(model_.size())) return;
  throw std::runtime_error(path_ + (direct ? ", read directly: " : ": ") + wrong + "; st_size " +
                           std::to_string(size) + ", wanted " + std::to_string(model_.size()) +
                           "; the last operations:\n" + history());
}

std::size_t ModelFile::random_length() {
  switch (random_.below(5)) {
    case 0:
      return 1 + random_.below(20);
    case 1:
      return 1 + random_.below(5000);
    case 2:
      return 4096 * (1 + random_.below(8));
    case 3:
      return 1 + random_.below(140000);
    default:
      return 131072 + random_.below(200000);
  }
}

std::uint64_t ModelFile::random_offset(std::uint64_t limit) {
  const std::uint64_t any = random_.below(limit + 1);
  // Borders of pages and chunks are where mistakes live.
  if (random_.chance(25)) return std::min(limit, any / 131072 * 131072);
  if (random_.chance(25)) return std::min(limit, any / 4096 * 4096);
  return any;
}

Bytes ModelFile::piece(std::size_t bytes) {
  switch (random_.below(4)) {
    case 0:
      return test::random_bytes(bytes, random_.next());
    case 1:
      return Bytes(bytes);
    default:
      return test::compressible_bytes(bytes, random_.next());
  }
}

void ModelFile::set(std::uint64_t offset, ByteSpan bytes) {
  model_ = test::overwritten(std::move(model_), offset, bytes);
}

void ModelFile::write() {
  const std::uint64_t far = model_.size() + (random_.chance(20) ? 200000 : 0);
  const std::uint64_t offset = random_offset(std::min<std::uint64_t>(far, kMostBytes - 1));
  const Bytes bytes = piece(std::min<std::size_t>(random_length(), kMostBytes - offset));
  did("write " + std::to_string(bytes.size()) + " at " + std::to_string(offset));
  pwrite_all(fd_.get(), bytes, offset);
  set(offset, bytes);
}

void ModelFile::append() {
  if (model_.size() + 1 >= kMostBytes) return;
  const Bytes bytes = piece(std::min<std::size_t>(random_length(), kMostBytes - model_.size()));
  did("append " + std::to_string(bytes.size()));
  append_file(path_, bytes);
  set(model_.size(), bytes);
}

void ModelFile::truncate() {
  const std::uint64_t bytes = random_offset(random_.chance(70) ? model_.size() : kMostBytes);
  did("truncate " + std::to_string(bytes));
  check(random_.chance(50) ? ::ftruncate(fd_.get(), static_cast<off_t>(bytes))
                           : ::truncate(path_.c_str(), static_cast<off_t>(bytes)),
        "truncate");
  model_.resize(bytes);
}

void ModelFile::write_map() {
  if (model_.empty()) return;
  const std::uint64_t offset = random_offset(model_.size() - 1);
  const Bytes bytes = piece(std::min<std::size_t>(random_length(), model_.size() - offset));
  const bool sync = random_.chance(50);
  did("map and write " + std::to_string(bytes.size()) + " at " + std::to_string(offset) +
      (sync ? ", msync" : ""));
  void* at = ::mmap(nullptr, model_.size(), PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
  if (at == MAP_FAILED) check(-1, "mmap");
  std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(at) + offset);
  const int synced = sync ? ::msync(at, model_.size(), MS_SYNC) : 0;
  ::munmap(at, model_.size());
  check(synced, "msync");
  set(offset, bytes);
}

void ModelFile::fallocate() {
  constexpr int kModes[] = {FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
                            FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, 0, FALLOC_FL_KEEP_SIZE};
  const int mode = kModes[random_.below(5)];
  const std::uint64_t offset =
      random_offset(std::min<std::uint64_t>(model_.size(), kMostBytes - 1));
  const std::uint64_t bytes = std::min<std::uint64_t>(random_length(), kMostBytes - offset);
  did("fallocate mode " + std::to_string(mode) + " " + std::to_string(bytes) + " at " +
      std::to_string(offset));
  check(::fallocate(fd_.get(), mode, static_cast<off_t>(offset), static_cast<off_t>(bytes)),
        "fallocate");
  if ((mode & FALLOC_FL_KEEP_SIZE) == 0) {
    model_.resize(std::max<std::uint64_t>(model_.size(), offset + bytes));
  }
  if ((mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE)) == 0) return;
  const auto begin = static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(offset, model_.size()));
  const auto end =
      static_cast<std::ptrdiff_t>(std::min<std::uint64_t>(offset + bytes, model_.size()));
  std::fill(model_.begin() + begin, model_.begin() + end, std::byte{0});
}

void ModelFile::copy_range() {
  if (model_.size() < 2) return;
  // From the first half into the second: the ranges of one file may not overlap.
  const std::uint64_t half = model_.size() / 2;
  off_t from = static_cast<off_t>(random_.below(half));
  off_t to = static_cast<off_t>(half + random_.below(half));
  const std::uint64_t bytes = std::min(half - static_cast<std::uint64_t>(from),
                                       kMostBytes - static_cast<std::uint64_t>(to));
  did("copy " + std::to_string(bytes) + " from " + std::to_string(from) + " to " +
      std::to_string(to));
  const off_t start = from;
  const auto target = static_cast<std::uint64_t>(to);
  const long copied = check(::copy_file_range(fd_.get(), &from, fd_.get(), &to, bytes, 0), "copy");
  const Bytes moved(model_.begin() + start, model_.begin() + start + copied);
  set(target, moved);
}

void ModelFile::replace() {
  // As editors save: a new file is written, and renamed over the old one.
  const std::string fresh = path_ + ".new";
  Bytes content = piece(random_.below(kMostBytes));
  did("replaced by another of " + std::to_string(content.size()));
  write_file(fresh, content, 50000);
  close();
  check(::rename(fresh.c_str(), path_.c_str()), "rename");
  model_ = std::move(content);
  reopen();
}

void ModelFile::reopen_emptied() {
  did("open with truncation");
  fd_ = open_file(path_, O_RDWR | O_TRUNC);
  model_.clear();
}

}  // namespace zstdfs::mounttest
