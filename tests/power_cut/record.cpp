#include <chrono>
#include <exception>
#include <filesystem>
#include <memory>
#include <optional>
#include <thread>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/process.hpp"
#include "tests/power_cut/mounts.hpp"
#include "tests/power_cut/session.hpp"
#include "tests/power_cut/workloads.hpp"

namespace zstdfs::powercut {
namespace {

using Clock = std::chrono::steady_clock;

/// Lets each workload take steps in a thread of its own until the time is up.
void run_workloads(const std::vector<std::unique_ptr<Workload>>& workloads, double seconds) {
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  std::vector<std::exception_ptr> errors(workloads.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    threads.emplace_back([&, i] {
      try {
        while (Clock::now() < end) workloads[i]->step();
      } catch (...) {
        errors[i] = std::current_exception();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < workloads.size(); ++i) {
    if (!errors[i]) continue;
    try {
      std::rethrow_exception(errors[i]);
    } catch (const std::exception& error) {
      throw std::runtime_error(workloads[i]->name() + ": " + error.what());
    }
  }
}

/// What the workloads work in: a mount of zstdfs, or a directory in its place.
class Surface {
 public:
  Surface(const SessionOptions& options, const std::string& backing, const std::string& directory)
      : options_(options), backing_(backing), directory_(directory) {
    mount();
  }
  std::string path() const { return options_.native ? backing_ : directory_ + "/mnt"; }
  void kill_and_mount() {
    if (daemon_) daemon_->kill();
    daemon_.reset();
    mount();
  }
  void unmount() {
    if (daemon_) daemon_->unmount();
    daemon_.reset();
  }
  void mount() {
    if (options_.native) return;
    daemon_.emplace(mount_store(options_, backing_, path(), directory_ + "/daemon.log"));
  }

 private:
  SessionOptions options_;
  std::string backing_;
  std::string directory_;
  std::optional<Mount> daemon_;
};

}  // namespace

Mount mount_store(const SessionOptions& options, const std::string& backing,
                  const std::string& mountpoint, const std::string& output) {
  std::vector<std::string> command = {mounttest::mount_program(), "-f", backing, mountpoint};
  if (options.without_syncs) {
    command.insert(command.begin(), {"env", "LD_PRELOAD=" ZSTDFS_WITHOUT_SYNCS});
  }
  return Mount::of_program(command, mountpoint, output);
}

std::string initial_image(const std::string& directory) {
  return directory + "/initial.img";
}

std::string recording_file(const std::string& directory) {
  return directory + "/recording";
}

void record(const SessionOptions& options, const std::string& directory) {
  const std::string disk = directory + "/disk.img";
  make_filesystem(options.filesystem, disk);
  copy_image(disk, initial_image(directory));
  RecordedDisk lower(disk, recording_file(directory), directory);
  std::filesystem::create_directory(lower.path() + "/store");
  Surface surface(options, lower.path() + "/store", directory);
  {
    NotedDirectory files(surface.path(), lower.mark_file());
    const auto workloads = make_workloads(files, options.seed);
    run_workloads(workloads, options.seconds / 3);
    surface.kill_and_mount();
    run_workloads(workloads, options.seconds / 3);
    surface.unmount();
    surface.mount();
    run_workloads(workloads, options.seconds / 3);
  }
  surface.unmount();
  lower.unmount();
  std::filesystem::remove(disk);
}

}  // namespace zstdfs::powercut
