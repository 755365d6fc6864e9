#include "tests/power_cut/recording.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <unistd.h>

#include <algorithm>
#include <stdexcept>

#include "tests/mount/process.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::powercut {
namespace {

using mounttest::check;
using mounttest::Fd;

constexpr std::uint64_t kBlock = 4096;

bool has_data(RecordKind kind) {
  return kind == RecordKind::kWrite || kind == RecordKind::kMark;
}

void read_exactly(const Fd& file, std::uint64_t offset, void* out, std::size_t bytes) {
  const long got = check(::pread(file.get(), out, bytes, static_cast<off_t>(offset)), "pread");
  if (static_cast<std::size_t>(got) != bytes) throw std::runtime_error("the recording ends early");
}

void zero(const Fd& image, std::uint64_t offset, std::uint64_t bytes) {
  check(::fallocate(image.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                    static_cast<off_t>(offset), static_cast<off_t>(bytes)),
        "fallocate");
}

}  // namespace

Recording::Recording(const std::string& path) : file_(mounttest::open_file(path, O_RDONLY)) {
  const auto end = static_cast<std::uint64_t>(mounttest::status_of(file_.get()).st_size);
  for (std::uint64_t at = 0; at < end;) {
    Record record;
    read_exactly(file_, at, static_cast<RecordHead*>(&record), sizeof(RecordHead));
    record.data_offset = at + sizeof(RecordHead);
    at = record.data_offset + (has_data(record.kind) ? record.bytes : 0);
    if (at > end) throw std::runtime_error("the recording ends early");
    records_.push_back(record);
  }
}

Bytes Recording::data(const Record& record) const {
  Bytes out(static_cast<std::size_t>(record.bytes));
  read_exactly(file_, record.data_offset, out.data(), out.size());
  return out;
}

std::string Cut::describe() const {
  std::string text = "after record " + std::to_string(position);
  switch (survival.kind) {
    case Survival::Kind::kNothing:
      text += ", nothing since the last flush is there";
      break;
    case Survival::Kind::kEverything:
      text += ", all writes are there";
      break;
    case Survival::Kind::kSomeWrites:
      text += ", some writes since the last flush are there";
      break;
    case Survival::Kind::kSomeBlocks:
      text += ", some blocks written since the last flush are there";
      break;
  }
  if (again) text += ", and again during the recovery";
  return text;
}

void copy_image(const std::string& from, const std::string& to) {
  const mounttest::Ended copied =
      mounttest::run({"cp", "--reflink=auto", "--sparse=auto", from, to});
  if (!copied.ok()) throw std::runtime_error("cp: " + copied.output);
}

ReplayedDisk::ReplayedDisk(const Recording& recording, std::string image)
    : recording_(recording), image_(std::move(image)) {}

void ReplayedDisk::make(const Cut& cut, const std::string& result) {
  const auto& records = recording_.records();
  std::size_t flushed = cut.position;
  while (flushed > applied_ && records[flushed - 1].kind != RecordKind::kFlush) --flushed;
  {
    const Fd image = mounttest::open_file(image_, O_WRONLY);
    for (; applied_ < flushed; ++applied_) {
      apply(image, records[applied_], {Survival::Kind::kEverything, 0}, applied_);
    }
  }
  copy_image(image_, result);
  const Fd image = mounttest::open_file(result, O_WRONLY);
  for (std::size_t i = flushed; i < cut.position; ++i) apply(image, records[i], cut.survival, i);
}

void ReplayedDisk::apply(const Fd& image, const Record& record, const Survival& survival,
                         std::uint64_t number) const {
  using Kind = Survival::Kind;
  if (record.kind == RecordKind::kFlush || record.kind == RecordKind::kMark) return;
  if (survival.kind == Kind::kNothing) return;
  // Of each record by itself, so that a cut a little later drops the same.
  test::Random random(survival.seed * 1'000'003 + number);
  const std::uint64_t piece = survival.kind == Kind::kSomeBlocks ? kBlock : record.bytes;
  const Bytes data = record.kind == RecordKind::kWrite ? recording_.data(record) : Bytes();
  for (std::uint64_t at = 0; at < record.bytes; at += piece) {
    if (survival.kind != Kind::kEverything && random.chance(50)) continue;
    const std::uint64_t bytes = std::min(piece, record.bytes - at);
    if (record.kind == RecordKind::kZero) {
      zero(image, record.offset + at, bytes);
    } else {
      mounttest::pwrite_all(image.get(), ByteSpan(data).subspan(at, bytes), record.offset + at);
    }
  }
}

}  // namespace zstdfs::powercut
