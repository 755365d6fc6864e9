#include "tools/scrub_file.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <system_error>
#include <thread>

#include "fs/store/journal.hpp"
#include "fs/store/redo.hpp"
#include "tools/file_version.hpp"

namespace zstdfs::tools {
namespace {

constexpr std::size_t kPieceBytes = 128u << 10;
// What changes all the time is looked at so often; longer each time, 6 seconds in all.
constexpr int kAttempts = 7;
constexpr auto kFirstPause = std::chrono::milliseconds(100);

/// A file that is read no faster than a pace allows.
class PacedSource final : public RandomAccessSource {
 public:
  PacedSource(const os::File& file, ReadPace& pace) : file_(file), pace_(pace) {}

  std::uint64_t size() const override { return file_.size(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    pace_.wait_for(out.size());
    return file_.read_at(offset, out);
  }

 private:
  const os::File& file_;
  ReadPace& pace_;
};

/// The next data at or behind `offset`; nothing when there is none.
std::optional<std::uint64_t> next_data(const os::File& file, std::uint64_t offset) {
  try {
    return file.seek_data(offset);
  } catch (const std::system_error& error) {
    if (error.code().value() == ENXIO) return std::nullopt;
    throw;
  }
}

/// Reads what a file has on the disk.
void read_data(const os::File& file, const RandomAccessSource& source) {
  Bytes piece;
  for (auto at = next_data(file, 0); at; at = next_data(file, *at)) {
    piece.resize(
        static_cast<std::size_t>(std::min<std::uint64_t>(file.seek_hole(*at) - *at, kPieceBytes)));
    const std::size_t bytes = source.read_at(*at, piece);
    if (bytes == 0) return;  // It is shorter now.
    *at += bytes;
  }
}

/// Every change of a file gives it another change time, which nobody can set.
bool is_unchanged(const struct stat& before, const struct stat& now) {
  return same_version(before, now) && same_time(before.st_ctim, now.st_ctim);
}

}  // namespace

void ReadPace::wait_for(std::uint64_t bytes) {
  if (bytes_per_second_ == 0) return;
  const std::chrono::duration<double> time(static_cast<double>(bytes) /
                                           static_cast<double>(bytes_per_second_));
  Clock::time_point begin;
  {
    const MutexLock lock(mutex_);
    begin = std::max(next_, Clock::now());
    next_ = begin + std::chrono::duration_cast<Clock::duration>(time);
  }
  std::this_thread::sleep_until(begin);
}

FileCheck FileScrub::check(os::File& file) {
  if (daemon_ == Daemon::kNone) return check_once(file, unmount_);
  FileCheck check = check_beside_daemon(file);
  // It is being written, and whole as far as it is finished.
  check.interrupted = false;
  return check;
}

FileCheck FileScrub::check_once(os::File& file, Unmount unmount) {
  const ByteRange everything{0, file.size()};
  // What is in memory says nothing about the disk. Nor has anybody asked for it afterwards.
  file.drop_clean_pages(everything);
  const PacedSource source(file, pace_);
  FileCheck check = check_file(source, unmount, dictionaries_);
  if (check.form == Form::kRaw && check.whole_file_checked()) {
    try {
      read_data(file, source);
    } catch (const std::system_error& error) {
      check.not_checked = error.code().message();
    }
  }
  file.drop_clean_pages(everything);
  return check;
}

/// Half of a change can look like damage. Damage is what is seen twice, in a file that has not
/// changed in between and is in no rewrite.
FileCheck FileScrub::check_beside_daemon(os::File& file) {
  std::optional<struct stat> suspected;
  auto pause = kFirstPause;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    const struct stat before = file.stat();
    FileCheck check = check_once(file, Unmount::kKilled);
    if (check.damage.empty()) return check;
    const bool seen_twice = suspected && is_unchanged(*suspected, before);
    if (seen_twice && is_unchanged(before, file.stat()) && !is_being_rewritten(file)) {
      return check;
    }
    suspected = before;
    std::this_thread::sleep_for(pause);
    pause *= 2;
  }
  FileCheck check;
  check.not_checked = "it was being changed each time that it was looked at";
  return check;
}

bool FileScrub::is_being_rewritten(const os::File& file) {
  store::Journal journal(volume_);
  return store::find_redo(journal, file.identity()).has_value();
}

}  // namespace zstdfs::tools
