#pragma once

#include <memory>
#include <string>

#include "fs/store/store.hpp"
#include "tests/crash/faulty_volume.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::test {

/// A store on a FaultyDisk, with nothing running in the background.
class StoreOnDisk {
 public:
  explicit StoreOnDisk(store::StoreOptions options = small_chunks()) : options_(options) {
    options_.settle_in_background = false;
    open();
  }

  /// Chunks small enough that a few hundred KiB have many of them.
  static store::StoreOptions small_chunks() {
    store::StoreOptions options;
    options.settings.chunk_bytes = kMinChunkBytes;
    options.compression_threads = 1;
    return options;
  }

  void open() {
    volume_ = disk.volume();
    store = store::Store::open(disk.volume(), options_);
  }
  /// As an unmount and a mount.
  bool reopen() {
    const bool clean = store->shut_down();
    store.reset();
    open();
    return clean;
  }
  /// The daemon is killed, or the power goes.
  void end(Survival survival) {
    store.reset();
    disk.restart(survival);
  }
  /// The lower filesystem goes, and is mounted again.
  void lose_mount(Survival survival) {
    store.reset();
    disk.remount(survival);
  }
  /// As that, and the store is opened again.
  void crash(Survival survival) {
    end(survival);
    open();
  }

  std::shared_ptr<store::StoredFile> open_file(const std::string& path) {
    auto backing = volume_->open(path, os::OpenMode::kReadWrite);
    if (!backing) backing = volume_->create(path, 0644);
    const struct stat status = backing->stat();
    return store->open_file({status.st_dev, status.st_ino}, store::ForWriting::kYes,
                            [&backing] { return std::move(backing); });
  }

  /// Makes the names in the root durable, as an fsync of the directory does.
  void sync_names() { volume_->sync_directory(""); }

  static Bytes read_all(store::StoredFile& file) {
    Bytes content(static_cast<std::size_t>(file.logical_bytes()));
    content.resize(file.read(0, content));
    return content;
  }

  FaultyDisk disk;
  std::unique_ptr<store::Store> store;

 private:
  store::StoreOptions options_;
  std::unique_ptr<os::Volume> volume_;
};

}  // namespace zstdfs::test
