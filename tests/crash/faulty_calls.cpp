#include <unistd.h>

#include <algorithm>
#include <system_error>
#include <utility>

#include "fs/os/posix_error.hpp"
#include "tests/crash/faulty_state.hpp"

// The calls that volumes and files make. Each checks first what can be wrong, then is counted and
// judged, then happens.

namespace zstdfs::test {

using os::throw_error;

namespace {

std::string describe(ByteRange range) {
  return std::to_string(range.offset) + "+" + std::to_string(range.bytes);
}

/// At most so many bytes from `offset` on, ending with a sector.
std::uint64_t in_whole_sectors(std::uint64_t offset, std::uint64_t bytes) {
  const std::uint64_t end = (offset + bytes) / kSectorBytes * kSectorBytes;
  return std::max(end, offset) - offset;
}

/// How much of a write is done when the power goes in it: nothing, some sectors or all, but always
/// the same for the same call.
std::uint64_t torn_bytes(ByteRange range, std::uint64_t call) {
  Random random(call);
  const std::uint64_t some = in_whole_sectors(range.offset, random.below(range.bytes + 1));
  const std::uint64_t choices[] = {0, some, range.bytes};
  return choices[random.below(3)];
}

}  // namespace

std::optional<InodeNumber> DiskState::open(Epoch epoch, const std::string& path) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const std::optional<InodeNumber> number = names_.find(path);
  if (!number) return std::nullopt;
  if (names_.is_directory(*number)) throw_error(EISDIR, path);
  ++inode(*number).open_handles;
  return number;
}

InodeNumber DiskState::create(Epoch epoch, const std::string& path, mode_t mode) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  if (names_.find(path)) throw_error(EEXIST, path);
  const NameTree::Place place = names_.place(path);
  begin(epoch, CallKind::kCreate, path);
  const InodeNumber number = new_inode(S_IFREG | (mode & 07777u));
  names_.add(place, number);
  ++inode(number).open_handles;
  return number;
}

bool DiskState::remove(Epoch epoch, const std::string& path) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const NameTree::Place place = names_.place(path);
  const std::optional<InodeNumber> number = names_.find(path);
  if (!number) return false;
  if (names_.is_directory(*number)) throw_error(EISDIR, path);
  begin(epoch, CallKind::kRemove, path);
  names_.remove(place);
  inode(*number).linked = false;
  inode(*number).changed = clock();
  return true;
}

void DiskState::rename(Epoch epoch, const std::string& from, const std::string& to) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const NameTree::Place source = names_.place(from);
  const NameTree::Place target = names_.place(to);
  const InodeNumber moved = must_find(from);
  const std::optional<InodeNumber> replaced = names_.find(to);
  if (replaced == moved) return;
  if (replaced && names_.is_directory(*replaced)) throw_error(EISDIR, to);
  if (replaced && names_.is_directory(moved)) throw_error(ENOTDIR, to);
  begin(epoch, CallKind::kRename, from, "to " + to);
  names_.rename(source, target);
  inode(moved).changed = clock();
  if (replaced) inode(*replaced).linked = false;
}

bool DiskState::make_directory(Epoch epoch, const std::string& path, mode_t mode) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const NameTree::Place place = names_.place(path);
  if (const std::optional<InodeNumber> number = names_.find(path)) {
    if (names_.is_directory(*number)) return false;
    throw_error(EEXIST, path);
  }
  begin(epoch, CallKind::kMakeDirectory, path);
  names_.add_directory(place, new_inode(S_IFDIR | (mode & 07777u)));
  return true;
}

std::vector<os::DirectoryEntry> DiskState::entries(Epoch epoch, const std::string& path) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const InodeNumber directory = must_find(path);
  if (!names_.is_directory(directory)) throw_error(ENOTDIR, path);
  std::vector<os::DirectoryEntry> out;
  for (const auto& [name, number] : names_.entries(directory)) {
    const auto type = names_.is_directory(number) ? os::DirectoryEntry::Type::kDirectory
                                                  : os::DirectoryEntry::Type::kRegular;
    out.push_back({.name = name, .type = type});
  }
  return out;
}

struct stat DiskState::stat(Epoch epoch, const std::string& path) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  return stat_of(must_find(path));
}

os::Attributes DiskState::attributes(Epoch epoch, const std::string& path,
                                     std::string_view prefix) {
  InodeNumber number = 0;
  {
    const MutexLock lock(mutex_);
    check_alive(epoch);
    number = must_find(path);
  }
  return attributes(epoch, number, prefix);
}

os::Attributes DiskState::attributes(Epoch epoch, InodeNumber number, std::string_view prefix) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const std::string path = names_.path_of(number);
  if (const int error = fault_for(CallKind::kRead, path)) throw_error(error, path);
  os::Attributes found = inode(number).attributes;
  std::erase_if(found, [&](const auto& each) { return !each.first.starts_with(prefix); });
  return found;
}

void DiskState::sync_directory(Epoch epoch, const std::string& path) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const InodeNumber directory = must_find(path);
  if (!names_.is_directory(directory)) throw_error(ENOTDIR, path);
  begin(epoch, CallKind::kSyncDirectory, path);
  names_.sync(directory);
}

void DiskState::sync_filesystem(Epoch epoch) {
  const MutexLock lock(mutex_);
  try {
    begin(epoch, CallKind::kSyncFilesystem, "");
  } catch (const std::system_error& error) {
    for (auto& [number, file] : inodes_) {
      if (file.content.is_synced()) continue;
      file.content.fail_to_sync();
      file.error_to_report = error.code().value();
    }
    throw;
  }
  names_.sync_all();
  for (auto& [number, file] : inodes_) {
    file.content.sync();
    file.synced_modified = file.modified;
  }
}

