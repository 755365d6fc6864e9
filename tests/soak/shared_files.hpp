#pragma once

#include <set>
#include <string>
#include <vector>

#include "tests/mount/files.hpp"
#include "tests/patterns.hpp"
#include "tests/soak/calls.hpp"

namespace zstdfs::soak {

/// Makes what all workers share, in a new mount.
void make_shared_files(const std::string& mountpoint);
/// Lets records go to a new file when the present one is large, and removes the one before. Called
/// while no worker works.
void rotate_shared_log(const std::string& mountpoint, SharedState& shared);

/// One worker's part in the files that all workers share:
/// - `blocks`, in which each block of 4 KiB is written by one worker alone;
/// - `log.N`, to which all append records;
/// - `current`, which is replaced by renaming another file over it.
///
/// Not thread-safe; each worker has its own.
class SharedFiles {
 public:
  SharedFiles(const std::string& mountpoint, int worker, int workers, SharedState& shared,
              Calls& calls, test::Random& random);

  void step();
  /// Closes what is open. Throws MountGone, Violation.
  void close();
  /// After a remount: everything that was promised is there. Throws MountGone, Violation.
  void check();

 private:
  struct Block {
    std::uint64_t version = 0;         ///< what a read shows
    std::set<std::uint64_t> possible;  ///< what else may be there once the daemon was killed
  };
  struct Record {
    std::uint64_t offset = 0;
    std::uint64_t number = 0;
    std::size_t bytes = 0;
    bool promised = false;
  };

  void write_block();
  void read_blocks();
  void promise_blocks(Call call, int result);
  void append_record();
  void read_record();
  void replace();
  void read_current();

  std::uint64_t number_of(std::size_t own_block) const;
  Bytes block_content(std::uint64_t number, std::uint64_t version) const;
  Bytes record_content(const Record& record) const;
  int blocks();
  int log();
  Bytes read_at(int fd, std::uint64_t offset, std::size_t bytes);
  void check_blocks();
  void check_records();

  const std::string directory_;
  const std::uint64_t worker_;
  const std::uint64_t workers_;
  SharedState& shared_;
  Calls& calls_;
  test::Random& random_;

  mounttest::Fd blocks_fd_;
  std::vector<Block> own_blocks_;
  std::uint64_t next_version_ = 1;

  mounttest::Fd log_fd_;
  std::uint64_t log_number_ = 0;
  std::vector<Record> records_;
  std::uint64_t next_record_ = 0;
};

}  // namespace zstdfs::soak
