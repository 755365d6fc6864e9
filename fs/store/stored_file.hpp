#pragma once

#include <sys/stat.h>

#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "fs/os/file.hpp"
#include "fs/os/sync.hpp"
#include "fs/store/file_key.hpp"
#include "fs/store/file_services.hpp"
#include "fs/store/frames_underway.hpp"
#include "fs/store/new_frame.hpp"
#include "fs/store/overlay.hpp"
#include "fs/store/read_ahead.hpp"
#include "fs/store/recompression.hpp"
#include "fs/store/redo.hpp"
#include "fs/store/write_log.hpp"
#include "zstdfs/bytes.hpp"
#include "zstdfs/container_header.hpp"
#include "zstdfs/frame_index.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::store {

class ContainerRewriter;

/// Of a file's content. Several threads answer the kernel's requests: a later one may come first.
inline constexpr ReadAhead::Limits kReadAhead = {
    .most = 8u << 20, .fewest = 256u << 10, .slack = 2u << 20};

/// What is remembered of a file when nobody has it open any more.
struct FileAtRest {
  struct stat lower;  ///< of the backing file
  /// Nothing where it is not what the backing file alone says.
  std::optional<std::uint64_t> logical_bytes;
};

/// How a file is stored, for people.
struct StoredFacts {
  bool is_container = false;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;  ///< of the backing file and of its write log
  /// Of a container: what it is written on with.
  Settings settings;
  std::uint64_t frames = 0;
};

/// One regular file of the store, seen logically. docs/architecture.md tells the life of a write.
///
/// Thread safety: all methods may run concurrently; reads share, writes exclude.
/// Errors: CorruptError when stored bytes are wrong, std::system_error from the lower filesystem,
/// or EFBIG, ENXIO, EOPNOTSUPP, EROFS as the system calls have them.
/// Lifetime: `services` outlives the file.
class StoredFile {
 public:
  /// Reads the backing file's form. Throws NewerFormatError, std::system_error.
  StoredFile(FileServices& services, FileKey key, std::unique_ptr<os::File> backing);
  /// Drops what was not flushed.
  ~StoredFile();
  StoredFile(const StoredFile&) = delete;
  StoredFile& operator=(const StoredFile&) = delete;

  const FileKey& key() const { return key_; }

  /// Reads logical bytes from `logical_offset` into `out`. Returns how many were read: fewer than
  /// `out.size()` only at the end of the file. Holes read as zeros.
  std::size_t read(std::uint64_t logical_offset, MutableByteSpan out) ZSTDFS_EXCLUDES(state_mutex_);

  /// Writes `bytes`. They are visible to reads at once, and safe from the daemon's end after
  /// flush(), from a power cut after sync(). After an error the content is as it was, or has been
  /// written in part.
  void write(std::uint64_t logical_offset, ByteSpan bytes) ZSTDFS_EXCLUDES(write_mutex_);
  void truncate(std::uint64_t logical_bytes) ZSTDFS_EXCLUDES(write_mutex_);

  /// Space cannot be promised for content that will be compressed: a container only grows.
  void allocate(ByteRange range, os::AllocateKind kind) ZSTDFS_EXCLUDES(write_mutex_);
  void punch_hole(ByteRange range) ZSTDFS_EXCLUDES(write_mutex_);
  void zero_range(ByteRange range, os::AllocateKind kind) ZSTDFS_EXCLUDES(write_mutex_);

  /// SEEK_DATA and SEEK_HOLE; throw ENXIO as lseek does.
  std::uint64_t seek_data(std::uint64_t logical_offset) ZSTDFS_EXCLUDES(state_mutex_);
  std::uint64_t seek_hole(std::uint64_t logical_offset) ZSTDFS_EXCLUDES(state_mutex_);

