#include "tests/crash/faulty_state.hpp"

#include <unistd.h>

#include <algorithm>
#include <limits>

#include "fs/os/posix_error.hpp"

// What the tests do to the disk, and what becomes of each call. The calls themselves are in
// faulty_calls.cpp.

namespace zstdfs::test {
namespace {

constexpr std::size_t kLoggedCalls = 200;
constexpr std::int64_t kFirstSecond = 1'700'000'000;

const char* name_of(CallKind kind) {
  switch (kind) {
    case CallKind::kCreate:
      return "create";
    case CallKind::kRemove:
      return "remove";
    case CallKind::kRename:
      return "rename";
    case CallKind::kMakeDirectory:
      return "make directory";
    case CallKind::kWrite:
      return "write";
    case CallKind::kTruncate:
      return "truncate";
    case CallKind::kAllocate:
      return "allocate";
    case CallKind::kPunchHole:
      return "punch hole";
    case CallKind::kSetTime:
      return "set time";
    case CallKind::kSync:
      return "sync";
    case CallKind::kSyncDirectory:
      return "sync directory";
    case CallKind::kSyncFilesystem:
      return "sync filesystem";
    case CallKind::kRead:
      return "read";
  }
  return "?";
}

}  // namespace

std::string Survival::describe() const {
  switch (kind_) {
    case Kind::kNothingUnsynced:
      return "nothing unsynced survives";
    case Kind::kEverything:
      return "everything survives";
    case Kind::kRandom:
      return "random survival, seed " + std::to_string(seed_);
    case Kind::kRandomUnordered:
      return "random unordered survival, seed " + std::to_string(seed_);
  }
  return "?";
}

Epoch DiskState::epoch() const {
  const MutexLock lock(mutex_);
  return epoch_;
}

void DiskState::cut_power_after(std::uint64_t n) {
  const MutexLock lock(mutex_);
  cut_in_ = n;
}

void DiskState::cut_power_now() {
  const MutexLock lock(mutex_);
  power_off_ = true;
}

bool DiskState::power_is_off() const {
  const MutexLock lock(mutex_);
  return power_off_;
}

void DiskState::restart(Survival survival, Ended ended) {
  const MutexLock lock(mutex_);
  // After a kill the page cache is as it was: what was not synced can still be lost.
  const bool killed = survival.kind() == Survival::Kind::kEverything && ended == Ended::kSystem;
  if (survival.kind() != Survival::Kind::kEverything) lose_unsynced(survival);
  if (!killed) ++mounts_;
  if (!killed && ended == Ended::kSystem) ++boots_;
  const std::set<InodeNumber> reachable = names_.reachable();
  for (auto& [number, file] : inodes_) {
    file.linked = reachable.contains(number);
    file.open_handles = 0;
  }
  locked_.clear();
  faults_.clear();
  cut_in_ = 0;
  power_off_ = false;
  ++epoch_;
  call_log_.push_back("-- restart, " + survival.describe());
}

void DiskState::lose_unsynced(Survival survival) {
  Random random(survival.seed());
  const bool at_random = survival.kind() != Survival::Kind::kNothingUnsynced;
  const auto order = survival.kind() == Survival::Kind::kRandomUnordered
                         ? FileContent::DataOrder::kUnordered
                         : FileContent::DataOrder::kOrdered;
  if (at_random) {
    names_.keep_random(random);
  } else {
    names_.keep_synced();
  }
  const std::set<InodeNumber> reachable = names_.reachable();
  std::erase_if(inodes_, [&](const auto& each) { return !reachable.contains(each.first); });
  for (auto& [number, file] : inodes_) {
    if (at_random) {
      file.content.keep_random(random, order);
    } else {
      file.content.keep_synced();
    }
    if (!at_random || random.chance(50)) file.modified = file.synced_modified;
    file.synced_modified = file.modified;
    file.error_to_report = 0;
  }
}

std::string DiskState::mount_id() const {
  const MutexLock lock(mutex_);
  return "mount " + std::to_string(mounts_);
}

std::string DiskState::boot_id() const {
  const MutexLock lock(mutex_);
  return "boot " + std::to_string(boots_);
}

void DiskState::fail_calls(const CallFault& fault) {
  const MutexLock lock(mutex_);
  faults_.push_back({.fault = fault});
}

void DiskState::clear_faults() {
  const MutexLock lock(mutex_);
  faults_.clear();
}

std::vector<ByteRange> DiskState::announced_reads() const {
  const MutexLock lock(mutex_);
  return announced_reads_;
}

std::vector<ByteRange> DiskState::begun_writebacks() const {
  const MutexLock lock(mutex_);
  return begun_writebacks_;
}

void DiskState::before_writes(const std::string& path_prefix, std::function<void()> hook) {
  const MutexLock lock(mutex_);
  write_hook_ = {path_prefix, std::move(hook)};
}

std::uint64_t DiskState::failed_calls() const {
  const MutexLock lock(mutex_);
  return failed_calls_;
}

void DiskState::set_capacity(std::optional<std::uint64_t> free_bytes) {
  const MutexLock lock(mutex_);
  capacity_blocks_.reset();
  if (free_bytes) capacity_blocks_ = used_blocks() + *free_bytes / kDiskBlockBytes;
}

std::uint64_t DiskState::free_bytes() const {
  const MutexLock lock(mutex_);
  return free_blocks() * kDiskBlockBytes;
}

std::uint64_t DiskState::used_bytes() const {
  const MutexLock lock(mutex_);
  return used_blocks() * kDiskBlockBytes;
}

void DiskState::hold_clock(bool hold) {
  const MutexLock lock(mutex_);
  clock_calls_ = hold ? std::optional(counted_calls_) : std::nullopt;
}

void DiskState::move_clock(std::int64_t seconds) {
  const MutexLock lock(mutex_);
  moved_clock_seconds_ += seconds;
}

void DiskState::set_stamps_behind(std::int64_t seconds) {
  const MutexLock lock(mutex_);
  stamps_behind_seconds_ = seconds;
}

std::uint64_t DiskState::counted_calls() const {
  const MutexLock lock(mutex_);
  return counted_calls_;
}

std::string DiskState::last_calls(std::size_t count) const {
  const MutexLock lock(mutex_);
  const std::size_t skipped = call_log_.size() - std::min(count, call_log_.size());
  std::string text;
  for (std::size_t i = skipped; i < call_log_.size(); ++i) text += call_log_[i] + "\n";
  return text;
}

void DiskState::put(const std::string& path, ByteSpan bytes) {
  const MutexLock lock(mutex_);
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    if (names_.find(above)) continue;
    const NameTree::Place place = names_.place(above);
    names_.add_directory(place, new_inode(S_IFDIR | 0755));
    names_.sync(place.directory);
  }
  std::optional<InodeNumber> number = names_.find(path);
  if (!number) {
    const NameTree::Place place = names_.place(path);
    number = new_inode(S_IFREG | 0644);
    names_.add(place, *number);
    names_.sync(place.directory);
  }
  Inode& file = inode(*number);
  file.content.resize(0);
  file.content.write(0, bytes);
  file.content.sync();
  touch(file);
  file.synced_modified = file.modified;
}

