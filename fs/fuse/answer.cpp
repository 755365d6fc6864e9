#include "fs/fuse/answer.hpp"

#include <cerrno>
#include <cstring>
#include <new>
#include <string>
#include <system_error>

#include "fs/store/log.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

struct Failure {
  int code = EIO;
  bool worth_logging = true;
  std::string text;
};

/// Errors that are the program's business, or the everyday life of a disk, stay out of the log.
bool worth_logging(int code) {
  switch (code) {
    case EIO:
    case EUCLEAN:
    case ENOKEY:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENODEV:
    case EBADF:
    case EFAULT:
      return true;
    default:
      return false;
  }
}

Failure current_failure() {
  try {
    throw;
  } catch (const std::system_error& error) {
    const int code = error.code().value();
    return {.code = code, .worth_logging = worth_logging(code), .text = error.what()};
  } catch (const CorruptError& error) {
    return {.text = error.what()};
  } catch (const std::bad_alloc&) {
    return {.code = ENOMEM, .text = "out of memory"};
  } catch (const std::exception& error) {
    return {.text = error.what()};
  } catch (...) {
    return {.text = "unexpected exception"};
  }
}

}  // namespace

void answer_failure(fuse_req_t req, Operation operation, fuse_ino_t subject) noexcept {
  int code = EIO;
  try {
    const Failure failure = current_failure();
    code = failure.code > 0 ? failure.code : EIO;
    if (failure.worth_logging) {
      store::log(store::LogLevel::kError, std::string(operation.name()) + " of " +
                                              filesystem(req).describe(subject) + ": " +
                                              failure.text);
    }
  } catch (...) {
    // No memory for the message; the program gets its answer anyhow.
  }
  answer_error(req, code);
}

void answer_error(fuse_req_t req, int code) {
  filesystem(req).operation_counts().failed(code);
  fuse_reply_err(req, code);
}

void answer_entry(fuse_req_t req, Filesystem& fs, EntryReference reference,
                  const struct stat& lower) {
  const fuse_entry_param param = fs.entry(reference.inode(), lower);
  // Given up before the answer: the kernel may take the inode's last reference back at once.
  Inode& inode = reference.release();
  if (fuse_reply_entry(req, &param) != 0) fs.inodes().forget(inode, 1);
}

void answer_absence(fuse_req_t req) {
  fuse_entry_param param{};  // Inode number 0 says so.
  param.entry_timeout = kLongTimeoutSeconds;
  fuse_reply_entry(req, &param);
}

}  // namespace zstdfs::fuse