  /// What close(2) waits for: when it returns, the content no longer depends on this process.
  /// Cheap when nothing changed. After an error everything is still readable, and the next flush
  /// tries again.
  void flush() ZSTDFS_EXCLUDES(write_mutex_);
  /// fsync(2): as flush, and durable.
  void sync(os::SyncKind kind) ZSTDFS_EXCLUDES(write_mutex_);

  std::uint64_t logical_bytes() ZSTDFS_EXCLUDES(state_mutex_);
  /// The status that applications see.
  struct stat present() ZSTDFS_EXCLUDES(state_mutex_);
  StoredFacts facts() ZSTDFS_EXCLUDES(write_mutex_);
  /// A name of the file was taken away or moved, which moves the change time: should content be
  /// stored just now, that may not be hidden. Does not wait for anything.
  void name_changed() { name_changed_ = backing_changed_ = true; }

  /// What a change of attributes is about.
  enum class Attributes {
    kOthers,
    kModificationTime,  ///< with or without others
    kPrivileges,        ///< set-id bits and capabilities, with or without all others
  };
  /// Runs `change`, which changes attributes of the backing file by other means (chmod, utimensat).
  /// Nothing that stores content comes in between: it would hide that the change time has moved,
  /// and put back the modification time that it found. The lower filesystem takes privileges away
  /// when content is stored, so all there is to store is stored before they are given. Throws what
  /// `change` throws; for kModificationTime also std::system_error, when a rewrite that was begun,
  /// and would set the time too, cannot be brought to its end; for kPrivileges what settle()
  /// throws.
  void change_attributes(Attributes which, const std::function<void()>& change)
      ZSTDFS_EXCLUDES(write_mutex_);

  /// Stores the content anew with the settings that the policy decides now, but for what `choice`
  /// decides. Others may read and write meanwhile. Throws MissingDictionaryError when the
  /// dictionary is missing; after an error the file is stored as before.
  RecompressionResult recompress(const SettingsChoice& choice) ZSTDFS_EXCLUDES(write_mutex_);
  /// What recompress() would do. Changes nothing, and needs no right to write.
  RecompressionPlan plan_recompression(const SettingsChoice& choice) ZSTDFS_EXCLUDES(write_mutex_);

  // For the store:

  bool can_write() ZSTDFS_EXCLUDES(state_mutex_);
  /// Takes a descriptor that can write, where the present one cannot.
  void use_writable(std::unique_ptr<os::File> backing) ZSTDFS_EXCLUDES(write_mutex_);
  /// Whether settle() would do something.
  bool needs_settling() const { return needs_settling_; }
  /// How many bytes settle() may have to move besides what changed.
  std::uint64_t settling_cost() ZSTDFS_EXCLUDES(state_mutex_);
  /// Whether there is content that a flush has to save.
  bool needs_flush() const { return needs_flush_; }
  /// What changes that are not stored for good take in memory.
  std::uint64_t held_bytes() const { return accounted_bytes_; }
  /// Stores them for good, also while the file is open.
  void give_up_memory() ZSTDFS_EXCLUDES(write_mutex_);
  /// Merges the write log into the frames and reconsiders the form. Afterwards the backing file
  /// alone holds the content.
  void settle() ZSTDFS_EXCLUDES(write_mutex_);
  /// Waits until no change is under way, and brings a rewrite to its end that has failed before.
  /// Throws when it fails again.
  void finish_changes() ZSTDFS_EXCLUDES(write_mutex_);
  /// Nobody can reach the file any more: its journal files are retired.
  void discard() ZSTDFS_EXCLUDES(write_mutex_);
  /// Takes up a write log that an interrupted daemon left. Returns false when the log is not for
  /// the backing file as it is now.
  bool restore_log(const std::string& journal_name) ZSTDFS_EXCLUDES(write_mutex_);
  bool is_unlinked() ZSTDFS_EXCLUDES(state_mutex_);
  bool uses_dictionary(std::uint32_t id) ZSTDFS_EXCLUDES(state_mutex_);
  /// How many syncs of a raw file have failed, after which the next one succeeds without what was
  /// lost: who has it open is to be told once, whoever asked for that sync.
  std::uint64_t lost_syncs() const { return lost_syncs_; }
  /// The backing file stays open until the end. Throws std::system_error.
  void keep_open() ZSTDFS_EXCLUDES(state_mutex_);
  /// Whether the backing file's content, attributes or names may have changed since this object was
  /// made.
  bool has_changed_backing() const { return backing_changed_; }
  /// How it is now. Throws std::system_error.
  FileAtRest at_rest() ZSTDFS_EXCLUDES(write_mutex_);

