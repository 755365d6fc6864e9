#pragma once

#include <sys/stat.h>

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "fs/fuse/directory_streams.hpp"
#include "fs/fuse/files_ahead.hpp"
#include "fs/fuse/inode_table.hpp"
#include "fs/fuse/libfuse.hpp"
#include "fs/fuse/open_file.hpp"
#include "fs/fuse/operation_counts.hpp"
#include "fs/os/posix.hpp"
#include "fs/store/store.hpp"

namespace zstdfs::fuse {

/// The path by which an open descriptor can be named to system calls that take only paths. It leads
/// to the very object, also when that is a symbolic link.
class DescriptorPath {
 public:
  explicit DescriptorPath(const Descriptor& descriptor);
  const char* c_str() const { return path_; }

 private:
  char path_[32];
};

inline store::FileKey key_of(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

/// For how long the kernel may believe what it is told: the store has one owner, so that stays true
/// until the kernel itself asks for a change.
inline constexpr double kLongTimeoutSeconds = 365.0 * 24 * 3600;

/// What an application may be told about an object, and for how long the kernel may believe it.
struct Attributes {
  struct stat status;
  double timeout_s = 0;
};

struct FilesystemOptions {
  bool read_only = false;
  /// New objects belong to the calling process: needs root.
  bool act_as_caller = false;
  /// Reading does not move access times.
  bool keep_access_times = false;
  /// How a file is stored is among the extended attributes that are listed.
  bool list_stored_facts = false;
};

/// The mounted filesystem: what all operations share.
///
/// Thread safety: all methods may run concurrently.
class Filesystem {
 public:
  /// `root` is a readable descriptor of the backing directory. `store` outlives the filesystem, and
  /// the pool, which keeps descriptors of files in the store too, outlives both.
  Filesystem(os::UniqueFd root, store::Store& store, FilesystemOptions options,
             os::DescriptorPool& descriptors);

  store::Store& store() { return store_; }
  os::DescriptorPool& descriptors() { return descriptors_; }
  InodeTable& inodes() { return inodes_; }
  OpenFiles& open_files() { return open_files_; }
  DirectoryStreams& directory_streams() { return directory_streams_; }
  /// A name in this directory was made, removed or given to something else. To be said before the
  /// answer: until then the kernel lets nobody list the directory.
  void names_changed(fuse_ino_t directory) { directory_streams_.drop(directory); }
  FilesAhead& files_ahead() { return files_ahead_; }
  OperationCounts& operation_counts() { return operation_counts_; }
  const FilesystemOptions& options() const { return options_; }
  int root() const { return root_.get(); }

  /// The inode that the kernel names by `number`.
  Inode& inode(fuse_ino_t number);
  fuse_ino_t number(const Inode& inode) const;
  /// The inode's descriptor. Throws std::system_error.
  Descriptor descriptor(fuse_ino_t number) { return inodes_.descriptor(inode(number)); }

  /// Whether a name in a directory belongs to zstdfs itself, and so does not exist for anybody.
  bool is_reserved(fuse_ino_t parent, const char* name) const;
  /// Throws EPERM for a name that no object may get.
  void refuse_reserved(fuse_ino_t parent, const char* name) const;
  /// Throws ENOENT for a name that cannot be seen.
  void hide_reserved(fuse_ino_t parent, const char* name) const;

  /// The kernel gives so many references back, and may not use the number again.
  void forget(fuse_ino_t number, std::uint64_t count) noexcept;

  /// Finds a name; the reference is the kernel's once it is told. `status` becomes what the
  /// backing object has. Nothing when there is none of that name. Throws std::system_error.
  std::optional<EntryReference> find_entry(const Descriptor& parent, const char* name,
                                           struct stat& status);
  /// As above, of a name that is there: throws also ENOENT.
  EntryReference look_up(const Descriptor& parent, const char* name, struct stat& status);

  /// The one way in which attributes come about. `lower` is the backing object's status.
  Attributes attributes(Inode& inode, const Descriptor& descriptor, const struct stat& lower);
  Attributes attributes(Inode& inode, const Descriptor& descriptor);

  fuse_entry_param entry(Inode& inode, const struct stat& lower);
  /// The same for a regular file that was just made: it is as the backing file.
  fuse_entry_param new_entry(Inode& inode, const struct stat& lower);

  /// Opens a regular file in the store. Throws std::system_error, CorruptError.
  std::unique_ptr<OpenFile> open(Inode& inode, store::ForWriting for_writing);
  /// As above, over a backing file that is open already.
  std::unique_ptr<OpenFile> open(Inode& inode, store::ForWriting for_writing, os::UniqueFd backing);

  /// Runs `change`, which changes attributes of the object below: of files that are open, while
  /// nothing stores their content. Throws as StoredFile::change_attributes does.
  void change_attributes(Inode& inode, store::StoredFile::Attributes which,
                         const std::function<void()>& change);

  /// The kernel's session, as soon as there is one; it outlives all requests.
  void connect(fuse_session* session) { session_ = session; }
  /// Whether the kernel has to be told that it may read a directory.
  bool opens_directories() const { return opens_directories_; }
  void need_not_open_directories() { opens_directories_ = false; }
  /// Lets the kernel ask for the attributes again when it needs them. It takes no lock for this, so
  /// every operation may call it.
  void forget_attributes(const Inode& inode) noexcept;
  /// Lets the kernel write what mappings have changed, and waits for that, which others have to
  /// serve meanwhile. Returns whether there may have been something.
  bool fetch_mapped_changes();

  /// What was done since the mount, and how it is now. Throws as Store::statistics does.
  store::StatisticsReport statistics();

  /// Where the object lies in the store; empty when that cannot be told.
  std::string path_below_root(const Descriptor& descriptor) const;
  /// Where the object lies, for messages; never used to reach it.
  std::string describe(fuse_ino_t number) noexcept;

 private:
  /// Of a regular file, from what applications may see of it.
  static Attributes attributes_of_file(Inode& inode, const struct stat& shown,
                                       store::Store::Presence presence);
  fuse_entry_param entry_with(const Inode& inode, const Attributes& attr) const;
  std::unique_ptr<os::File> open_backing(const Inode& inode, const Descriptor& descriptor,
                                         store::ForWriting for_writing);
  std::unique_ptr<os::File> make_file(const Inode& inode, os::UniqueFd fd, int flags);
  std::unique_ptr<os::File> open_for_header(const Descriptor& descriptor);
  void change_at_rest(Inode& inode, const std::function<void()>& change);
  Mutex& at_rest(const Inode& inode);
  os::UniqueFd open_with(const Descriptor& descriptor, int flags);

  // Constant after construction.
  const os::UniqueFd root_;
  store::Store& store_;
  const FilesystemOptions options_;
  // Constant once requests are served:
  fuse_session* session_ = nullptr;
  bool opens_directories_ = true;
  // Synchronised by themselves.
  os::DescriptorPool& descriptors_;
  OperationCounts operation_counts_;
  InodeTable inodes_;
  DirectoryStreams directory_streams_;
  OpenFiles open_files_;  // After the inodes, which the handles refer to.
  FilesAhead files_ahead_{*this};
  /// One of these is held while attributes of a file are changed that nobody has open, and to open
  /// one: the store looks at them before it stores content, and puts them back afterwards. Order:
  /// before the store's locks.
  std::array<Mutex, 64> at_rest_;
};

/// The filesystem that a request is for.
Filesystem& filesystem(fuse_req_t req);

}  // namespace zstdfs::fuse