void DiskState::set_attribute(const std::string& path, const std::string& name,
                              const std::string& value) {
  const MutexLock lock(mutex_);
  Inode& file = inode(must_find(path));
  file.attributes[name] = value;
  file.changed = clock();
}

std::optional<Bytes> DiskState::content(const std::string& path) const {
  const MutexLock lock(mutex_);
  const std::optional<InodeNumber> number = names_.find(path);
  if (!number || names_.is_directory(*number)) return std::nullopt;
  const SparseContent& content = inode(*number).content.current();
  Bytes bytes(content.size());
  content.read(0, bytes);
  return bytes;
}

std::vector<std::string> DiskState::list() const {
  const MutexLock lock(mutex_);
  std::vector<std::string> paths;
  for (const InodeNumber number : names_.reachable()) {
    if (!names_.is_directory(number)) paths.push_back(names_.path_of(number));
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

void DiskState::check_alive(Epoch epoch) const {
  if (power_off_ || epoch != epoch_) throw PowerCut();
}

DiskState::Verdict DiskState::judge(Epoch epoch, CallKind kind, const std::string& path,
                                    const std::string& detail) {
  check_alive(epoch);
  ++counted_calls_;
  // Piece by piece: gcc 12 warns of an overlap in sums that begin with a literal.
  std::string line = "#";
  line += std::to_string(counted_calls_);
  line += ' ';
  line += name_of(kind);
  line += ' ';
  line += path;
  if (!detail.empty()) line.append(" ").append(detail);
  Verdict verdict;
  if (cut_in_ != 0 && --cut_in_ == 0) {
    power_off_ = true;
    verdict.fate = Fate::kPowerGoes;
    line += " -- power goes";
  } else if (const int error = fault_for(kind, path); error != 0) {
    verdict = {.fate = Fate::kFails, .error = error};
    line += " -- fails";
  }
  call_log_.push_back(std::move(line));
  if (call_log_.size() > kLoggedCalls) call_log_.pop_front();
  return verdict;
}

void DiskState::enforce(const Verdict& verdict, CallKind kind, const std::string& path) {
  if (verdict.fate == Fate::kPowerGoes) throw PowerCut();
  if (verdict.fate == Fate::kFails) {
    os::throw_error(verdict.error, std::string(name_of(kind)) + " '" + path + "'");
  }
}

void DiskState::begin(Epoch epoch, CallKind kind, const std::string& path,
                      const std::string& detail) {
  enforce(judge(epoch, kind, path, detail), kind, path);
}

int DiskState::fault_for(CallKind kind, const std::string& path) {
  for (ActiveFault& active : faults_) {
    const CallFault& fault = active.fault;
    const bool of_this_kind = fault.kind ? *fault.kind == kind : kind != CallKind::kRead;
    if (!of_this_kind || !path.starts_with(fault.path_prefix)) continue;
    const std::uint64_t turn = active.seen++;
    if (turn < fault.skip || turn - fault.skip >= fault.times) continue;
    ++failed_calls_;
    return fault.error;
  }
  return 0;
}

InodeNumber DiskState::new_inode(mode_t mode) {
  const InodeNumber number = next_inode_++;
  Inode& file = inodes_[number];
  file.mode = mode;
  touch(file);
  file.synced_modified = file.modified;
  return number;
}

InodeNumber DiskState::must_find(const std::string& path) const {
  const std::optional<InodeNumber> number = names_.find(path);
  if (!number) os::throw_error(ENOENT, "'" + path + "'");
  return *number;
}

std::uint64_t DiskState::used_blocks() const {
  std::uint64_t blocks = 0;
  for (const auto& [number, file] : inodes_) {
    if (file.linked || file.open_handles > 0) blocks += file.content.current().blocks();
  }
  return blocks;
}

std::uint64_t DiskState::free_blocks() const {
  if (!capacity_blocks_) return std::numeric_limits<std::uint64_t>::max() / kDiskBlockBytes;
  return *capacity_blocks_ - std::min(*capacity_blocks_, used_blocks());
}

std::uint64_t DiskState::bytes_that_fit(const Inode& file, ByteRange range) const {
  std::uint64_t room = capacity_blocks_ ? free_blocks() : range.bytes;
  for (std::uint64_t at = range.offset; at < range.end();
       at = (at / kDiskBlockBytes + 1) * kDiskBlockBytes) {
    if (file.content.current().has_block_at(at)) continue;
    if (room == 0) return at - range.offset;
    --room;
  }
  return range.bytes;
}

void DiskState::touch(Inode& file) {
  file.modified = clock();
  file.changed = clock();
}

timespec DiskState::clock() const {
  const std::uint64_t calls = clock_calls_.value_or(counted_calls_);
  return {.tv_sec = kFirstSecond + moved_clock_seconds_ + static_cast<std::int64_t>(calls / 1000),
          .tv_nsec = static_cast<std::int64_t>(calls % 1000) * 1'000'000};
}

struct stat DiskState::stat_of(InodeNumber number) const {
  const Inode& file = inode(number);
  struct stat status = {};
  status.st_dev = 1;
  status.st_ino = number;
  status.st_mode = file.mode;
  status.st_nlink = file.linked ? 1 : 0;
  status.st_uid = ::getuid();
  status.st_gid = ::getgid();
  status.st_size = static_cast<off_t>(file.content.current().size());
  status.st_blksize = kDiskBlockBytes;
  status.st_blocks = static_cast<blkcnt_t>(file.content.current().blocks() * kDiskBlockBytes / 512);
  status.st_atim = file.modified;
  status.st_mtim = file.modified;
  status.st_ctim = file.changed;
  return status;
}

}  // namespace zstdfs::test
