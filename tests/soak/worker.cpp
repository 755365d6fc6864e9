#include "tests/soak/worker.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <iostream>
#include <system_error>

#include "tests/soak/shared_files.hpp"
#include "tests/soak/worker_state.hpp"

namespace zstdfs::soak {
namespace {

constexpr char kStart = 's';
constexpr char kFinish = 'f';
constexpr char kStopped = 'x';
constexpr int kFoundViolation = 3;

/// What is done how often, out of the sum of all.
struct Weighted {
  unsigned weight;
  Operation operation;
};
constexpr Weighted kOperations[] = {
    {20, write_anywhere},    {5, write_stream},     {5, write_by_map},
    {5, truncate_file},      {6, allocate_range},   {3, copy_range},
    {14, read_range},        {5, read_by_map},      {3, seek_ends},
    {6, look_at_attributes}, {8, open_file},        {9, close_some_handle},
    {4, sync_file},          {4, make_file},        {1, make_nameless_file},
    {1, make_directory},     {1, make_symlink},     {2, make_link},
    {4, rename_something},   {4, remove_something}, {4, change_attributes},
    {1, list_names},
};
constexpr unsigned kSharedWeight = 16;

/// The process itself.
class Process {
 public:
  Process(const WorkerPlan& plan, int number, SharedState& shared)
      : plan_(plan),
        shared_state_(shared),
        own_(number, plan.seed * 1000003 + static_cast<std::uint64_t>(number), plan.mountpoint,
             shared),
        shared_(plan.mountpoint, number, plan.workers, shared, own_.calls, own_.random) {}

  int run(int commands, int reports) {
    install_bus_guard();
    try {
      char command = 0;
      while (::read(commands, &command, 1) == 1) {
        work(command);
        if (command == kFinish) return 0;
        if (::write(reports, &kStopped, 1) != 1) return 1;
      }
      return 1;  // The director is gone.
    } catch (const Violation& violation) {
      report(violation.what(), violation.found(), violation.wanted());
    } catch (const std::exception& error) {
      report(error.what(), {}, {});
    }
    return kFoundViolation;
  }

 private:
  void work(char command) {
    try {
      check_everything(own_);
      shared_.check();
      while (command == kStart && !shared_state_.stop) step();
      close_all(own_);
      shared_.close();
    } catch (const MountGone&) {
      own_.handles.clear();
    } catch (const std::system_error&) {  // of a helper that knows nothing of kills
      if (!own_.calls.is_gone()) throw;
      own_.handles.clear();
    }
  }

  void step() {
    unsigned all = kSharedWeight;
    for (const Weighted& entry : kOperations) all += entry.weight;
    auto pick = static_cast<unsigned>(own_.random.below(all));
    for (const Weighted& entry : kOperations) {
      if (pick < entry.weight) return entry.operation(own_);
      pick -= entry.weight;
    }
    shared_.step();
  }

  void report(const std::string& what, const Bytes& found, const Bytes& wanted) const {
    const std::string name = "worker-" + std::to_string(own_.number);
    const std::string base = plan_.evidence + "/" + name;
    std::ofstream(base + ".history") << own_.calls.history() << what << "\n";
    if (!found.empty()) mounttest::write_file(base + ".found", found);
    if (!wanted.empty()) mounttest::write_file(base + ".wanted", wanted);
    std::cerr << "soak: VIOLATION, seed " << plan_.seed << ", " << name << ": " << what << "\n"
              << std::flush;
  }

  const WorkerPlan plan_;
  SharedState& shared_state_;
  WorkerState own_;
  SharedFiles shared_;
};

}  // namespace

Worker::Worker(const WorkerPlan& plan, int number, SharedState& shared) {
  int to_worker[2];
  int from_worker[2];
  mounttest::check(::pipe2(to_worker, O_CLOEXEC), "pipe2");
  mounttest::Fd commands_reader(to_worker[0]);
  commands_ = mounttest::Fd(to_worker[1]);
  mounttest::check(::pipe2(from_worker, O_CLOEXEC), "pipe2");
  reports_ = mounttest::Fd(from_worker[0]);
  mounttest::Fd reports_writer(from_worker[1]);
  const pid_t parent = ::getpid();
  process_ = static_cast<pid_t>(mounttest::check(::fork(), "fork"));
  if (process_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(1);
  commands_ = mounttest::Fd();
  reports_ = mounttest::Fd();
  // By _exit: what the director has is not this process's to destroy.
  ::_exit(Process(plan, number, shared).run(commands_reader.get(), reports_writer.get()));
}

Worker::~Worker() {
  if (process_ <= 0 || ended()) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

void Worker::start() {
  stopped_ = false;
  mounttest::check(::write(commands_.get(), &kStart, 1), "write to a worker");
}

void Worker::finish() {
  stopped_ = false;
  mounttest::check(::write(commands_.get(), &kFinish, 1), "write to a worker");
}

bool Worker::has_stopped() {
  pollfd waiting{reports_.get(), POLLIN, 0};
  char report = 0;
  if (!stopped_ && ::poll(&waiting, 1, 0) > 0 && (waiting.revents & POLLIN) != 0) {
    stopped_ = ::read(reports_.get(), &report, 1) == 1;
  }
  return stopped_;
}

std::optional<int> Worker::ended() {
  if (process_ <= 0) return 0;
  int status = 0;
  if (::waitpid(process_, &status, WNOHANG) != process_) return std::nullopt;
  process_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace zstdfs::soak
