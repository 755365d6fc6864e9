#include "fs/fuse/session.hpp"

#include <fcntl.h>
#include <linux/fuse.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <limits>
#include <memory>
#include <system_error>
#include <thread>

#include "fs/fuse/first_request.hpp"
#include "fs/fuse/mount_error.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/os/mount_table.hpp"
#include "fs/store/log.hpp"

namespace zstdfs::fuse {
namespace {

constexpr unsigned kMaxWriteBytes = 1u << 20;
// For streams: several threads decompress what the program will read next. While it reads what one
// of these windows holds, the kernel asks for the next one.
constexpr unsigned kReadAheadKib = 4096;
constexpr unsigned kMaxBackground = 64;
constexpr unsigned kFewestThreads = 8;
constexpr unsigned kMostDefaultThreads = 32;

unsigned choose_threads(unsigned asked) {
  if (asked != 0) return asked;
  // More than processors, because most of them wait for the disk.
  return std::clamp(4 * std::thread::hardware_concurrency(), kFewestThreads, kMostDefaultThreads);
}

// Programs that go on asking shall not keep the mount from ending.
constexpr auto kPatienceAtEnd = std::chrono::seconds(5);

/// As the table of mounts has it.
std::string name_of(dev_t device) {
  return std::to_string(::major(device)) + ":" + std::to_string(::minor(device));
}

void take(fuse_conn_info& connection, unsigned capabilities) {
  connection.want |= connection.capable & capabilities;
}

void decline(fuse_conn_info& connection, unsigned capabilities) {
  connection.want &= ~capabilities;
}

/// Arguments as libfuse wants them.
class Arguments {
 public:
  Arguments() { add("mount.zstdfs"); }
  ~Arguments() { fuse_opt_free_args(&args_); }
  Arguments(const Arguments&) = delete;
  Arguments& operator=(const Arguments&) = delete;

  void add_option(const std::string& name) {
    add("-o");
    add(name);
  }
  void add_option(const std::string& name, const std::string& value) {
    std::string escaped;
    for (const char c : value) {
      if (c == ',' || c == '\\') escaped += '\\';
      escaped += c;
    }
    add_option(name + "=" + escaped);
  }
  fuse_args* get() { return &args_; }

 private:
  void add(const std::string& argument) {
    if (fuse_opt_add_arg(&args_, argument.c_str()) != 0) throw std::bad_alloc();
  }
  fuse_args args_ = FUSE_ARGS_INIT(0, nullptr);
};

void fill_arguments(const MountOptions& options, const std::string& backing, Arguments& args) {
  args.add_option("fsname", options.fsname.empty() ? backing : options.fsname);
  args.add_option("subtype", options.subtype);
  args.add_option("default_permissions");
  args.add_option("max_read", std::to_string(kMaxWriteBytes));
  const bool root = ::geteuid() == 0;
  if (root || options.allow_other) args.add_option("allow_other");
  if (root) {
    // libfuse takes these away unless it is asked not to; a disk that root mounts has them.
    args.add_option("suid");
    args.add_option("dev");
  }
  if (options.store.read_only) args.add_option("ro");
  for (const std::string& flag : options.kernel_flags) args.add_option(flag);
}

RequestRings::OwnedSession new_session(Filesystem& filesystem, const MountOptions& options,
                                       const std::string& backing) {
  Arguments args;
  fill_arguments(options, backing, args);
  const fuse_lowlevel_ops table =
      operations(options.store.read_only ? Access::kReadOnly : Access::kReadWrite);
  RequestRings::OwnedSession session(
      fuse_session_new(args.get(), &table, sizeof(table), &filesystem));
  if (session == nullptr) throw MountError(ExitCode::kSystem, "libfuse refused the options");
  return session;
}

}  // namespace

void negotiate(void* filesystem, fuse_conn_info* connection) noexcept {
  take(*connection, FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO | FUSE_CAP_ATOMIC_O_TRUNC |
                        FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_READDIRPLUS |
                        FUSE_CAP_READDIRPLUS_AUTO | FUSE_CAP_CACHE_SYMLINKS | FUSE_CAP_IOCTL_DIR |
                        // The caller's umask does not count where there is a default list.
                        FUSE_CAP_POSIX_ACL | FUSE_CAP_DONT_MASK);
  // Content changes through this mount only, so a new time does not mean new content.
  decline(*connection, FUSE_CAP_AUTO_INVAL_DATA);
  // Who may keep set-id bits is for the kernel to say: see answer_first().
  decline(*connection, FUSE_CAP_HANDLE_KILLPRIV);
  // Inode numbers are addresses, so a stale one must never come from outside.
  decline(*connection, FUSE_CAP_EXPORT_SUPPORT);
  // Content passes through memory in any case, and locks are the kernel's.
  decline(*connection, FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                           FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS | FUSE_CAP_WRITEBACK_CACHE);
  if ((connection->capable & FUSE_CAP_NO_OPENDIR_SUPPORT) != 0) {
    static_cast<Filesystem*>(filesystem)->need_not_open_directories();
  }
  connection->max_write = kMaxWriteBytes;
  connection->max_read = kMaxWriteBytes;
  connection->max_readahead = std::numeric_limits<unsigned>::max();  // libfuse takes the least.
  connection->max_background = kMaxBackground;
  connection->congestion_threshold = kMaxBackground * 3 / 4;
  connection->time_gran = 1;
}

Session::Session(Filesystem& filesystem, const MountOptions& options, const std::string& backing,
                 const std::string& mountpoint)
    : filesystem_(filesystem),
      mountpoint_(mountpoint),
      session_(new_session(filesystem, options, backing)),
      loop_(session_.get(), choose_threads(options.threads)) {
  if (options.io_uring) make_rings(filesystem, options, backing);
  filesystem.connect(session_.get());
  if (fuse_session_mount(session_.get(), mountpoint_.c_str()) != 0) {
    throw MountError(ExitCode::kFailure,
                     "mounting at " + mountpoint_ + " failed" +
                         (::geteuid() == 0 ? ""
                                           : "; as an ordinary user you need the program "
                                             "fusermount3 and a mountpoint of your own"));
  }
}

Session::~Session() {
  // libfuse would unmount what is there, whatever it is.
  if (is_uppermost() || disconnect()) fuse_session_unmount(session_.get());
}

bool Session::is_uppermost() const {
  try {
    const auto entry = os::find_mount(os::read_mount_table(), mountpoint_);
    return device_.empty() || (entry && entry->device == device_);
  } catch (const std::exception&) {
    return true;
  }
}

// libfuse leaves the mountpoint alone when the connection is broken, which a poll tells it: of a
// pipe without a reader that says the same.
bool Session::disconnect() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const os::UniqueFd reader(ends[0]);
  const os::UniqueFd writer(ends[1]);
  return ::dup3(writer.get(), fuse_session_fd(session_.get()), O_CLOEXEC) >= 0;
}

