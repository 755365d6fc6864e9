#pragma once

#include <fcntl.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <unordered_set>
#include <utility>
#include <vector>

#include "fs/os/descriptor_pool.hpp"
#include "fs/store/file_key.hpp"
#include "zstdfs/mutex.hpp"

namespace zstdfs::fuse {

/// An O_PATH descriptor of an inode.
using Descriptor = os::Descriptor;

/// One object of the backing directory that the kernel knows. Its address is the number by which
/// the kernel names it. There may be millions of them: no more in them than is needed.
class Inode {
 public:
  /// `fd` was opened with O_PATH.
  Inode(store::FileKey key, mode_t type, std::uint32_t generation, os::DescriptorPool& pool,
        os::UniqueFd fd)
      : type_(static_cast<std::uint16_t>(type)),
        generation_(generation),
        key_(key),
        descriptor_(pool, std::move(fd), {.flags = O_PATH | O_NOFOLLOW, .device = key.device}) {}

  store::FileKey key() const { return key_; }
  /// S_IFREG, S_IFDIR, ...; it never changes.
  mode_t type() const { return type_; }
  /// Tells it from others that had the same address before: a file handle (open_by_handle_at(2),
  /// NFS) may have been taken of one of those.
  std::uint32_t generation() const { return generation_; }

  /// Whether it may have set-id bits: set_id_bits.hpp. What has had some stays so.
  std::atomic<bool> set_id_bits{false};
  /// Whether it is a file with capabilities. The kernel asks for them before each change of owner
  /// and many a write, and only it can bring some about. What may have some stays so.
  enum class Capabilities : std::uint8_t { kUnknown, kNone, kPossible };
  std::atomic<Capabilities> capabilities{Capabilities::kUnknown};

 private:
  friend class InodeTable;

  const std::uint16_t type_;
  const std::uint32_t generation_;
  const store::FileKey key_;

  os::PooledDescriptor descriptor_;
  std::uint64_t lookups_ = 0;  // how many references the kernel holds; guarded by the table's mutex
};

/// The inodes that the kernel knows, by device and inode number.
///
/// Thread safety: all methods may run concurrently. An Inode lives until its last reference is
/// taken back by forget(); the kernel does so only when no operation on it is under way.
class InodeTable {
 public:
  /// `root` is a descriptor of the backing directory. The pool, which keeps the inodes'
  /// descriptors, outlives the table.
  InodeTable(int root, os::DescriptorPool& pool);
  ~InodeTable();
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;

  Inode& root() { return *root_inode_; }

  /// The inode of what `fd` (opened with O_PATH) is, adding one reference for the kernel. `type` is
  /// the file type bits of its mode.
  Inode& acquire(store::FileKey key, mode_t type, os::UniqueFd fd) ZSTDFS_EXCLUDES(mutex_);

  /// Takes `count` references back. At zero the inode ceases to exist, and true is returned.
  bool forget(Inode& inode, std::uint64_t count) noexcept ZSTDFS_EXCLUDES(mutex_);

  /// The inode's descriptor, opened again if it was given up. Throws std::system_error (ESTALE when
  /// the object is gone).
  Descriptor descriptor(Inode& inode) { return inode.descriptor_.get(); }

  /// The descriptor of the object with this key; null when the kernel does not know it, or it
  /// cannot be opened any more.
  Descriptor find(store::FileKey key) noexcept ZSTDFS_EXCLUDES(mutex_);

  /// The object has lost its last name: from now on its descriptor is what keeps it alive. The
  /// caller still holds a descriptor from find().
  void keep_open(store::FileKey key) noexcept ZSTDFS_EXCLUDES(mutex_);

  std::size_t size() const ZSTDFS_EXCLUDES(mutex_);

 private:
  /// Inodes are found by their key, without a copy of it in the table.
  struct KeyHash : store::FileKeyHash {
    using is_transparent = void;
    using FileKeyHash::operator();
    std::size_t operator()(const Inode& inode) const noexcept { return (*this)(inode.key()); }
  };
  struct SameKey {
    using is_transparent = void;
    static store::FileKey key(const store::FileKey& key) { return key; }
    static store::FileKey key(const Inode& inode) { return inode.key(); }
    template <typename A, typename B>
    bool operator()(const A& a, const B& b) const noexcept {
      return key(a) == key(b);
    }
  };
  /// An inode lies in its node, which saves memory, and stays where it is.
  using Inodes = std::unordered_set<Inode, KeyHash, SameKey>;

  /// What a set has is const, because its place depends on it; of an inode only the key is, which
  /// cannot be changed.
  static Inode& inode_at(Inodes::iterator place) { return const_cast<Inode&>(*place); }
  Inodes::node_type extract(Inode& inode) ZSTDFS_REQUIRES(mutex_);

  os::DescriptorPool& pool_;
  const std::unique_ptr<Inode> root_inode_;

  mutable Mutex mutex_;  // order: only the pool is locked while it is held
  Inodes inodes_ ZSTDFS_GUARDED_BY(mutex_);
  std::uint32_t last_generation_ ZSTDFS_GUARDED_BY(mutex_);
  /// Inodes whose object vanished from the backing directory behind our back and whose number was
  /// given to another object. The kernel still knows them.
  std::vector<Inodes::node_type> orphans_ ZSTDFS_GUARDED_BY(mutex_);
};

/// One reference of the kernel that has not been told to the kernel yet; given back unless it is.
class EntryReference {
 public:
  EntryReference(InodeTable& table, Inode& inode) : table_(&table), inode_(&inode) {}
  EntryReference(EntryReference&& other) noexcept
      : table_(other.table_), inode_(std::exchange(other.inode_, nullptr)) {}
  EntryReference& operator=(EntryReference&&) = delete;
  ~EntryReference() {
    if (inode_ != nullptr) table_->forget(*inode_, 1);
  }

  Inode& inode() const { return *inode_; }
  /// The kernel now has the reference.
  Inode& release() { return *std::exchange(inode_, nullptr); }

 private:
  InodeTable* table_;
  Inode* inode_;
};

}  // namespace zstdfs::fuse
