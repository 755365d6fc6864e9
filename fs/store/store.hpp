#pragma once

#include <sys/stat.h>

#include <functional>
#include <memory>

#include "fs/os/volume.hpp"
#include "fs/store/known_sizes.hpp"
#include "fs/store/options.hpp"
#include "fs/store/statistics_report.hpp"
#include "fs/store/stored_file.hpp"

namespace zstdfs::store {

/// What is known of a file's size before its attributes or names change: Store::size_at_rest.
struct SizeAtRest {
  FileKey key;
  std::uint64_t opened = 0;
  off_t stored_bytes = 0;
  std::optional<KnownSize> known;
};

/// The backing directory: its files, journals, recovery and background work.
///
/// Thread safety: all methods may run concurrently, but shut_down() is the last call.
class Store {
 public:
  using Opener = std::function<std::unique_ptr<os::File>()>;
  /// Whether the store still has something to do with a file, which moves its blocks.
  enum class Presence { kInUse, kAtRest };
  using StatusReader = std::function<void(struct stat&)>;

  /// Opens the store in the volume's root, making `.zstdfs/` when it is not there yet, and recovers
  /// what an interrupted daemon left; what was done goes to the log. Throws StoreBusyError,
  /// StoreError, NewerFormatError, std::system_error; then nothing was changed, or only what
  /// recovery repairs anyhow.
  static std::unique_ptr<Store> open(std::unique_ptr<os::Volume> volume, StoreOptions options);
  ~Store();

  /// The file with this key, as one shared object for all who have it open, opening its backing
  /// file with `open_backing` when there is none yet, or when the present one cannot write and
  /// `for_writing` is set. Counts as one handle; give it back with close_file. Throws what
  /// `open_backing` throws, and what StoredFile's constructor does.
  std::shared_ptr<StoredFile> open_file(FileKey key, ForWriting for_writing,
                                        const Opener& open_backing);
  /// As above for a file that somebody has open, or that the store is not done with; null for
  /// others.
  std::shared_ptr<StoredFile> open_known_file(FileKey key);
  /// Gives a handle back. The file is flushed already (see StoredFile::flush); what is left to do
  /// happens in the background.
  void close_file(const std::shared_ptr<StoredFile>& file);

  /// Turns the status of a backing regular file into what applications see: size, times, blocks.
  /// The one place where attributes are made. `status` says which file; `read_status` reads it
  /// again where the store is not busy with the file. `open_backing` is called only when the header
  /// must be read; when it throws, the stored size is shown. Other types of files are left as they
  /// are.
  Presence present(struct stat& status, const StatusReader& read_status,
                   const Opener& open_backing);

  // The change time that comes with new attributes or names makes void what is known of a file's
  // size, unless both are told. `before` and `after` are the backing file's status; whether it is
  // open meanwhile makes no difference.
  SizeAtRest size_at_rest(const struct stat& before);
  void keep_size(const SizeAtRest& size, const struct stat& after);

  /// Whether the file at this path, or a new one in the directory at it, is to be compressed.
  bool compresses(const std::string& path, const struct stat& status);
  /// From now on no new frames are made with this dictionary. When it returns, none is being made,
  /// and none waits in a redo file. Throws std::system_error when that could not be brought about,
  /// or EBUSY as refuse_unnamed_use() does; then the dictionary is in use as before.
  void retire_dictionary(std::uint32_t id);
  /// What retire_dictionary() forbade is allowed again.
  void use_dictionary_again(std::uint32_t id);
  /// Throws EBUSY when a file without a name needs the dictionary: no search finds it. 0 is none.
  void refuse_unnamed_use(std::uint32_t id);
  /// Lives while a name is moved, or an object gets another one.
  class NameMove {
   public:
    explicit NameMove(Store& store) : store_(store) { ++store_.moves_begun_; }
    ~NameMove() { ++store_.moves_ended_; }
    NameMove(const NameMove&) = delete;
    NameMove& operator=(const NameMove&) = delete;

   private:
    Store& store_;
  };
  /// How many there were since the store was opened; waits for those that are under way. Whoever
  /// has walked through it has seen all files if that has not changed.
  std::uint64_t moved_names() const;
  /// Settings among a directory's attributes have changed, or a directory has another name now.
  void directories_changed();
  /// A name of the object with this key was removed or moved.
  void name_changed(FileKey key);
  /// The last name of a file was removed. Called while something else keeps its inode alive.
  void unlinked(FileKey key);
  /// Nobody can reach this file any more but by a name, so of one that has none nothing needs to be
  /// kept.
  void forgotten(FileKey key) noexcept;

  /// What was done since the store was opened, and how it is now. Operations and inodes are for the
  /// caller to add. Throws std::system_error when the journal cannot be listed.
  StatisticsReport statistics();

  /// Settles all files that nobody has open. Returns false when some could not be (logged).
  bool settle_now();

  /// Commits everything, settles, and marks the store clean. Returns false when something could
  /// not be committed (logged; journals are kept for the next mount).
  bool shut_down();

 private:
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  std::atomic<std::uint64_t> moves_begun_{0};
  std::atomic<std::uint64_t> moves_ended_{0};
};

}  // namespace zstdfs::store
