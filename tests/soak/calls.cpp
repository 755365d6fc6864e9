#include "tests/soak/calls.hpp"

#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

namespace zstdfs::soak {
namespace {

constexpr std::size_t kHistory = 4000;

bool means_gone(int error) {
  // The last is what a call ends with that the daemon had got over io_uring.
  return error == ENOTCONN || error == ECONNABORTED || error == ECANCELED;
}

}  // namespace

void Calls::note(const std::string& what) {
  history_.push_back(what);
  if (history_.size() > kHistory) history_.pop_front();
  ++shared_.progress[static_cast<std::size_t>(worker_)];
}

bool Calls::is_gone() const {
  // Of all calls the one that the kernel never answers from what it remembers.
  struct statfs space {};
  return ::statfs(mountpoint_.c_str(), &space) != 0 && means_gone(errno);
}

Outcome Calls::judge(Call call, long result, Space space) {
  const int error = errno;
  Outcome outcome = Outcome::kDone;
  if (result < 0) {
    if (error == ENOSPC && space == Space::kMayLack) {
      outcome = Outcome::kNoSpace;
    } else if (error == EOPNOTSUPP) {
      outcome = Outcome::kUnsupported;
    } else if (means_gone(error) || is_gone()) {
      // Pages that were being read or written when the daemon died fail with EIO.
      shared_.count(call, Outcome::kGone);
      history_.push_back("  the mount is gone");
      throw MountGone();
    } else {
      throw Violation(std::string(name_of(call)) + " failed: " + std::strerror(error));
    }
    history_.push_back(std::string("  ") + std::strerror(error));
  }
  shared_.count(call, outcome);
  return outcome;
}

void Calls::failed(Call call, const std::string& how) {
  if (is_gone()) {
    shared_.count(call, Outcome::kGone);
    throw MountGone();
  }
  throw Violation(std::string(name_of(call)) + " failed: " + how);
}

std::string Calls::history() const {
  std::string out;
  for (const std::string& line : history_) out += line + "\n";
  return out;
}

}  // namespace zstdfs::soak
