#include "tests/soak/daemon.hpp"

#include <signal.h>
#include <sys/mount.h>

#include <algorithm>
#include <fstream>
#include <stdexcept>

#include "tests/mount/mounted_store.hpp"

namespace zstdfs::soak {
namespace {

constexpr std::chrono::seconds kPatience{180};

}  // namespace

Daemon::Daemon(std::string store, std::string mountpoint, std::string log)
    : store_(std::move(store)), mountpoint_(std::move(mountpoint)), log_(std::move(log)) {}

Daemon::~Daemon() {
  if (process_ > 0) {
    ::kill(process_, SIGKILL);
    mounttest::wait_for(process_, kPatience);
  }
  if (mounttest::is_mounted(mountpoint_)) ::umount2(mountpoint_.c_str(), MNT_DETACH);
}

void Daemon::mount() {
  process_ = mounttest::start_mount({mounttest::mount_program(), "-f", store_, mountpoint_},
                                    mountpoint_, log_);
}

int Daemon::unmount() {
  note_memory();
  if (!mounttest::unmount(mountpoint_)) throw std::runtime_error("the mount stays busy");
  const int status = mounttest::wait_for(process_, kPatience);
  if (status == mounttest::kTimedOut) {
    throw std::runtime_error("the daemon does not end after the unmount");
  }
  process_ = -1;
  return status;
}

void Daemon::kill() {
  note_memory();
  ::kill(process_, SIGKILL);
  mounttest::wait_for(process_, kPatience);
  process_ = -1;
}

void Daemon::let_go() {
  ::umount2(mountpoint_.c_str(), MNT_DETACH);
  if (mounttest::is_mounted(mountpoint_)) throw std::runtime_error("the dead mount stays");
}

void Daemon::freeze() {
  if (process_ > 0) ::kill(process_, SIGSTOP);
}

bool Daemon::is_dead() {
  if (process_ > 0 &&
      mounttest::wait_for(process_, std::chrono::seconds(0)) != mounttest::kTimedOut) {
    process_ = -1;
  }
  return process_ <= 0;
}

std::uint64_t Daemon::most_memory_bytes() {
  note_memory();
  return most_memory_bytes_;
}

void Daemon::note_memory() {
  if (process_ <= 0) return;
  std::ifstream status("/proc/" + std::to_string(process_) + "/status");
  std::string word;
  std::uint64_t kibibytes = 0;
  while (status >> word) {
    if (word == "VmHWM:" && status >> kibibytes) {
      most_memory_bytes_ = std::max(most_memory_bytes_, kibibytes * 1024);
    }
  }
}

}  // namespace zstdfs::soak
