#include "fs/fuse/first_request.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <vector>

#include "fs/fuse/raw_request.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/os/posix.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

/// While it lives, what is written to a descriptor goes into memory.
class Diversion {
 public:
  explicit Diversion(int fd)
      : fd_(fd),
        original_(check_call(::dup(fd), "dup")),
        memory_(check_call(::memfd_create("zstdfs-answer", MFD_CLOEXEC), "memfd_create")) {
    // Not fcntl(2), of which ThreadSanitizer does not know that it gives the same file.
    check_call(::fcntl(original_.get(), F_SETFD, FD_CLOEXEC), "fcntl");
    check_call(::dup3(memory_.get(), fd_, O_CLOEXEC), "dup3");
  }
  ~Diversion() { ZSTDFS_ASSERT(::dup3(original_.get(), fd_, O_CLOEXEC) == fd_); }
  Diversion(const Diversion&) = delete;
  Diversion& operator=(const Diversion&) = delete;

  std::vector<char> diverted() const {
    std::vector<char> bytes(
        static_cast<std::size_t>(check_call(::lseek(memory_.get(), 0, SEEK_END), "lseek")));
    check_call(::pread(memory_.get(), bytes.data(), bytes.size(), 0), "pread");
    return bytes;
  }

 private:
  const int fd_;
  const os::UniqueFd original_;
  const os::UniqueFd memory_;
};

std::vector<char> answer_of(fuse_session* session, const fuse_buf& request) {
  const Diversion diversion(fuse_session_fd(session));
  process_request(session, request);
  return diversion.diverted();
}

void take(std::vector<char>& answer, std::uint64_t offers) {
  fuse_init_out init{};
  if (answer.size() < sizeof(fuse_out_header) + sizeof(init)) return;  // It is an error.
  char* const place = answer.data() + sizeof(fuse_out_header);
  std::memcpy(&init, place, sizeof(init));
  init.flags |= static_cast<std::uint32_t>(offers);
  init.flags2 |= static_cast<std::uint32_t>(offers >> 32);
  if (init.flags2 != 0) init.flags |= FUSE_INIT_EXT;
  std::memcpy(place, &init, sizeof(init));
}

}  // namespace

bool FirstRequest::offers(std::uint64_t flag) const {
  const auto init = body_of<fuse_init_in>(request_);
  const std::uint64_t second = (init.flags & FUSE_INIT_EXT) != 0 ? init.flags2 : 0;
  return ((second << 32 | init.flags) & flag) != 0;
}

void FirstRequest::answer(fuse_session* session, std::uint64_t taken) const {
  std::vector<char> answer = answer_of(session, request_);
  take(answer, taken);
  if (answer.empty()) return;
  check_call(::write(fuse_session_fd(session), answer.data(), answer.size()),
             "answering the kernel");
}

}  // namespace zstdfs::fuse
