#include "tools/copied_file.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cerrno>
#include <system_error>
#include <utility>

#include "fs/os/posix.hpp"

namespace zstdfs::tools {
namespace {

constexpr mode_t kOwnerOnly = 0600;

/// What SEEK_DATA and SEEK_HOLE tell, whoever is asked.
template <typename File>
ByteRange data_after(File& file, std::uint64_t offset) {
  try {
    const std::uint64_t begin = file.seek_data(offset);
    return {begin, file.seek_hole(begin) - begin};
  } catch (const std::system_error& error) {
    if (error.code().value() != ENXIO) throw;
    return {offset, 0};
  }
}

/// Where the kernel passes a sync of the whole filesystem on to nobody.
bool lies_on_fuse(const std::string& path) {
  struct statfs filesystem {};
  return ::statfs(path.c_str(), &filesystem) == 0 && filesystem.f_type == FUSE_SUPER_MAGIC;
}

class PlainFile final : public CopiedFile {
 public:
  explicit PlainFile(std::unique_ptr<os::File> file) : file_(std::move(file)) {}

  struct stat status() override {
    return file_->stat();
  }
  os::Attributes attributes() override { return file_->attributes(""); }
  std::size_t read(std::uint64_t offset, MutableByteSpan out) override {
    return file_->read_at(offset, out);
  }
  ByteRange next_data(std::uint64_t offset) override { return data_after(*file_, offset); }
  void write(std::uint64_t offset, ByteSpan bytes) override { file_->write_at(offset, bytes); }
  void truncate(std::uint64_t bytes) override { file_->truncate(bytes); }
  void change_attributes(const std::function<void()>& change) override { change(); }
  void sync() override { file_->sync(os::SyncKind::kDataAndTimes); }

 private:
  const std::unique_ptr<os::File> file_;
};

class PlainSide final : public CopySide {
 public:
  explicit PlainSide(const std::string& root)
      : volume_(os::open_posix_volume(root)), is_fuse_(lies_on_fuse(root)) {}

  std::unique_ptr<CopiedFile> open(const std::string& path) override {
    auto file = volume_->open(path, os::OpenMode::kRead);
    if (!file) throw std::system_error(ENOENT, std::generic_category());
    return std::make_unique<PlainFile>(std::move(file));
  }
  std::unique_ptr<CopiedFile> create(const std::string& path) override {
    return std::make_unique<PlainFile>(volume_->create(path, kOwnerOnly));
  }
  void sync() override { volume_->sync_filesystem(); }
  bool needs_sync_of_each() const override { return is_fuse_; }

 private:
  const std::unique_ptr<os::Volume> volume_;
  const bool is_fuse_;
};

class FileInStore final : public CopiedFile {
 public:
  explicit FileInStore(OpenStore::Handle file, os::Attributes attributes = {})
      : file_(std::move(file)), attributes_(std::move(attributes)) {}

  struct stat status() override {
    return file_->present();
  }
  os::Attributes attributes() override { return attributes_; }
  std::size_t read(std::uint64_t offset, MutableByteSpan out) override {
    return file_->read(offset, out);
  }
  ByteRange next_data(std::uint64_t offset) override { return data_after(*file_, offset); }
  void write(std::uint64_t offset, ByteSpan bytes) override { file_->write(offset, bytes); }
  void truncate(std::uint64_t bytes) override { file_->truncate(bytes); }
  void change_attributes(const std::function<void()>& change) override {
    // The first stores all there is; the second lets the modification time be.
    using Attributes = store::StoredFile::Attributes;
    file_->flush();
    file_->change_attributes(Attributes::kPrivileges, [] {});
    file_->change_attributes(Attributes::kModificationTime, change);
  }
  void sync() override { file_->sync(os::SyncKind::kDataAndTimes); }

 private:
  const OpenStore::Handle file_;
  const os::Attributes attributes_;
};

class StoreSide final : public CopySide {
 public:
  StoreSide(OpenStore& store, store::ForWriting for_writing)
      : store_(store), for_writing_(for_writing) {}

  std::unique_ptr<CopiedFile> open(const std::string& path) override {
    const auto mode =
        for_writing_ == store::ForWriting::kYes ? os::OpenMode::kReadWrite : os::OpenMode::kRead;
    auto backing = store_.volume().open(path, mode);
    if (!backing) throw std::system_error(ENOENT, std::generic_category());
    os::Attributes attributes = backing->attributes("");
    return std::make_unique<FileInStore>(store_.open(std::move(backing), for_writing_),
                                         std::move(attributes));
  }
  std::unique_ptr<CopiedFile> create(const std::string& path) override {
    auto backing = store_.volume().create(path, kOwnerOnly);
    return std::make_unique<FileInStore>(store_.open(std::move(backing), for_writing_));
  }
  void sync() override { store_.volume().sync_filesystem(); }
  void directories_changed() override { store_.directories_changed(); }

 private:
  OpenStore& store_;
  const store::ForWriting for_writing_;
};

}  // namespace

std::unique_ptr<CopySide> plain_side(const std::string& root) {
  return std::make_unique<PlainSide>(root);
}

std::unique_ptr<CopySide> store_side(OpenStore& store, store::ForWriting for_writing) {
  return std::make_unique<StoreSide>(store, for_writing);
}

}  // namespace zstdfs::tools
