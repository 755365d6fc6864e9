#include "fs/fuse/request_rings.hpp"

#include <fcntl.h>
#include <liburing.h>
#include <pthread.h>
#ifdef ZSTDFS_THREAD_SANITIZER
#include <sanitizer/tsan_interface.h>
#endif
#include <sched.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <span>
#include <string>
#include <thread>

#include "fs/fuse/raw_request.hpp"
#include "fs/fuse/signals.hpp"
#include "fs/fuse/system_error.hpp"
#include "fs/os/posix.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

constexpr auto kWakeInterval = std::chrono::milliseconds(5);
// So many requests of a processor may wait for the disk, and others go on.
constexpr unsigned kFewestPerProcessor = 2;
constexpr unsigned kMostPerProcessor = 8;
constexpr unsigned kMostDefaultThreads = 256;
constexpr std::size_t kFrontBytes = 4096;
constexpr std::size_t kPageBytes = 4096;

// The protocol of Linux 6.14 (include/uapi/linux/fuse.h), for older headers.
enum class Command : std::uint32_t { kRegister = 1, kCommitAndFetch = 2 };
struct RingHeader {     // struct fuse_uring_req_header
  char in_out[128];     // of the request, then of the answer
  char operation[128];  // what else the request has, without names and content
  std::uint64_t flags;
  std::uint64_t commit_id;
  std::uint32_t payload_bytes;
  std::uint32_t padding;
  std::uint64_t reserved;
};
struct RingQueue {  // the end of struct fuse_uring_cmd_req; before it: flags, and the commit_id
  std::uint16_t queue;
  std::uint8_t padding[6];
};

