#pragma once

#include <optional>
#include <string>

#include "fs/fuse/filesystem.hpp"
#include "fs/fuse/libfuse.hpp"
#include "fs/fuse/mount_options.hpp"
#include "fs/fuse/request_loop.hpp"
#include "fs/fuse/request_rings.hpp"

namespace zstdfs::fuse {

/// Called once, by the first request of the kernel: settles what both sides can do.
void negotiate(void* filesystem, fuse_conn_info* connection) noexcept;

/// A mount and the connection to the kernel that serves it.
///
/// Thread safety: end() may be called from another thread while serve() runs; all else from the one
/// thread that made the session.
class Session {
 public:
  /// Mounts. Throws MountError. `filesystem` outlives the session.
  Session(Filesystem& filesystem, const MountOptions& options, const std::string& backing,
          const std::string& mountpoint);
  /// Unmounts, if nobody did so yet, and nothing else is mounted at that place by now.
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  /// Answers the kernel's first request, so that the mount is usable. Throws MountError.
  void begin();

  /// Serves requests on several threads until the filesystem is unmounted or end() is called.
  /// Returns false when the connection failed.
  bool serve();

  /// Lets serve() return: what mappings have changed is fetched from the kernel first.
  void end();

 private:
  void make_rings(Filesystem& filesystem, const MountOptions& options, const std::string& backing);
  void answer_first(const fuse_buf& request);
  void raise_read_ahead();
  void fetch_dirty_pages();
  bool is_uppermost() const;
  bool disconnect();

  Filesystem& filesystem_;
  const std::string mountpoint_;
  std::string device_;  // "major:minor" of the mount; constant after begin()
  const RequestRings::OwnedSession session_;
  RequestLoop loop_;
  std::optional<RequestRings> rings_;  // with io_uring
};

}  // namespace zstdfs::fuse
