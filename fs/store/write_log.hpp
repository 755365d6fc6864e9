#pragma once

#include <functional>
#include <memory>

#include "fs/os/sync.hpp"
#include "fs/store/journal_codec.hpp"
#include "fs/store/overlay.hpp"

namespace zstdfs::store {

/// What a write log's batch says besides its pieces. docs/format.md, "Write log".
struct LogSizes {
  /// The smallest logical size that the file had since the batch before: what lay beyond is gone.
  std::uint64_t lowest_bytes = 0;
  std::uint64_t logical_bytes = 0;
  /// Logical bytes that the backing file's frames held by then. Pieces of earlier batches that lie
  /// between this number in the batch before and here have become frames.
  std::uint64_t base_bytes = 0;
};

/// A file's write log: changes to a container that are not merged into its frames yet. It makes a
/// flush cost what changed, and keeps flushed data apart from the daemon's life.
///
/// From its second sync on the file has room ahead: zeros behind the batches, which later ones go
/// over, so that to sync these no block is taken and no size changes: as many as the log has bytes,
/// but from 64 KiB to 1 MiB. docs/decisions/0012-room-ahead-in-write-logs.md.
///
/// Thread safety: one thread at a time. Errors: std::system_error; after a failed append the log is
/// as it was before.
class WriteLog {
 public:
  /// Begins a log for the container `generation` of `target`.
  WriteLog(Journal& journal, const JournalTarget& target, std::uint64_t generation);
  /// Goes on with the log file `name`, behind its last whole batch.
  WriteLog(Journal& journal, std::string name, std::uint64_t nonce, std::uint64_t end_offset,
           std::uint64_t batches);

  /// Cuts off, for good, what follows the last batch: batches that were refused, and could fit
  /// later.
  void drop_rest();
  /// Makes the log's space count as that of the backing file's owner: it holds their content.
  void give_to_owner_of(const os::File& backing) { file_->give_to_owner_of(backing); }
  /// Adds a batch: what one flush changed, of `changes` what is not logged yet. It counts as a
  /// whole or not at all. It survives the process's end when this returns, and a power cut after
  /// sync().
  void append(const LogSizes& sizes, const Overlay& changes);
  /// That there is no place for room ahead is no error.
  void sync();
  /// Without the room ahead.
  std::uint64_t bytes() const { return end_; }
  /// Removes the file. Without a sync of the journal directory it may come back after a power cut;
  /// the container's generation tells that it is out of date then.
  void remove();
  /// As remove(), where it is not certain yet that nobody needs the log: see Journal::retire.
  void retire();

 private:
  /// Cuts off what lies behind the batches.
  void cut();
  /// How many zeros are worth writing ahead now.
  std::uint64_t wanted_room_bytes() const;
  /// Returns whether there is room now that was not there before.
  bool make_room();

  Journal& journal_;
  std::string name_;
  std::unique_ptr<os::File> file_;
  std::uint64_t nonce_ = 0;
  std::uint64_t end_ = 0;         // behind the last whole batch
  std::uint64_t room_end_ = 0;    // behind the zeros written ahead; below end_: there are none left
  std::uint64_t synced_end_ = 0;  // end_ when it was synced last
  std::uint64_t batches_ = 0;     // numbers the records
  bool torn_ = false;             // a write failed: there may be something behind end_
  bool no_room_ = false;          // there was no place for it
  bool unsynced_ = true;
  os::ReliableSync sync_;
  bool name_synced_ = false;
};

/// What read_write_log found.
struct WriteLogContent {
  JournalHead head;
  std::uint64_t end_offset = 0;  ///< behind the last whole batch
  std::uint64_t batches = 0;
};

/// A batch holds what one file has in memory, and that is bounded; a larger claim is not ours.
inline constexpr std::uint64_t kMaxBatchBytes = std::uint64_t{1} << 26;

/// What follows the last whole batch of a log.
enum class LogRest {
  kNothing,  ///< at most zeros
  kTorn,     ///< a part of a batch, as an append leaves it that was interrupted
  kOther,    ///< a batch that is there and not right, or no batch at all
};
/// Whether the system may have gone down since the log was written: of a batch any sectors may be
/// missing then, and otherwise only its end.
enum class PowerLoss { kNone, kPossible };
LogRest rest_of_log(const os::File& file, const WriteLogContent& content, PowerLoss power_loss);

using LogReader = std::function<bool(const LogSizes&, Overlay::Pieces&&)>;

/// Reads a log and hands each whole batch to `on_batch`, in order, until one is torn or `on_batch`
/// returns false. Nothing when the file is not a whole log. Throws NewerFormatError,
/// std::system_error.
std::optional<WriteLogContent> read_write_log(const os::File& file, const LogReader& on_batch);

}  // namespace zstdfs::store
