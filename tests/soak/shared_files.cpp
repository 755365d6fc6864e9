#include "tests/soak/shared_files.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

namespace zstdfs::soak {
namespace {

constexpr std::size_t kBlockBytes = 4096;
constexpr std::uint64_t kBlocks = 768;
constexpr std::size_t kLineBytes = 64;
constexpr off_t kMostLogBytes = 6 << 20;
constexpr std::uint64_t kRecordMagic = 0x64726F6365526B73u;
constexpr std::size_t kRecordHeadBytes = 32;
constexpr std::size_t kReplacementHeadBytes = 16;

std::string log_path(const std::string& directory, std::uint64_t number) {
  return directory + "/log." + std::to_string(number);
}

Bytes replacement(std::uint64_t version) {
  test::Random random(version);
  const std::size_t bytes = random.below(200000);
  Bytes out;
  append_le(out, version);
  append_le(out, std::uint64_t{bytes});
  const Bytes content = test::bytes_of_any_kind(bytes, random);
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

class ReplaceLock {
 public:
  explicit ReplaceLock(SharedState& shared) : shared_(shared) {
    ::pthread_mutex_lock(&shared_.replace_lock);
  }
  ~ReplaceLock() { ::pthread_mutex_unlock(&shared_.replace_lock); }
  ReplaceLock(const ReplaceLock&) = delete;
  ReplaceLock& operator=(const ReplaceLock&) = delete;

 private:
  SharedState& shared_;
};

}  // namespace

void make_shared_files(const std::string& mountpoint) {
  const std::string directory = mountpoint + "/shared";
  mounttest::check(::mkdir(directory.c_str(), 0755), directory);
  const mounttest::Fd blocks = mounttest::open_file(directory + "/blocks", O_RDWR | O_CREAT);
  mounttest::check(::ftruncate(blocks.get(), kBlocks * kBlockBytes), "ftruncate");
  mounttest::write_file(log_path(directory, 0), {});
}

void rotate_shared_log(const std::string& mountpoint, SharedState& shared) {
  const std::string directory = mountpoint + "/shared";
  const std::uint64_t number = shared.log_number;
  if (mounttest::status_of(log_path(directory, number)).st_size < kMostLogBytes) return;
  mounttest::write_file(log_path(directory, number + 1), {});
  // Workers still look at the present one once more.
  if (number > 0) {
    mounttest::check(::unlink(log_path(directory, number - 1).c_str()), "unlink");
  }
  shared.log_number = number + 1;
}

SharedFiles::SharedFiles(const std::string& mountpoint, int worker, int workers,
                         SharedState& shared, Calls& calls, test::Random& random)
    : directory_(mountpoint + "/shared"),
      worker_(static_cast<std::uint64_t>(worker)),
      workers_(static_cast<std::uint64_t>(workers)),
      shared_(shared),
      calls_(calls),
      random_(random) {
  for (std::uint64_t number = worker_; number < kBlocks; number += workers_) {
    own_blocks_.emplace_back();
  }
}

void SharedFiles::step() {
  switch (random_.below(10)) {
    case 0:
    case 1:
    case 2:
      return write_block();
    case 3:
      return read_blocks();
    case 4:
      if (random_.chance(50)) {
        calls_.note("fsync shared blocks");
        return promise_blocks(Call::kFsync, ::fsync(blocks()));
      }
      calls_.note("close shared blocks");
      blocks();
      return promise_blocks(Call::kClose, blocks_fd_.close());
    case 5:
    case 6:
      return append_record();
    case 7:
      return read_record();
    case 8:
      return replace();
    default:
      return read_current();
  }
}

std::uint64_t SharedFiles::number_of(std::size_t own_block) const {
  return worker_ + own_block * workers_;
}

// Each line names the block, so that whoever reads it knows that it is in its place.
Bytes SharedFiles::block_content(std::uint64_t number, std::uint64_t version) const {
  Bytes out(kBlockBytes);
  if (version == 0) return out;
  test::Random random(number * 1000003 + version);
  const bool is_random = random.chance(50);
  std::uint64_t value = random.next();
  for (std::size_t at = 0; at < kBlockBytes; at += sizeof(value)) {
    if (is_random) value = random.next();
    store_le(MutableByteSpan(out), at, at % kLineBytes == 0 ? number + 1 : value);
  }
  return out;
}

int SharedFiles::blocks() {
  if (!blocks_fd_.valid()) {
    blocks_fd_ = mounttest::Fd(::open((directory_ + "/blocks").c_str(), O_RDWR | O_CLOEXEC));
    calls_.judge(Call::kOpen, blocks_fd_.get());
  }
  return blocks_fd_.get();
}

void SharedFiles::write_block() {
  const std::size_t own = random_.below(own_blocks_.size());
  Block& block = own_blocks_[own];
  const std::uint64_t number = number_of(own);
  const std::uint64_t version = next_version_++;
  const Bytes content = block_content(number, version);
  calls_.note("shared block " + std::to_string(number) + " version " + std::to_string(version));
  const auto offset = static_cast<off_t>(number * kBlockBytes);
  block.possible.insert(version);
  const long wrote = ::pwrite(blocks(), content.data(), content.size(), offset);
  const Outcome outcome = calls_.judge(Call::kSharedBlock, wrote, Space::kMayLack);
  if (outcome == Outcome::kDone && wrote == static_cast<long>(content.size())) {
    block.possible.insert(block.version);
    block.version = version;
    return;
  }
  const Bytes found = read_at(blocks(), number * kBlockBytes, kBlockBytes);
  if (found == content) {
    block.possible.insert(block.version);
    block.version = version;
  } else if (found != block_content(number, block.version)) {
    throw Violation("shared block " + std::to_string(number) +
                        " is neither old nor new after a write that failed",
                    found, block_content(number, block.version));
  }
}

Bytes SharedFiles::read_at(int fd, std::uint64_t offset, std::size_t bytes) {
  // Until the end: what stopped a read in its middle, the next one says.
  Bytes found(bytes);
  std::size_t done = 0;
  while (done < bytes) {
    const long got =
        ::pread(fd, found.data() + done, bytes - done, static_cast<off_t>(offset + done));
    calls_.judge(Call::kSharedRead, got);
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  found.resize(done);
  return found;
}

// Own blocks are known; of the others, that they are blocks in their place.
void SharedFiles::read_blocks() {
  const std::uint64_t first = random_.below(kBlocks);
  const std::uint64_t count = std::min<std::uint64_t>(1 + random_.below(64), kBlocks - first);
  calls_.note("read shared blocks from " + std::to_string(first));
  const Bytes found = read_at(blocks(), first * kBlockBytes, count * kBlockBytes);
  if (found.size() != count * kBlockBytes) throw Violation("the shared blocks end too early");
  for (std::uint64_t number = first; number < first + count; ++number) {
    const ByteSpan block = ByteSpan(found).subspan((number - first) * kBlockBytes, kBlockBytes);
    if (number % workers_ == worker_) {
      const Bytes wanted = block_content(number, own_blocks_[number / workers_].version);
      if (std::equal(block.begin(), block.end(), wanted.begin())) continue;
      throw Violation("shared block " + std::to_string(number) + " is not what was written",
                      Bytes(block.begin(), block.end()), wanted);
    }
    for (std::size_t at = 0; at < kBlockBytes; at += kLineBytes) {
      const auto name = load_le<std::uint64_t>(block, at);
      if (name == 0 || name == number + 1) continue;
      throw Violation("shared block " + std::to_string(number) + " has a line of another",
                      Bytes(block.begin(), block.end()));
    }
  }
}

void SharedFiles::promise_blocks(Call call, int result) {
  if (calls_.judge(call, result, Space::kMayLack) != Outcome::kDone) return;
  for (Block& block : own_blocks_) block.possible.clear();
}

void SharedFiles::check_blocks() {
  for (std::size_t own = 0; own < own_blocks_.size(); ++own) {
    Block& block = own_blocks_[own];
    const std::uint64_t number = number_of(own);
    const Bytes found = read_at(blocks(), number * kBlockBytes, kBlockBytes);
    block.possible.insert(block.version);
    bool is_possible = false;
    for (const std::uint64_t version : block.possible) {
      if (found != block_content(number, version)) continue;
      is_possible = true;
      block.version = version;
      break;
    }
    if (!is_possible) {
      throw Violation("shared block " + std::to_string(number) + " is none of " +
                          std::to_string(block.possible.size()) + " possible versions",
                      found, block_content(number, block.version));
    }
    block.possible.clear();
  }
}

int SharedFiles::log() {
  if (!log_fd_.valid()) {
    const std::string path = log_path(directory_, log_number_);
    log_fd_ = mounttest::Fd(::open(path.c_str(), O_RDWR | O_APPEND | O_CLOEXEC));
    calls_.judge(Call::kOpen, log_fd_.get());
  }
  return log_fd_.get();
}

Bytes SharedFiles::record_content(const Record& record) const {
  Bytes out;
  append_le(out, kRecordMagic);
  append_le(out, worker_);
  append_le(out, record.number);
  append_le(out, std::uint64_t{record.bytes});
  test::Random random(worker_ * 1000003 + record.number);
  const Bytes content = test::bytes_of_any_kind(record.bytes - kRecordHeadBytes, random);
  out.insert(out.end(), content.begin(), content.end());
  return out;
}

void SharedFiles::append_record() {
  Record record;
  record.number = next_record_++;
  record.bytes = kRecordHeadBytes + random_.below(random_.chance(5) ? 60000 : 600);
  const Bytes content = record_content(record);
  calls_.note("append shared record " + std::to_string(record.number));
  const long wrote = ::write(log(), content.data(), content.size());
  const Outcome outcome = calls_.judge(Call::kSharedAppend, wrote, Space::kMayLack);
  if (outcome == Outcome::kDone && wrote == static_cast<long>(content.size())) {
    record.offset = static_cast<std::uint64_t>(::lseek(log_fd_.get(), 0, SEEK_CUR)) - record.bytes;
    records_.push_back(record);
  }
  if (!random_.chance(25)) return;
  calls_.note("store shared log");
  const bool closes = random_.chance(50);
  const int result = closes ? log_fd_.close() : ::fdatasync(log_fd_.get());
  if (calls_.judge(closes ? Call::kClose : Call::kFdatasync, result, Space::kMayLack) !=
      Outcome::kDone) {
    return;
  }
  for (Record& known : records_) known.promised = true;
}

void SharedFiles::read_record() {
  if (records_.empty()) return;
  const Record& record = records_[random_.below(records_.size())];
  calls_.note("read shared record " + std::to_string(record.number));
  const Bytes found = read_at(log(), record.offset, record.bytes);
  if (found == record_content(record)) return;
  throw Violation("shared record " + std::to_string(record.number) + " at " +
                      std::to_string(record.offset) + " is not what was appended",
                  found, record_content(record));
}

void SharedFiles::check_records() {
  std::vector<Record> kept;
  for (Record record : records_) {
    const Bytes found = read_at(log(), record.offset, record.bytes);
    if (found == record_content(record)) {
      record.promised = true;
      kept.push_back(record);
    } else if (record.promised) {
      throw Violation("shared record " + std::to_string(record.number) + " at " +
                          std::to_string(record.offset) + " was stored, and is lost",
                      found, record_content(record));
    }
  }
  records_ = std::move(kept);
  if (shared_.log_number == log_number_) return;
  log_fd_.close();
  log_number_ = shared_.log_number;
  records_.clear();
}

void SharedFiles::replace() {
  std::uint64_t version = 0;
  {
    const ReplaceLock lock(shared_);
    version = ++shared_.given_version;
  }
  const std::string fresh = directory_ + "/new." + std::to_string(worker_);
  const Bytes content = replacement(version);
  calls_.note("replace current by version " + std::to_string(version));
  mounttest::Fd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (calls_.judge(Call::kSharedReplace, fd.get(), Space::kMayLack) != Outcome::kDone) return;
  const long wrote = ::write(fd.get(), content.data(), content.size());
  bool whole = calls_.judge(Call::kSharedReplace, wrote, Space::kMayLack) == Outcome::kDone &&
               wrote == static_cast<long>(content.size());
  if (random_.chance(30)) {
    const int synced = ::fsync(fd.get());
    whole = calls_.judge(Call::kSharedReplace, synced, Space::kMayLack) == Outcome::kDone && whole;
  }
  const int closed = fd.close();
  whole = calls_.judge(Call::kSharedReplace, closed, Space::kMayLack) == Outcome::kDone && whole;
  const ReplaceLock lock(shared_);
  if (!whole || version < shared_.replaced_version) {
    calls_.judge(Call::kUnlink, ::unlink(fresh.c_str()));
    return;
  }
  const int renamed = ::rename(fresh.c_str(), (directory_ + "/current").c_str());
  if (calls_.judge(Call::kSharedReplace, renamed, Space::kMayLack) == Outcome::kDone) {
    shared_.replaced_version = version;
  }
}

void SharedFiles::read_current() {
  const std::uint64_t at_least = shared_.replaced_version;
  if (at_least == 0) return;
  calls_.note("read current");
  const mounttest::Fd fd(::open((directory_ + "/current").c_str(), O_RDONLY | O_CLOEXEC));
  calls_.judge(Call::kSharedRead, fd.get());
  struct stat status {};
  calls_.judge(Call::kSharedRead, ::fstat(fd.get(), &status));
  const Bytes found = read_at(fd.get(), 0, static_cast<std::size_t>(status.st_size) + 1);
  const std::uint64_t version =
      found.size() < kReplacementHeadBytes ? 0 : load_le<std::uint64_t>(found, 0);
  if (version < at_least) {
    throw Violation("current has version " + std::to_string(version) + ", older than " +
                        std::to_string(at_least),
                    found);
  }
  const Bytes wanted = replacement(version);
  if (found == wanted) return;
  throw Violation(
      "current, version " + std::to_string(version) + ": " + mounttest::difference(found, wanted),
      found, wanted);
}

void SharedFiles::close() {
  if (blocks_fd_.valid()) promise_blocks(Call::kClose, blocks_fd_.close());
  if (!log_fd_.valid()) return;
  if (calls_.judge(Call::kClose, log_fd_.close(), Space::kMayLack) != Outcome::kDone) return;
  for (Record& record : records_) record.promised = true;
}

void SharedFiles::check() {
  calls_.note("check what is shared");
  blocks_fd_.close();
  log_fd_.close();
  check_blocks();
  check_records();
  read_current();
  struct stat status {};
  calls_.judge(Call::kStat, ::fstat(blocks(), &status));
  if (status.st_size != kBlocks * kBlockBytes) {
    throw Violation("the shared blocks have " + std::to_string(status.st_size) + " bytes");
  }
}

}  // namespace zstdfs::soak
