#pragma once

#include "fs/fuse/filesystem.hpp"

namespace zstdfs::fuse {

/// Answers a request with the errno of the exception that is being handled, counts it, and logs it
/// when an administrator should know.
void answer_failure(fuse_req_t req, Operation operation, fuse_ino_t subject) noexcept;

/// Runs an operation, and counts it. Whatever it throws becomes the request's answer: the only
/// place where exceptions become errno values. `subject` is the inode that messages name.
///
/// What is owed: `body` answers the request exactly once, as the last thing that it does with the
/// inode, and holds no lock then; what throws, throws before the answer.
template <typename Body>
void answer(fuse_req_t req, Operation operation, fuse_ino_t subject, Body&& body) noexcept {
  filesystem(req).operation_counts().begun(operation);
  try {
    body();
  } catch (...) {
    answer_failure(req, operation, subject);
  }
}

/// Answers with an error that is an answer like others: it is counted, and nothing else.
void answer_error(fuse_req_t req, int code);

/// Tells the kernel about an entry; the reference is the kernel's unless it could not be told.
void answer_entry(fuse_req_t req, Filesystem& fs, EntryReference reference,
                  const struct stat& lower);

/// Tells the kernel that there is no such entry, and that it may remember so.
void answer_absence(fuse_req_t req);

}  // namespace zstdfs::fuse
