#pragma once

#include <cstddef>
#include <cstdint>

#include "fs/fuse/libfuse.hpp"

namespace zstdfs::fuse {

/// The table that libfuse calls; its user data is a Filesystem. With Access::kReadOnly whatever
/// changes something is refused with EROFS: the kernel does so too, until somebody remounts.
enum class Access { kReadWrite, kReadOnly };
fuse_lowlevel_ops operations(Access access);

// The operations, by family. Each answers its request exactly once, and may run concurrently with
// any other. The kernel holds a reference to every inode that a request names until it is answered.

// attributes.cpp
void op_lookup(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept;
void op_forget(fuse_req_t req, fuse_ino_t number, std::uint64_t count) noexcept;
void op_forget_multi(fuse_req_t req, std::size_t count, fuse_forget_data* forgets) noexcept;
void op_getattr(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept;
void op_setattr(fuse_req_t req, fuse_ino_t number, struct stat* wanted, int to_set,
                fuse_file_info* fi) noexcept;
void op_statfs(fuse_req_t req, fuse_ino_t number) noexcept;

// directories.cpp
void op_opendir(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept;
void op_readdir(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                fuse_file_info* fi) noexcept;
void op_readdirplus(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
                    fuse_file_info* fi) noexcept;
void op_fsyncdir(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* fi) noexcept;

// names.cpp
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
              dev_t device) noexcept;
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode) noexcept;
void op_symlink(fuse_req_t req, const char* target, fuse_ino_t parent, const char* name) noexcept;
void op_readlink(fuse_req_t req, fuse_ino_t number) noexcept;
void op_link(fuse_req_t req, fuse_ino_t number, fuse_ino_t parent, const char* name) noexcept;
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept;
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char* name) noexcept;
void op_rename(fuse_req_t req, fuse_ino_t parent, const char* name, fuse_ino_t new_parent,
               const char* new_name, unsigned flags) noexcept;

// open.cpp
void op_create(fuse_req_t req, fuse_ino_t parent, const char* name, mode_t mode,
               fuse_file_info* fi) noexcept;
void op_open(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept;
void op_flush(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept;
void op_release(fuse_req_t req, fuse_ino_t number, fuse_file_info* fi) noexcept;
void op_fsync(fuse_req_t req, fuse_ino_t number, int data_only, fuse_file_info* fi) noexcept;

// content.cpp
void op_read(fuse_req_t req, fuse_ino_t number, std::size_t size, off_t offset,
             fuse_file_info* fi) noexcept;
void op_write(fuse_req_t req, fuse_ino_t number, const char* bytes, std::size_t size, off_t offset,
              fuse_file_info* fi) noexcept;
void op_fallocate(fuse_req_t req, fuse_ino_t number, int mode, off_t offset, off_t length,
                  fuse_file_info* fi) noexcept;
void op_lseek(fuse_req_t req, fuse_ino_t number, off_t offset, int whence,
              fuse_file_info* fi) noexcept;
void op_copy_file_range(fuse_req_t req, fuse_ino_t from_number, off_t from_offset,
                        fuse_file_info* from, fuse_ino_t to_number, off_t to_offset,
                        fuse_file_info* to, std::size_t size, int flags) noexcept;

// control.cpp
void op_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, void* argument,
              fuse_file_info* fi, unsigned flags, const void* in, std::size_t in_bytes,
              std::size_t out_bytes) noexcept;

// extended_attributes.cpp
void op_setxattr(fuse_req_t req, fuse_ino_t number, const char* name, const char* value,
                 std::size_t size, int flags) noexcept;
void op_getxattr(fuse_req_t req, fuse_ino_t number, const char* name, std::size_t size) noexcept;
void op_listxattr(fuse_req_t req, fuse_ino_t number, std::size_t size) noexcept;
void op_removexattr(fuse_req_t req, fuse_ino_t number, const char* name) noexcept;

}  // namespace zstdfs::fuse