void Session::make_rings(Filesystem& filesystem, const MountOptions& options,
                         const std::string& backing) {
  const auto fail = [this](int error) {
    store::log(store::LogLevel::kError, std::string("io_uring failed: ") + std::strerror(error));
    loop_.stop();
  };
  try {
    rings_.emplace(RequestRings::Setup{
        .threads = options.threads,
        .most_bytes = kMaxWriteBytes,
        .make_session = [&] { return new_session(filesystem, options, backing); },
        .failed = fail});
  } catch (const std::system_error& error) {
    throw MountError(ExitCode::kSystem, std::string("io_uring cannot be used: ") + error.what());
  }
}

void Session::answer_first(const fuse_buf& request) {
  const FirstRequest first(request);
  // Without it the kernel asks before each write whether the file has capabilities.
  std::uint64_t taken = first.offers(FUSE_HANDLE_KILLPRIV_V2) ? FUSE_HANDLE_KILLPRIV_V2 : 0;
  if (rings_) {
    if (!first.offers(kOverIoUring)) {
      throw MountError(ExitCode::kSystem,
                       "the kernel does not offer io_uring: it has to be Linux 6.14 or later, with "
                       "1 in /sys/module/fuse/parameters/enable_uring");
    }
    rings_->connect(fuse_session_fd(session_.get()), request);
    taken |= kOverIoUring;
  }
  first.answer(session_.get(), taken);
}

void Session::begin() {
  fuse_buf request{};
  int bytes = 0;
  do {
    bytes = fuse_session_receive_buf(session_.get(), &request);
  } while (bytes == -EINTR);
  const std::unique_ptr<void, void (*)(void*)> memory(request.mem, std::free);
  if (bytes > 0) answer_first(request);
  if (bytes <= 0 || fuse_session_exited(session_.get()) != 0) {
    throw MountError(ExitCode::kFailure, "the kernel did not accept the mount at " + mountpoint_);
  }
  // From the table: a stat of the mountpoint would wait for our own answer.
  const auto entry = os::find_mount(os::read_mount_table(), mountpoint_);
  if (entry) device_ = entry->device;
  raise_read_ahead();
}

void Session::raise_read_ahead() {
  // The kernel takes less than it has by default from us, but more from root.
  const std::string path = "/sys/class/bdi/" + device_ + "/read_ahead_kb";
  unsigned present = 0;
  if (device_.empty() || !(std::ifstream(path) >> present) || present >= kReadAheadKib) return;
  std::ofstream(path) << kReadAheadKib;  // Nothing depends on it when it is not allowed.
}

bool Session::serve() {
  if (rings_) rings_->start();
  const int result = loop_.run();
  rings_.reset();
  if (result < 0) {
    store::log(store::LogLevel::kError,
               "the connection to the kernel failed: " + std::string(std::strerror(-result)));
  }
  return result >= 0;
}

void Session::end() {
  try {
    fetch_dirty_pages();
  } catch (const std::exception& error) {
    store::log(store::LogLevel::kError,
               mountpoint_ + ": what mappings have changed may be lost: " + error.what());
  }
  loop_.stop();
}

void Session::fetch_dirty_pages() {
  // This begins it, in large requests, where the mount can still be reached.
  if (const os::UniqueFd fd(::open(mountpoint_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)); fd) {
    struct stat status;
    if (::fstat(fd.get(), &status) == 0 && name_of(status.st_dev) == device_) ::syncfs(fd.get());
  }
  // Before Linux 6.16 the kernel took a page for written when it had only queued the request.
  if (filesystem_.fetch_mapped_changes()) loop_.wait_until_idle(kPatienceAtEnd);
}

}  // namespace zstdfs::fuse
