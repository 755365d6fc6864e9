#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/mount/files.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::powercut {

/// What reaches a disk. A recording is a file of these, each followed by its bytes where it has
/// any.
enum class RecordKind : std::uint32_t {
  kWrite,  ///< with the bytes that were written
  kZero,   ///< discarded, or made zero
  kFlush,  ///< what was written before is on stable storage from here on
  kMark,   ///< not for the disk: a note of what a program was promised, as text
};

/// As it lies in the recording, which is read on the machine that wrote it.
struct RecordHead {
  RecordKind kind = RecordKind::kWrite;
  std::uint32_t reserved = 0;
  std::uint64_t offset = 0;  ///< on the disk
  std::uint64_t bytes = 0;
};

struct Record : RecordHead {
  std::uint64_t data_offset = 0;  ///< in the recording
};

/// A recording that is complete. Not thread-safe.
class Recording {
 public:
  /// Throws std::system_error, or std::runtime_error when the end is cut off.
  explicit Recording(const std::string& path);

  const std::vector<Record>& records() const { return records_; }
  Bytes data(const Record& record) const;

 private:
  mounttest::Fd file_;
  std::vector<Record> records_;
};

/// What of the writes since the last flush is there after the power went.
struct Survival {
  enum class Kind {
    kNothing,
    kEverything,
    kSomeWrites,  ///< each write as a whole, or not
    kSomeBlocks,  ///< each 4 KiB of each write
  };
  Kind kind = Kind::kNothing;
  std::uint64_t seed = 0;
};

/// A loss of power after the first `position` records.
struct Cut {
  std::size_t position = 0;
  Survival survival;
  /// Where it is set, the power goes once more during the recovery, at random by this seed.
  std::optional<std::uint64_t> again;

  std::string describe() const;
};

/// Copies an image, leaving out what was never written.
void copy_image(const std::string& from, const std::string& to);

/// The disk of a recording, as losses of power leave it. Not thread-safe.
class ReplayedDisk {
 public:
  /// `image` is the disk as it was when the recording began, and is changed.
  ReplayedDisk(const Recording& recording, std::string image);

  /// Makes `result` the disk after `cut`. From call to call positions only ascend.
  void make(const Cut& cut, const std::string& result);

 private:
  void apply(const mounttest::Fd& image, const Record& record, const Survival& survival,
             std::uint64_t number) const;

  const Recording& recording_;
  std::string image_;
  std::size_t applied_ = 0;  // records that the image holds
};

}  // namespace zstdfs::powercut
