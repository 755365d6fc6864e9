#pragma once

#include <unistd.h>

#include <utility>

#include "fs/fuse/inode_table.hpp"

namespace zstdfs::fuse {

/// A name that an operation has just made, and takes back unless it comes to its end: the kernel
/// goes on believing that there is no such name when it is answered with an error, so that nobody
/// could remove it.
class NewName {
 public:
  /// `name` outlives it; `removal` are the flags of unlinkat(2).
  NewName(Descriptor directory, const char* name, int removal = 0)
      : directory_(std::move(directory)), name_(name), removal_(removal) {}
  NewName(const NewName&) = delete;
  NewName& operator=(const NewName&) = delete;
  ~NewName() {
    if (name_ != nullptr) ::unlinkat(directory_->get(), name_, removal_);
  }

  void keep() { name_ = nullptr; }

 private:
  const Descriptor directory_;
  const char* name_;
  const int removal_;
};

}  // namespace zstdfs::fuse