bool DiskState::lock(Epoch epoch, InodeNumber number) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  return locked_.insert(number).second;
}

void DiskState::unlock(Epoch epoch, InodeNumber number) noexcept {
  const MutexLock lock(mutex_);
  if (epoch == epoch_) locked_.erase(number);
}

timespec DiskState::now(Epoch epoch) const {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  timespec time = clock();
  time.tv_sec += stamps_behind_seconds_;
  return time;
}

void DiskState::close(Epoch epoch, InodeNumber number) noexcept {
  const MutexLock lock(mutex_);
  // What nobody can reach any more stays: its removal may not survive.
  if (epoch == epoch_) --inode(number).open_handles;
}

std::size_t DiskState::read(Epoch epoch, InodeNumber number, std::uint64_t offset,
                            MutableByteSpan out) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  if (!faults_.empty()) {
    const std::string path = names_.path_of(number);
    const int error = fault_for(CallKind::kRead, path);
    enforce({.fate = error != 0 ? Fate::kFails : Fate::kHappens, .error = error}, CallKind::kRead,
            path);
  }
  return inode(number).content.current().read(offset, out);
}

void DiskState::run_write_hook(InodeNumber number) {
  std::function<void()> hook;
  {
    const MutexLock lock(mutex_);
    if (!write_hook_.hook) return;
    if (!names_.path_of(number).starts_with(write_hook_.path_prefix)) return;
    hook = write_hook_.hook;
  }
  hook();
}

void DiskState::write(Epoch epoch, InodeNumber number, std::uint64_t offset, ByteSpan bytes) {
  run_write_hook(number);
  const MutexLock lock(mutex_);
  check_alive(epoch);
  if (bytes.empty()) return;
  const ByteRange range = {.offset = offset, .bytes = bytes.size()};
  const std::string path = names_.path_of(number);
  const Verdict verdict = judge(epoch, CallKind::kWrite, path, describe(range));

  Inode& file = inode(number);
  const std::uint64_t fits = bytes_that_fit(file, range);
  std::uint64_t done = fits;
  if (verdict.fate == Fate::kPowerGoes) {
    done = std::min(fits, torn_bytes(range, counted_calls_));
  } else if (verdict.fate == Fate::kFails) {
    done = std::min(fits, in_whole_sectors(offset, bytes.size() / 2));
  }
  if (done > 0) {
    file.content.write(offset, bytes.first(done));
    touch(file);
  }
  enforce(verdict, CallKind::kWrite, path);
  if (fits < bytes.size()) throw_error(ENOSPC, "write '" + path + "'");
}

void DiskState::truncate(Epoch epoch, InodeNumber number, std::uint64_t bytes) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  begin(epoch, CallKind::kTruncate, names_.path_of(number), "to " + std::to_string(bytes));
  inode(number).content.resize(bytes);
  touch(inode(number));
}

void DiskState::allocate(Epoch epoch, InodeNumber number, ByteRange range, os::AllocateKind kind) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  if (range.empty()) return;
  const std::string path = names_.path_of(number);
  begin(epoch, CallKind::kAllocate, path, describe(range));
  Inode& file = inode(number);
  if (bytes_that_fit(file, range) < range.bytes) throw_error(ENOSPC, "allocate '" + path + "'");
  file.content.allocate(range, kind == os::AllocateKind::kGrow ? range.end() : 0);
  file.changed = clock();
}

void DiskState::punch_hole(Epoch epoch, InodeNumber number, ByteRange range) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  if (range.empty()) return;
  begin(epoch, CallKind::kPunchHole, names_.path_of(number), describe(range));
  inode(number).content.zero(range);
  touch(inode(number));
}

void DiskState::sync(Epoch epoch, InodeNumber number, os::SyncKind kind) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  Inode& file = inode(number);
  try {
    begin(epoch, CallKind::kSync, names_.path_of(number));
  } catch (const std::system_error&) {
    file.content.fail_to_sync();
    throw;
  }
  file.content.sync();
  if (const int error = std::exchange(file.error_to_report, 0); error != 0) {
    throw_error(error, "sync '" + names_.path_of(number) + "'");
  }
  if (kind == os::SyncKind::kDataAndTimes) file.synced_modified = file.modified;
}

void DiskState::drop_clean_pages(Epoch epoch, InodeNumber number, ByteRange range) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  inode(number).content.drop_clean_pages(range);
}

void DiskState::announce_read(ByteRange range) {
  const MutexLock lock(mutex_);
  announced_reads_.push_back(range);
}

void DiskState::begin_writeback(ByteRange range) {
  const MutexLock lock(mutex_);
  begun_writebacks_.push_back(range);
}

struct stat DiskState::stat(Epoch epoch, InodeNumber number) const {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  return stat_of(number);
}

void DiskState::set_modification_time(Epoch epoch, InodeNumber number, timespec time) {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  begin(epoch, CallKind::kSetTime, names_.path_of(number));
  inode(number).changed = clock();
  inode(number).modified = time.tv_nsec == UTIME_NOW ? inode(number).changed : time;
}

std::uint64_t DiskState::seek(Epoch epoch, InodeNumber number, std::uint64_t offset,
                              int whence) const {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  const SparseContent& content = inode(number).content.current();
  if (offset >= content.size()) throw_error(ENXIO, "lseek");
  if (whence == SEEK_HOLE) return content.find_hole(offset);
  const std::uint64_t data = content.find_data(offset);
  if (data == content.size()) throw_error(ENXIO, "lseek");
  return data;
}

std::string DiskState::path_of(Epoch epoch, InodeNumber number) const {
  const MutexLock lock(mutex_);
  check_alive(epoch);
  return names_.path_of(number);
}

}  // namespace zstdfs::test
