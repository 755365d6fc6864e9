#include "tests/mount/mounted_store.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace zstdfs::mounttest {
namespace {

/// ThreadSanitizer and a busy machine make a daemon slow, never this slow.
constexpr std::chrono::seconds kDaemonPatience{120};

const char* override_command() {
  const char* command = std::getenv("ZSTDFS_MOUNT_COMMAND");
  return command != nullptr && *command != '\0' ? command : nullptr;
}

std::string text_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

}  // namespace

std::string mount_program() {
  const char* command = override_command();
  return command != nullptr ? command : ZSTDFS_BIN_DIRECTORY "/mount.zstdfs";
}

std::string tool_program() {
  return ZSTDFS_BIN_DIRECTORY "/zstdfs";
}

bool is_zstdfs_under_test() {
  return override_command() == nullptr;
}

bool is_mounted(const std::string& mountpoint) {
  std::ifstream mounts("/proc/self/mountinfo");
  std::string line;
  while (std::getline(mounts, line)) {
    std::istringstream words(line);
    std::string id, parent, device, root, path;
    words >> id >> parent >> device >> root >> path;
    if (path == mountpoint) return true;
  }
  return false;
}

bool unmount(const std::string& mountpoint) {
  const bool clean = eventually(
      [&] { return ::umount2(mountpoint.c_str(), 0) == 0 || (errno != EBUSY && errno != EINTR); },
      std::chrono::seconds(30));
  const bool gone = !is_mounted(mountpoint);
  if (!gone) ::umount2(mountpoint.c_str(), MNT_DETACH);
  return clean && gone;
}

pid_t start_mount(const std::vector<std::string>& command, const std::string& mountpoint,
                  const std::string& output_path) {
  const pid_t daemon = start(command, output_path);
  int ended = kTimedOut;
  const bool ready = eventually(
      [&] {
        ended = wait_for(daemon, std::chrono::seconds(0));
        struct stat status {};
        // The kernel lets stat wait until the daemon has answered its first request.
        return ended != kTimedOut ||
               (is_mounted(mountpoint) && ::stat(mountpoint.c_str(), &status) == 0);
      },
      kDaemonPatience);
  if (ended == kTimedOut && ready) return daemon;
  if (ended == kTimedOut) {
    ::kill(daemon, SIGKILL);
    wait_for(daemon, kDaemonPatience);
    unmount(mountpoint);
  }
  throw std::runtime_error("the mount does not come up (status " + std::to_string(ended) +
                           "): " + text_of(output_path));
}

std::vector<pid_t> daemons_of(const std::string& mountpoint) {
  const std::string name = std::filesystem::path(mount_program()).filename().string();
  std::vector<pid_t> found;
  for (const std::string& entry : names_in("/proc")) {
    if (entry.find_first_not_of("0123456789") != std::string::npos) continue;
    std::istringstream words(text_of("/proc/" + entry + "/cmdline"));
    std::string word;
    bool is_ours = false;
    bool names_mountpoint = false;
    for (bool first = true; std::getline(words, word, '\0'); first = false) {
      if (first) is_ours = std::filesystem::path(word).filename().string() == name;
      names_mountpoint = names_mountpoint || word == mountpoint;
    }
    if (is_ours && names_mountpoint) found.push_back(static_cast<pid_t>(std::stol(entry)));
  }
  return found;
}

MountedStore::MountedStore(std::string options, const std::string& backing)
    : options_(std::move(options)),
      backing_(backing.empty() ? scratch_ / "backing" : backing),
      mountpoint_(scratch_ / "mnt") {
  std::filesystem::create_directory(mountpoint_);
  std::filesystem::create_directories(backing_);
  mount();
}

MountedStore::~MountedStore() {
  if (daemon_ <= 0) return;
  const bool unmounted = mounttest::unmount(mountpoint_);
  if (wait_for(daemon_, unmounted ? kDaemonPatience : std::chrono::seconds(2)) == kTimedOut) {
    ::kill(daemon_, SIGKILL);
    wait_for(daemon_, kDaemonPatience);
  }
}

std::string MountedStore::backing(const std::string& name) const {
  return name.empty() ? backing_ : backing_ + "/" + name;
}

std::string MountedStore::log() const {
  return text_of(scratch_ / "log");
}

