#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fs/fuse/libfuse.hpp"

namespace zstdfs::fuse {

class RequestRing;

/// What the kernel offers in its first request: FUSE_OVER_IO_URING, of flags2, for older headers.
inline constexpr std::uint64_t kOverIoUring = std::uint64_t{1} << 41;

/// Serves the requests that the kernel passes over io_uring and not through the device ("FUSE over
/// io_uring", Linux 6.14): one system call gives an answer back and waits for the next request.
///
/// The kernel has a queue of requests for each processor, and gives them to the thread first that
/// has waited the shortest for one of that queue. Here each thread has a ring of its own, with room
/// for one request, and stays on its queue's processor: so the next thread is woken when one is
/// busy, and only then, and none is woken on another processor. Threads that share a ring, or have
/// room for more, would be given requests while they wait for the disk.
///
/// libfuse parses the requests and writes the answers. It writes them where its session's device
/// would be: that is a file in memory, of each thread, from where the kernel takes them. libfuse
/// 3.18 can do all this itself, where it is built with it; but there all requests of a processor
/// wait for one that waits, and threads are ended in the middle of what they do.
///
/// Requests to forget inodes still come through the device.
///
/// Thread safety: all from one thread, but for the threads that it starts.
class RequestRings {
 public:
  struct EndSession {
    void operator()(fuse_session* session) const { fuse_session_destroy(session); }
  };
  using OwnedSession = std::unique_ptr<fuse_session, EndSession>;

  struct Setup {
    unsigned threads = 0;  ///< of all processors together; 0: as many as are useful
    /// Of content in a request or an answer.
    std::size_t most_bytes = 0;
    /// Makes a session that is not mounted, with the operations that are to be called.
    std::function<OwnedSession()> make_session;
    /// Called by a thread that cannot go on, with an errno; not when the connection has ended.
    std::function<void(int)> failed;
  };

  /// Nothing is served yet. Throws std::system_error where there is no io_uring.
  explicit RequestRings(const Setup& setup);
  /// Ends the threads.
  ~RequestRings();
  RequestRings(const RequestRings&) = delete;
  RequestRings& operator=(const RequestRings&) = delete;

  /// Lets each thread's libfuse learn from the kernel's first request, which came through `device`,
  /// what both sides can do.
  void connect(int device, const fuse_buf& first_request);
  /// The kernel waits for this since it was answered that kOverIoUring is taken.
  void start();

 private:
  const std::function<void(int)> failed_;
  std::atomic<bool> ending_{false};
  int device_ = -1;
  std::vector<std::unique_ptr<RequestRing>> rings_;
};

}  // namespace zstdfs::fuse
