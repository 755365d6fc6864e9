#include "tests/power_cut/mounts.hpp"

#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <random>
#include <stdexcept>
#include <utility>

#include "tests/mount/files.hpp"
#include "tests/mount/mounted_store.hpp"
#include "tests/mount/process.hpp"

namespace zstdfs::powercut {
namespace {

using mounttest::check;
using mounttest::Ended;

constexpr std::chrono::seconds kPatience{120};
// So small that it is copied quickly, and large enough for each of the filesystems.
constexpr const char* kImageBytes = "400M";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

std::string text_of(const std::string& path) {
  const Bytes bytes = mounttest::read_file(path);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

void run_or_throw(const std::vector<std::string>& command) {
  const Ended ended = mounttest::run(command);
  if (!ended.ok()) throw std::runtime_error(command.front() + ": " + ended.output);
}

}  // namespace

void require_own_namespaces() {
  if (::getpid() == 1) return;
  throw std::runtime_error("run it with tests/power_cut.sh, which gives it namespaces of its own");
}

void pretend_a_new_boot(const std::string& scratch) {
  const std::string file = scratch + "/boot_id";
  if (!mounttest::exists(file)) {
    mounttest::write_file(file, {});
    // That of the recording before, whose file is gone: nothing can be mounted over it.
    ::umount2(kBootId, MNT_DETACH);
    check(::mount(file.c_str(), kBootId, nullptr, MS_BIND, nullptr), "bind mount on boot_id");
  }
  std::random_device random;
  const std::string id = std::to_string(random()) + "-" + std::to_string(random()) + "\n";
  mounttest::write_file(file, std::as_bytes(std::span(id)));
}

void make_filesystem(const std::string& kind, const std::string& image) {
  const std::map<std::string, std::vector<std::string>> programs = {
      // Its blocks are smaller on small disks, and a block of this test would be several.
      {"ext4",
       {"mkfs.ext4", "-q", "-F", "-b", "4096", "-E", "lazy_itable_init=0,lazy_journal_init=0"}},
      {"xfs", {"mkfs.xfs", "-q", "-f"}},
      {"btrfs", {"mkfs.btrfs", "-q", "-f"}},
  };
  std::vector<std::string> command = programs.at(kind);
  command.push_back(image);
  run_or_throw({"truncate", "-s", kImageBytes, image});
  run_or_throw(command);
}

Mount Mount::of_image(const std::string& image, const std::string& mountpoint) {
  std::filesystem::create_directories(mountpoint);
  run_or_throw({"mount", "-o", "loop", image, mountpoint});
  return {mountpoint, -1, {}};
}

Mount Mount::of_program(const std::vector<std::string>& command, const std::string& mountpoint,
                        const std::string& output) {
  std::filesystem::create_directories(mountpoint);
  return {mountpoint, mounttest::start_mount(command, mountpoint, output), output};
}

Mount::Mount(Mount&& other) noexcept
    : mountpoint_(std::exchange(other.mountpoint_, {})),
      process_(std::exchange(other.process_, -1)),
      output_(std::move(other.output_)) {}

Mount::~Mount() {
  if (!mountpoint_.empty()) ::umount2(mountpoint_.c_str(), MNT_DETACH);
  if (process_ <= 0) return;
  if (mounttest::wait_for(process_, std::chrono::seconds(10)) != mounttest::kTimedOut) return;
  ::kill(process_, SIGKILL);
  mounttest::wait_for(process_, kPatience);
}

void Mount::unmount() {
  const std::string path = std::exchange(mountpoint_, {});
  if (!mounttest::unmount(path)) throw std::runtime_error(path + " stays busy");
  if (process_ <= 0) return;
  const int status = mounttest::wait_for(std::exchange(process_, -1), kPatience);
  if (status == 0) return;
  throw std::runtime_error("the process of " + path + " ends with " + std::to_string(status) +
                           "; it said: " + text_of(output_));
}

RecordedDisk::RecordedDisk(const std::string& image, const std::string& recording,
                           const std::string& directory)
    : recorder_(Mount::of_program(
          {ZSTDFS_BIN_DIRECTORY "/power-cut-recorder", image, recording, directory + "/recorder"},
          directory + "/recorder", directory + "/recorder.log")),
      lower_(Mount::of_image(recorder_.path() + "/image", directory + "/lower")) {}

void RecordedDisk::unmount() {
  lower_.unmount();
  recorder_.unmount();
}

void Mount::kill() {
  check(::kill(process_, SIGKILL), "kill");
  mounttest::wait_for(std::exchange(process_, -1), kPatience);
  ::umount2(std::exchange(mountpoint_, {}).c_str(), MNT_DETACH);
}

}  // namespace zstdfs::powercut