void MountedStore::mount(const std::string& options) {
  if (::access("/dev/fuse", F_OK) != 0) throw std::runtime_error("/dev/fuse is missing");
  std::vector<std::string> command{mount_program(), "-f", backing_, mountpoint_};
  if (!options.empty()) command.insert(command.end(), {"-o", options});
  daemon_ = start_mount(command, mountpoint_, scratch_ / "log");
}

void MountedStore::unmount(Committed committed) {
  if (daemon_ <= 0) return;
  const bool unmounted = mounttest::unmount(mountpoint_);
  EXPECT_TRUE(unmounted) << mountpoint_ << " stays busy";
  // A mount that somebody still uses lives on: there is nothing to wait for.
  int status = wait_for(daemon_, unmounted ? kDaemonPatience : std::chrono::seconds(2));
  if (status == kTimedOut) {
    ADD_FAILURE() << "the daemon does not end after the unmount";
    ::kill(daemon_, SIGKILL);
    status = wait_for(daemon_, kDaemonPatience);
  }
  daemon_ = -1;
  if (committed == Committed::kMaybeNotAll && status == kUncommittedStatus) return;
  EXPECT_EQ(status, committed == Committed::kNotAll ? kUncommittedStatus : 0)
      << "the daemon's end; it said:\n"
      << log();
}

void MountedStore::remount(Committed committed) {
  unmount(committed);
  mount();
}

void MountedStore::kill_daemon(const std::function<void()>& before_unmount) {
  check(::kill(daemon_, SIGKILL), "kill");
  wait_for(daemon_, kDaemonPatience);
  daemon_ = -1;
  before_unmount();
  ::umount2(mountpoint_.c_str(), MNT_DETACH);
  EXPECT_FALSE(is_mounted(mountpoint_));
}

void MountedStore::wait_until_settled() const {
  if (!is_zstdfs_under_test()) return;
  std::string said;
  const auto is_settled = [&] {
    said = run({tool_program(), "stats", "--json", mountpoint_}).output;
    // The daemon learns of a close a little later.
    return said.find("\"open_files\": 0,") != std::string::npos &&
           said.find("\"unmerged_files\": 0,") != std::string::npos;
  };
  EXPECT_TRUE(eventually(is_settled, kDaemonPatience)) << said;
}

void expect_containers_are_zstd(const std::string& backing, const std::string& logical_directory) {
  // In portions: neither one process for each file, nor a command line without bound.
  constexpr std::size_t kPortion = 200;
  std::vector<std::string> containers;
  for (const std::string& path : regular_files(backing)) {
    if (is_stored_as_container(path)) containers.push_back(path);
  }
  for (std::size_t at = 0; at < containers.size(); at += kPortion) {
    const auto begin = containers.begin() + static_cast<std::ptrdiff_t>(at);
    const auto end = containers.end() - begin < static_cast<std::ptrdiff_t>(kPortion)
                         ? containers.end()
                         : begin + static_cast<std::ptrdiff_t>(kPortion);
    std::vector<std::string> command{"zstd", "-q", logical_directory.empty() ? "-t" : "-dc"};
    command.insert(command.end(), begin, end);
    const Ended unpacked = run(command);
    EXPECT_TRUE(unpacked.ok()) << unpacked.output.substr(0, 1000);
    if (logical_directory.empty()) continue;
    // The contents come one after the other.
    Bytes wanted;
    for (auto path = begin; path != end; ++path) {
      const Bytes content = read_file(logical_directory + path->substr(backing.size()));
      wanted.insert(wanted.end(), content.begin(), content.end());
    }
    const auto* data = reinterpret_cast<const std::byte*>(unpacked.output.data());
    EXPECT_EQ(difference(ByteSpan(data, unpacked.output.size()), wanted), "")
        << "zstd -dc of the containers from " << *begin;
  }
}

void expect_fsck_clean(const std::string& backing) {
  if (!is_zstdfs_under_test()) return;
  const Ended checked = run({tool_program(), "fsck", backing});
  EXPECT_EQ(checked.status, 0) << checked.output;
}

void MountTest::SetUp() {
  ASSERT_TRUE(store_.mounted());
}

void MountTest::TearDown() {
  store_.unmount();
  if (!HasFatalFailure()) expect_fsck_clean(store_.backing());
}

}  // namespace zstdfs::mounttest
