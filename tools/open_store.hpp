#pragma once

#include <memory>
#include <string>

#include "fs/os/volume.hpp"
#include "fs/store/store.hpp"

namespace zstdfs::tools {

/// A store that is not mounted, opened by this process as a daemon opens it: its lock is held, and
/// what was interrupted is recovered. The options of mounts are not known here; policy and
/// attributes are.
///
/// Thread safety: all methods may run concurrently, but close() is the last call.
class OpenStore {
 public:
  /// A file of the store that is open. The store outlives it.
  class Handle {
   public:
    Handle(store::Store& store, std::shared_ptr<store::StoredFile> file)
        : store_(&store), file_(std::move(file)) {}
    ~Handle() {
      if (file_) store_->close_file(file_);
    }
    Handle(Handle&&) noexcept = default;
    Handle& operator=(Handle&&) = delete;

    store::StoredFile& operator*() const { return *file_; }
    store::StoredFile* operator->() const { return file_.get(); }

   private:
    store::Store* store_;
    std::shared_ptr<store::StoredFile> file_;  // shared with the store, as it gives it out
  };

  /// Opens the store in the directory `root`, making what is missing of it. For ForWriting::kNo
  /// nothing is changed. Throws what store::Store::open throws.
  OpenStore(const std::string& root, store::ForWriting purpose);

  /// Opens a regular file by its path below the root; no link is followed. Throws ENOENT when there
  /// is none, and what store::Store::open_file throws.
  Handle open(const std::string& path, store::ForWriting for_writing);
  /// The same for a backing file that is open.
  Handle open(std::unique_ptr<os::File> backing, store::ForWriting for_writing);

  /// The store's root as a volume, for names.
  os::Volume& volume() { return *volume_; }

  /// Settings among a directory's attributes have changed.
  void directories_changed() { store_->directories_changed(); }

  /// Commits everything and marks the store clean. Returns false when not everything could be
  /// committed (logged); the next mount or command goes on with it.
  bool close() { return store_->shut_down(); }

 private:
  const std::unique_ptr<os::Volume> volume_;
  const std::unique_ptr<store::Store> store_;
};

}  // namespace zstdfs::tools
