#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "fs/store/store.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/crash/file_history.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::test {

/// A store on a FaultyDisk, used as the mount uses it, and beside it the record of what every file
/// may hold. The calls throw what the store throws.
///
/// Thread safety: none; nothing runs in the background.
class StoreRun {
 public:
  /// Opens a store on a fresh disk.
  StoreRun();

  FaultyDisk& disk() { return disk_; }

  // What programs do. A file is opened (and made) at its first use.
  void write(const std::string& path, std::uint64_t offset, ByteSpan bytes);
  void append(const std::string& path, ByteSpan bytes);
  void truncate(const std::string& path, std::uint64_t bytes);
  void punch_hole(const std::string& path, ByteRange range);
  /// Stores the file's content anew; what it is stays.
  void recompress(const std::string& path, const store::SettingsChoice& choice);
  void flush(const std::string& path);
  void sync(const std::string& path);
  /// Flushes and gives the handle back.
  void close(const std::string& path);
  /// A new file with this content, synced and closed, name and all.
  void make(const std::string& path, ByteSpan bytes);
  void rename(const std::string& from, const std::string& to);
  void sync_names();
  // What the daemon does.
  void settle();
  /// As settle, and open files are flushed too.
  void work_in_background();
  /// As an unmount and a mount.
  void remount();

  /// The daemon is gone without a word; the disk restarts so. Does not open the store again.
  void lose(Survival survival);
  void open_store();
  bool is_open() const { return store_ != nullptr; }
  /// Writes every file from nothing, as it was to be in the end, syncs and closes it.
  void write_all_again();

  /// The files that are there if everything went well.
  std::vector<std::string> paths() const;
  /// What is wrong with the files after `loss`, a line for each; empty when nothing is.
  std::string complaints(Loss loss);
  /// From now on nothing is said of a file whose first stored sector is zeros, as long as it can be
  /// read and may have lost all of its content. Where a filesystem lets a size survive without its
  /// data, a new container may lose its header and nothing else; what is left then looks like a raw
  /// file. Content that was synced is never concerned.
  void forgive_lost_beginnings() { forgive_lost_beginnings_ = true; }
  /// Takes what the files hold now for what they are to hold from here on, and makes it durable.
  void accept_what_is_there();
  /// What is wrong with the files as they are seen now, when only the last content is right.
  std::string differences();

 private:
  struct File {
    // Shared by the names that a file may have had.
    std::shared_ptr<FileHistory> history = std::make_shared<FileHistory>();
    std::shared_ptr<store::StoredFile> open;
  };
  /// The files that a name may lead to: nothing, or one of those it was given since.
  struct Name {
    std::vector<std::shared_ptr<File>> candidates = {nullptr};
    std::size_t done = 0;
    std::size_t synced = 0;
  };

  File& file(const std::string& path);
  void change(const std::string& path, Bytes after, const std::function<void(File&)>& call);
  std::shared_ptr<store::StoredFile> open_stored(const std::string& path);
  Bytes read_all(const std::string& path);
  bool has_lost_its_beginning(const std::string& path) const;
  std::string complaint(const std::string& path, const Name& name, Loss loss);

  FaultyDisk disk_;
  std::unique_ptr<os::Volume> volume_;
  std::unique_ptr<store::Store> store_;
  std::map<std::string, Name> names_;
  bool forgive_lost_beginnings_ = false;
};

}  // namespace zstdfs::test