 private:
  enum class Form {
    kEmpty,  ///< nothing stored yet: what there is, is in the overlay; form not decided
    kRaw,    ///< stored verbatim, changed in place; the overlay is empty
    kContainer,
  };

  using FrameSink = std::function<void(NewFrame&&)>;

  // Content is stored raw when compressing it makes it smaller by less than a 32nd.
  static constexpr std::uint64_t kWorthNumerator = 31;
  static constexpr std::uint64_t kWorthDenominator = 32;

  /// The state that readers see.
  struct State {
    Form form = Form::kEmpty;
    std::uint64_t logical_bytes = 0;
    // Containers:
    ContainerHeader header;
    FrameIndex index;
    /// The frames count only up to this logical offset; beyond, they were truncated away.
    std::uint64_t base_limit = 0;
    bool damaged = false;  ///< the index ends before the file's content does
    std::uint64_t content_id = 0;
  };

  /// A rewrite that is in a redo file and has to be brought to its end before anything else changes
  /// the file.
  struct PendingRewrite {
    enum class Progress {
      kPlanned,  ///< the backing file is as it was, and is what readers see
      kBegun,    ///< it is neither old nor new: readers see it with the redo file laid over
      kApplied,  ///< it is new, but may not be on stable storage: readers see it as before
      kDurable,  ///< the redo file has only to be removed
    };
    std::string redo_name;
    RedoMap map;
    State after;    ///< what readers see once it has begun
    OpenRedo redo;  ///< while readers see it
    Progress progress = Progress::kPlanned;
    bool keeps_privileges = false;  ///< the content stays what it is
  };

  /// What applications see while storing content moves the backing file's own times.
  struct ShownTimes {
    timespec modified;
    timespec changed;
  };