constexpr std::size_t round_up(std::size_t bytes) {
  return (bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

/// What the kernel and libfuse read and write: a page, and behind it the file in memory. Names and
/// content of a request begin where those of the answer will, so that neither is copied. What
/// belongs before them, so that libfuse sees a request as the device would give it, ends there.
class Exchange {
 public:
  explicit Exchange(std::size_t most_bytes)
      : answer_bytes_(round_up(sizeof(fuse_out_header) + most_bytes)),
        file_(check_call(::memfd_create("zstdfs-answers", MFD_CLOEXEC), "memfd_create")) {
    check_call(::ftruncate(file_.get(), static_cast<off_t>(answer_bytes_)), "ftruncate");
    void* const memory =
        ::mmap(nullptr, size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw_errno(errno, "mmap");
    begin_ = static_cast<char*>(memory);
    if (::mmap(begin_ + kFrontBytes, answer_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
               file_.get(), 0) == MAP_FAILED) {
      const int code = errno;
      ::munmap(begin_, size());
      throw_errno(code, "mmap");
    }
  }
  ~Exchange() { ::munmap(begin_, size()); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  int file() const { return file_.get(); }
  RingHeader& header() { return *reinterpret_cast<RingHeader*>(begin_); }
  char* answer() { return begin_ + kFrontBytes; }
  char* payload() { return answer() + sizeof(fuse_out_header); }
  std::size_t payload_bytes() const { return answer_bytes_ - sizeof(fuse_out_header); }

  fuse_out_header answer_header() {
    fuse_out_header header;
    std::memcpy(&header, answer(), sizeof(header));
    return header;
  }

 private:
  std::size_t size() const { return kFrontBytes + answer_bytes_; }

  const std::size_t answer_bytes_;
  const os::UniqueFd file_;
  char* begin_ = nullptr;
};

/// The kernel has a queue for each processor that there may ever be: "0-3,8-11".
unsigned count_processors() {
  std::ifstream file("/sys/devices/system/cpu/possible");
  unsigned count = 0;
  unsigned first = 0;
  while (file >> first) {
    unsigned last = first;
    if (file.peek() == '-') file.ignore() >> last;
    count += last - first + 1;
    file.ignore();
  }
  return std::max(count, 1u);
}

unsigned choose_threads_per_processor(unsigned asked, unsigned processors) {
  if (asked != 0) return (asked + processors - 1) / processors;
  return std::clamp(kMostDefaultThreads / processors, kFewestPerProcessor, kMostPerProcessor);
}

void stay_on(unsigned processor) {
  if (processor >= CPU_SETSIZE) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  ::sched_setaffinity(0, sizeof(set), &set);  // One that does not run yet has no requests either.
}

// What is done before an answer comes before all that is asked afterwards, also in other threads:
// the kernel sees to that. ThreadSanitizer knows it of read(2) and write(2), but not of rings.
#ifdef ZSTDFS_THREAD_SANITIZER
char order_of_requests;
void after_earlier_answers() {
  __tsan_acquire(&order_of_requests);
}
void before_later_requests() {
  __tsan_release(&order_of_requests);
}
#else
void after_earlier_answers() {}
void before_later_requests() {}
#endif

bool is_end_of_connection(int error) {
  return error == ENOTCONN || error == ECONNABORTED || error == ENODEV || error == ECANCELED;
}

}  // namespace

/// One thread's ring, and its room for a request.
class RequestRing {
 public:
  RequestRing(unsigned queue, const RequestRings::Setup& setup)
      : queue_(static_cast<std::uint16_t>(queue)),
        exchange_(setup.most_bytes),
        session_(setup.make_session()) {
    // The session closes it.
    const int file = check_call(::fcntl(exchange_.file(), F_DUPFD_CLOEXEC, 0), "fcntl");
    if (fuse_session_mount(session_.get(), ("/dev/fd/" + std::to_string(file)).c_str()) != 0) {
      throw_errno(EINVAL, "fuse_session_mount");
    }
    io_uring_params params{};
    params.flags = IORING_SETUP_SQE128 | IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN |
                   IORING_SETUP_R_DISABLED;  // The thread that enables it is the issuer.
    const int result = io_uring_queue_init_params(1, &ring_, &params);
    if (result != 0) throw_errno(-result, "io_uring_setup");
  }
  ~RequestRing() { io_uring_queue_exit(&ring_); }
  RequestRing(const RequestRing&) = delete;
  RequestRing& operator=(const RequestRing&) = delete;

  /// Lets libfuse answer; where it could not, the answer is an error. Returns the answer, with its
  /// header.
  std::span<char> process(const fuse_buf& request) {
    const fuse_in_header in = header_of(request);
    ::lseek(exchange_.file(), 0, SEEK_SET);
    process_request(session_.get(), request);
    fuse_out_header out = exchange_.answer_header();
    const off_t written = ::lseek(exchange_.file(), 0, SEEK_CUR);
    ZSTDFS_ASSERT(out.len <= sizeof(out) + exchange_.payload_bytes());
    if (written != static_cast<off_t>(out.len) || out.unique != in.unique) {
      out = {.len = sizeof(out), .error = -EIO, .unique = in.unique};
      std::memcpy(exchange_.answer(), &out, sizeof(out));
    }
    return {exchange_.answer(), out.len};
  }

  void start(int device, const std::atomic<bool>& ending, const std::function<void(int)>& failed) {
    device_ = device;
    thread_ = std::thread([this, &ending, &failed] {
      const int error = serve(ending);
      if (error != 0 && !is_end_of_connection(error)) failed(error);
      has_ended_ = true;
    });
  }
  void wake() {
    if (thread_.joinable() && !has_ended_) ::pthread_kill(thread_.native_handle(), kWakeSignal);
  }
  bool has_ended() const { return !thread_.joinable() || has_ended_; }
  void join() {
    if (thread_.joinable()) thread_.join();
  }

 private:
  /// Returns an errno, or 0 when `ending` was set.
  int serve(const std::atomic<bool>& ending) {
    stay_on(queue_);
    const int enabled = io_uring_register(static_cast<unsigned>(ring_.ring_fd),
                                          IORING_REGISTER_ENABLE_RINGS, nullptr, 0);
    if (enabled < 0) return -enabled;
    Command command = Command::kRegister;
    prepare(command);
    while (true) {
      const int submitted = io_uring_submit_and_wait(&ring_, 1);
      io_uring_cqe* completion = nullptr;
      if (io_uring_peek_cqe(&ring_, &completion) != 0) {
        if (ending) return 0;
        if (submitted < 0 && submitted != -EINTR) return -submitted;
        continue;
      }
      const int result = completion->res;
      io_uring_cqe_seen(&ring_, completion);
      if (result == 0) {
        after_earlier_answers();
        answer();
        before_later_requests();
        command = Command::kCommitAndFetch;
      } else if (result != -EAGAIN && result != -EINTR) {
        return -result;
      }
      prepare(command);
      if (!ending) continue;
      io_uring_submit(&ring_);
      return 0;
    }
  }

  void prepare(Command command) {
    io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
    ZSTDFS_ASSERT(entry != nullptr);  // There is never more than one.
    io_uring_prep_rw(IORING_OP_URING_CMD, entry, device_, nullptr, 0, 0);
    entry->cmd_op = static_cast<std::uint32_t>(command);
    if (command == Command::kRegister) {
      entry->addr = reinterpret_cast<std::uint64_t>(buffers_);
      entry->len = 2;
    }
    // Details take what is left of the entry, and the one behind it, which belongs to it.
    const std::uint64_t begin[2] = {0, exchange_.header().commit_id};
    const RingQueue end{.queue = queue_, .padding = {}};
    std::memcpy(reinterpret_cast<char*>(entry) + offsetof(io_uring_sqe, cmd), begin, sizeof(begin));
    std::memcpy(entry + 1, &end, sizeof(end));
  }

  void answer() {
    RingHeader& header = exchange_.header();
    fuse_in_header in;
    std::memcpy(&in, header.in_out, sizeof(in));
    const std::size_t operation_bytes = in.len - sizeof(in) - header.payload_bytes;
    ZSTDFS_ASSERT(operation_bytes <= sizeof(header.operation));
    fuse_buf request{};
    request.size = in.len;
    request.mem = exchange_.payload() - operation_bytes - sizeof(in);
    std::memcpy(request.mem, &in, sizeof(in));
    std::memcpy(static_cast<char*>(request.mem) + sizeof(in), header.operation, operation_bytes);
    const std::span<char> answer = process(request);
    std::memcpy(header.in_out, answer.data(), sizeof(fuse_out_header));
    header.payload_bytes = static_cast<std::uint32_t>(answer.size() - sizeof(fuse_out_header));
  }

  const std::uint16_t queue_;
  Exchange exchange_;
  const RequestRings::OwnedSession session_;
  io_uring ring_{};
  iovec buffers_[2] = {{&exchange_.header(), sizeof(RingHeader)},
                       {exchange_.payload(), exchange_.payload_bytes()}};
  int device_ = -1;
  std::atomic<bool> has_ended_{false};
  std::thread thread_;
};

RequestRings::RequestRings(const Setup& setup) : failed_(setup.failed) {
  const unsigned processors = count_processors();
  const unsigned threads = choose_threads_per_processor(setup.threads, processors);
  for (unsigned i = 0; i < processors * threads; ++i) {
    rings_.push_back(std::make_unique<RequestRing>(i % processors, setup));
  }
}

RequestRings::~RequestRings() {
  ending_ = true;
  while (true) {
    for (const auto& ring : rings_) ring->wake();
    if (std::ranges::all_of(rings_, [](const auto& ring) { return ring->has_ended(); })) break;
    std::this_thread::sleep_for(kWakeInterval);
  }
  for (const auto& ring : rings_) ring->join();
}

void RequestRings::connect(int device, const fuse_buf& first_request) {
  for (const auto& ring : rings_) ring->process(first_request);
  device_ = device;
}

void RequestRings::start() {
  handle_wake_signal();
  for (const auto& ring : rings_) ring->start(device_, ending_, failed_);
}

}  // namespace zstdfs::fuse