  // What the holder of write_mutex_ may look at without state_mutex_: nobody else changes it.
  const State& seen() const ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    return state_;
  }
  const Overlay& seen_overlay() const
      ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    return overlay_;
  }
  os::File& backing() const ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    return *backing_;
  }
  const PendingRewrite* seen_pending() const
      ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS {
    return pending_ ? &*pending_ : nullptr;
  }

  // stored_file.cpp
  void load() ZSTDFS_REQUIRES(write_mutex_, state_mutex_);
  std::size_t read_locked(std::uint64_t offset, MutableByteSpan out)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Lets the kernel fetch what will be asked for after this read.
  void fetch_ahead(ByteRange read) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Content of any range, zeros beyond the end.
  void load_content(std::uint64_t offset, MutableByteSpan out) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  void load_from_frames(std::uint64_t offset, MutableByteSpan out)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  void load_from_frame(const FrameEntry& frame, std::uint64_t skip, MutableByteSpan out)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Calls `read` with the stored bytes that belong to `state_`.
  template <typename Read>
  auto from_stored(const Read& read) const ZSTDFS_REQUIRES_SHARED(state_mutex_) {
    if (!is_being_rewritten()) return read(static_cast<const RandomAccessSource&>(*backing_));
    return read(static_cast<const RandomAccessSource&>(
        RewrittenSource(*backing_, *pending_->redo.file, pending_->map)));
  }
  bool is_being_rewritten() const ZSTDFS_REQUIRES_SHARED(state_mutex_) {
    return pending_ && pending_->redo.file != nullptr;
  }
  void read_stored_frame(const FrameEntry& frame, MutableByteSpan out)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  bool is_zero_run(const FrameEntry& frame) const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// The first offset from `offset` on that may hold something else than zeros; the logical size
  /// when there is none.
  std::uint64_t next_data(std::uint64_t offset) const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  std::uint64_t end_of_data(std::uint64_t offset) const ZSTDFS_REQUIRES_SHARED(state_mutex_);

  // stored_file_write.cpp
  /// What every change begins with: finishes a pending rewrite, refuses where nothing can change.
  void begin_change(std::uint64_t logical_end) ZSTDFS_REQUIRES(write_mutex_);
  /// The largest size that a container with this chunk size can get.
  static std::uint64_t most_logical_bytes(std::uint32_t chunk_bytes);
  /// The same for the file's own, or for what the mount's options say while that is not decided.
  std::uint64_t most_logical_bytes() const ZSTDFS_REQUIRES(write_mutex_);
  void refuse_if_damaged() ZSTDFS_REQUIRES(write_mutex_);
  /// The modification time becomes that of now. Before the content changes, because it may fail.
  void stamp() ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_EXCLUDES(state_mutex_);
  /// Notes that the overlay has other content from `unchanged_below` on.
  void changed_in_memory(std::uint64_t unchanged_below = 0)
      ZSTDFS_REQUIRES(write_mutex_, state_mutex_);
  bool would_look_like_container(std::uint64_t offset, ByteSpan bytes)
      ZSTDFS_REQUIRES(write_mutex_);
  /// Whether it is a raw file, and goes on being one with zeros there; if not, it is none any more.
  bool stays_raw_when_zeroed(ByteRange range) ZSTDFS_REQUIRES(write_mutex_);
  void make_container() ZSTDFS_REQUIRES(write_mutex_);
  /// What comes behind the end with this size.
  ByteRange growth_to(std::uint64_t logical_bytes) ZSTDFS_REQUIRES(write_mutex_);
  void write_raw(std::uint64_t offset, ByteSpan bytes) ZSTDFS_REQUIRES(write_mutex_);
  /// Makes a change of a raw file's backing file. After an error that is no longer than before.
  void change_raw(const std::function<void(os::File&)>& change) ZSTDFS_REQUIRES(write_mutex_);
  void grow_to(std::uint64_t logical_bytes) ZSTDFS_REQUIRES(write_mutex_, state_mutex_);
  void truncate_to_nothing() ZSTDFS_REQUIRES(write_mutex_);
  /// So much of one file is given up when all files together hold too much.
  std::uint64_t worth_committing() const;
  /// Keeps the memory that changes take within bounds.
  void relieve_memory() ZSTDFS_REQUIRES(write_mutex_);
  void store_early() ZSTDFS_REQUIRES(write_mutex_);
  bool holds_too_much() const ZSTDFS_REQUIRES(write_mutex_);
  bool all_hold_too_much() const;
  void store_for_good() ZSTDFS_REQUIRES(write_mutex_);
  void account_memory() ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_REQUIRES_SHARED(state_mutex_);

  // stored_file_commit.cpp
  /// Makes the backing file durable as it is.
  void sync_backing(os::SyncKind kind) ZSTDFS_REQUIRES(write_mutex_);
  void flush_locked() ZSTDFS_REQUIRES(write_mutex_);
  void flush_container() ZSTDFS_REQUIRES(write_mutex_);
  /// Merges a long log. After an error in which nothing has happened, the log stays.
  void merge_if_possible() ZSTDFS_REQUIRES(write_mutex_);
  /// Gives an undecided file its form and stores it.
  void first_commit() ZSTDFS_REQUIRES(write_mutex_);
  /// All frames of a file that has none; compressed harder where that saves its last block.
  std::vector<NewFrame> encode_new_file() ZSTDFS_REQUIRES(write_mutex_);
  void store_as_raw() ZSTDFS_REQUIRES(write_mutex_);
  void store_as_container(const std::vector<NewFrame>& frames) ZSTDFS_REQUIRES(write_mutex_);
  /// What storing the changes verbatim would take, in blocks.
  std::uint64_t raw_blocks() ZSTDFS_REQUIRES(write_mutex_);
  /// Appends the content of [frames' end, logical_end) as frames.
  void append_frames(std::uint64_t logical_end) ZSTDFS_REQUIRES(write_mutex_);
  void write_appended(std::vector<NewFrame>& frames) ZSTDFS_REQUIRES(write_mutex_);
  /// Lets frames be made of the whole chunks up to `logical_end`, all of which the overlay has.
  /// Returns how far it got: chunks of zeros are left.
  std::uint64_t start_frames(std::uint64_t logical_end) ZSTDFS_REQUIRES(write_mutex_);
  /// Stores frames that are ready, and waits for others until no more than so many bytes are
  /// underway.
  void store_frames_underway(std::uint64_t most_bytes_left) ZSTDFS_REQUIRES(write_mutex_);
  void drop_frames_underway() ZSTDFS_REQUIRES(write_mutex_);
  /// Writes seek table and header.
  void seal() ZSTDFS_REQUIRES(write_mutex_);
  /// Whether neither changes in memory nor in a log are needed besides the frames, nor hide any.
  bool frames_hold_all() const ZSTDFS_REQUIRES(write_mutex_);
  void write_to_log() ZSTDFS_REQUIRES(write_mutex_);
  void begin_log() ZSTDFS_REQUIRES(write_mutex_);
  void stream_out() ZSTDFS_REQUIRES(write_mutex_);
  void stream_as_raw() ZSTDFS_REQUIRES(write_mutex_);
  /// Does `work`, which changes the backing file, and hides from applications that its times have
  /// moved: the modification time is put back, the change time is remembered.
  void unseen(const std::function<void()>& work) ZSTDFS_REQUIRES(write_mutex_);
  /// Returns the backing file's change time.
  timespec put_times_back() ZSTDFS_REQUIRES(write_mutex_);
  timespec modification_time() const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Asks what becomes of a file that has no frames yet.
  void decide_settings() ZSTDFS_REQUIRES(write_mutex_);
  /// Makes the header that of a container for so much content: with chunks that are large enough,
  /// and of the short form or not.
  static void fit_header(ContainerHeader& header, std::uint64_t logical_bytes);
  /// How frames are made that go with this header.
  FrameRecipe recipe(const ContainerHeader& header, int level) const
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Cuts a range into the header's chunks, encodes them on all threads, and hands them over in
  /// order.
  void encode_range(ByteRange range, const ContainerHeader& header, int level,
                    const FrameSink& sink) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Runs on the pool's threads while encode_range's caller holds state_mutex_.
  NewFrame encode_chunk(ByteRange range,
                        const FrameRecipe& recipe) ZSTDFS_NO_THREAD_SAFETY_ANALYSIS;
  void count_frame(const NewFrame& frame);
  std::vector<NewFrame> encode_all(ByteRange range, int level) ZSTDFS_EXCLUDES(state_mutex_);
  bool begins_like_container() ZSTDFS_REQUIRES_SHARED(state_mutex_);
  bool may_be_raw() ZSTDFS_REQUIRES(write_mutex_);
  bool must_be_raw() ZSTDFS_REQUIRES(write_mutex_);
  JournalTarget journal_target() ZSTDFS_REQUIRES_SHARED(state_mutex_);

  // stored_file_merge.cpp
  void merge() ZSTDFS_REQUIRES(write_mutex_);
  std::vector<ByteRange> ranges_to_encode() const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  ByteRange expanded_to_frames(ByteRange range) const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Places a frame behind those that `after` has so far.
  static void place_frame(State& after, NewFrame&& frame, RedoWriter& redo);
  State plan_merge(RedoWriter& redo) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  void keep_frames(ContainerRewriter& rewriter, ByteRange range)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// How many stored bytes a merge that encodes these ranges may have to move. 0 where it will
  /// rather compress them harder, so that they fit where they were.
  std::uint64_t bytes_to_move(const std::vector<ByteRange>& ranges) const
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  void encode_to_fit(ContainerRewriter& rewriter, ByteRange range)
      ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Fills in what a container's header says, and adds header and seek table to the rewrite.
  void finish_container(State& after, RedoWriter& redo);
  /// The rewrite that makes the file `after`, when all it takes is in the redo file.
  PendingRewrite finish_redo(State after, RedoWriter& redo) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Goes through with a rewrite whose redo file is finished.
  void rewrite(PendingRewrite rewrite) ZSTDFS_REQUIRES(write_mutex_);
  /// May be called again after it failed. Nothing else may change the file before it has succeeded.
  void finish_rewrite() ZSTDFS_REQUIRES(write_mutex_);
  /// From now on readers see the file as the redo file leaves it. After an error nothing happened.
  void begin_rewrite() ZSTDFS_REQUIRES(write_mutex_);
  void apply_rewrite() ZSTDFS_REQUIRES(write_mutex_);
  void set_progress(PendingRewrite::Progress progress) ZSTDFS_REQUIRES(write_mutex_);

  // stored_file_convert.cpp
  void settle_locked() ZSTDFS_REQUIRES(write_mutex_);
  void compress_raw_if_it_pays() ZSTDFS_REQUIRES(write_mutex_);
  /// Returns false, leaving the file raw, when that takes no more blocks and `required` is not set.
  bool compress_raw(bool required) ZSTDFS_REQUIRES(write_mutex_);
  bool sample_is_compressible() ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Whether the raw file takes less as the container with this header.
  bool saves(const ContainerHeader& header) const ZSTDFS_REQUIRES_SHARED(state_mutex_);

  // stored_file_recompress.cpp
  /// Makes the file ready to be stored anew. Nothing when there is something to do.
  std::optional<Recompression> prepare_recompression(const SettingsChoice& choice, Settings& wanted)
      ZSTDFS_REQUIRES(write_mutex_);
  /// Finds out what is wanted. Nothing when there is something to do.
  std::optional<Recompression> decide_recompression(const SettingsChoice& choice, Settings& wanted)
      ZSTDFS_REQUIRES(write_mutex_);
  void refuse_if_retired(std::uint32_t dictionary_id) const;
  bool is_mostly_holes() ZSTDFS_EXCLUDES(state_mutex_);
  JournalTarget journal_target_now() ZSTDFS_EXCLUDES(state_mutex_);
  /// Writes all of the content to the redo file. Nothing when it was changed meanwhile: `change` is
  /// the number of the last change before.
  std::optional<State> encode_anew(const Settings& wanted, std::uint64_t change, RedoWriter& redo)
      ZSTDFS_EXCLUDES(state_mutex_);
  /// Goes unseen, and costs no privileges.
  Recompression replace_by(State after, RedoWriter& redo) ZSTDFS_REQUIRES(write_mutex_);
  Recompression replace_content_by(State after, RedoWriter& redo) ZSTDFS_REQUIRES(write_mutex_);

  // stored_file_restore.cpp
  /// Whether a daemon can have written this batch, for the frames that there are.
  bool is_sound(const LogSizes& sizes, const Overlay::Pieces& pieces) const
      ZSTDFS_REQUIRES(write_mutex_) ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Lays it over what readers see. `base_bytes` is how much of the frames the batches build on.
  void take_up_batch(const LogSizes& sizes, const Overlay::Pieces& pieces,
                     std::uint64_t& base_bytes) ZSTDFS_REQUIRES(write_mutex_, state_mutex_);
  bool ends_with_frame(std::uint64_t logical_bytes) const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  bool is_in_hole(std::uint64_t logical_bytes) const ZSTDFS_REQUIRES_SHARED(state_mutex_);
  /// Of a container whose log builds on no more than this.
  void drop_frames_behind(std::uint64_t logical_bytes) ZSTDFS_REQUIRES(write_mutex_, state_mutex_);

  // Constant after construction.
  FileServices& services_;
  const FileKey key_;

  // Lock order: write_mutex_, then state_mutex_. Whoever changes the file holds write_mutex_ all
  // along, and state_mutex_ only while it changes what readers see: so its holder may rely on that
  // state between two looks at it.
  Mutex write_mutex_;
  SharedMutex state_mutex_;

  std::unique_ptr<os::File> backing_ ZSTDFS_GUARDED_BY(state_mutex_);
  State state_ ZSTDFS_GUARDED_BY(state_mutex_);
  Overlay overlay_ ZSTDFS_GUARDED_BY(state_mutex_);
  /// Set while content is stored: see unseen().
  std::optional<ShownTimes> shown_times_ ZSTDFS_GUARDED_BY(state_mutex_);
  std::optional<PendingRewrite> pending_ ZSTDFS_GUARDED_BY(state_mutex_);

  /// Of content that the overlay has, behind the frames that are stored.
  FramesUnderway underway_ ZSTDFS_GUARDED_BY(write_mutex_);
  bool append_failed_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  std::unique_ptr<WriteLog> log_ ZSTDFS_GUARDED_BY(write_mutex_);
  /// The smallest size since the log's last batch, and what that batch said about the frames.
  std::uint64_t lowest_bytes_ ZSTDFS_GUARDED_BY(write_mutex_) = 0;
  std::uint64_t logged_base_bytes_ ZSTDFS_GUARDED_BY(write_mutex_) = 0;
  bool size_changed_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  /// After a merge that was not possible: how long the log gets before a flush tries again.
  std::uint64_t merge_from_log_bytes_ ZSTDFS_GUARDED_BY(write_mutex_) = 0;
  /// What the log builds on ends within a frame: no batch can say what the next one builds on.
  bool must_merge_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  /// Frames were appended over the seek table.
  bool table_stale_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  bool data_unsynced_ ZSTDFS_GUARDED_BY(write_mutex_) = true;
  os::ReliableSync backing_sync_ ZSTDFS_GUARDED_BY(write_mutex_);
  /// Frames below this stored offset are on stable storage.
  std::uint64_t durable_bytes_ ZSTDFS_GUARDED_BY(write_mutex_) = 0;
  bool reconsider_form_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  /// Of a file that has no form yet: what an attempt to store it has left may be in the backing
  /// file.
  bool has_remains_ ZSTDFS_GUARDED_BY(write_mutex_) = false;
  /// How a file that has no frames yet is to be stored: see decide_settings().
  Settings::Form wanted_form_ ZSTDFS_GUARDED_BY(write_mutex_) = Settings::Form::kCompressed;
  /// When the modification time was stamped last, by the clock's ticks.
  timespec stamped_at_ ZSTDFS_GUARDED_BY(write_mutex_){};
  /// Whether no other file was changed between the last two changes of this one.
  bool changed_last_too_ ZSTDFS_GUARDED_BY(write_mutex_) = false;

  // Synchronised by themselves.
  std::atomic<std::uint64_t> accounted_bytes_{0};
  std::atomic<bool> needs_settling_{false};
  std::atomic<bool> needs_flush_{false};
  std::atomic<std::uint64_t> lost_syncs_{0};
  /// Counts changes of the content.
  std::atomic<std::uint64_t> changes_{0};
  /// Whether somebody may have seen the times since they were stamped last.
  std::atomic<bool> times_seen_{false};
  std::atomic<bool> name_changed_{false};
  std::atomic<bool> backing_changed_{false};
  ReadAhead read_ahead_{kReadAhead};
};

}  // namespace zstdfs::store
