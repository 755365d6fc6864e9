#include "tests/mount/side.hpp"

#include <fcntl.h>
#include <grp.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <sstream>

namespace zstdfs::mounttest {

long Side::did(const std::string& what, long result) {
  const int error = errno;
  note(what, result < 0 ? std::string(::strerrorname_np(error)) : std::to_string(result));
  errno = error;
  return result;
}

Fd Side::opened(const std::string& what, int fd) {
  const int error = errno;
  note(what, fd < 0 ? ::strerrorname_np(error) : "open");
  return Fd(fd);
}

void Side::note(const std::string& what, const std::string& fact) {
  record_.push_back(what + " = " + fact);
}

void Side::attributes(const std::string& name) {
  struct stat status {};
  if (::lstat((*this / name).c_str(), &status) != 0) {
    did("lstat " + name, -1);
    return;
  }
  // The size of a directory is the lower filesystem's own affair.
  const long size = S_ISDIR(status.st_mode) ? 0 : status.st_size;
  char text[160];
  std::snprintf(text, sizeof text, "mode %06o uid %u gid %u size %ld links %lu device %u:%u",
                status.st_mode, status.st_uid, status.st_gid, size,
                static_cast<unsigned long>(status.st_nlink), major(status.st_rdev),
                minor(status.st_rdev));
  note("attributes " + name, text);
}

void Side::times(const std::string& name) {
  struct stat status {};
  if (::lstat((*this / name).c_str(), &status) != 0) {
    did("lstat " + name, -1);
    return;
  }
  char text[120];
  std::snprintf(text, sizeof text, "mtime %ld.%09ld atime %ld.%09ld", status.st_mtim.tv_sec,
                status.st_mtim.tv_nsec, status.st_atim.tv_sec, status.st_atim.tv_nsec);
  note("times " + name, text);
}

void Side::content(const std::string& name) {
  const Fd fd(::open((*this / name).c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd.valid()) {
    did("open " + name, -1);
    return;
  }
  content(name, fd.get());
}

void Side::content(const std::string& what, int fd) {
  try {
    note("content " + what, digest(read_all(fd)));
  } catch (const std::system_error& error) {
    note("content " + what, error.what());
  }
}

void Side::listing(const std::string& directory) {
  const std::string path = directory.empty() ? root_ : *this / directory;
  if (!exists(path)) {
    did("list " + directory, -1);
    return;
  }
  std::string all;
  for (const std::string& name : names_in(path)) all += name + " ";
  note("list " + directory, all);
}

void Side::as(const Caller& caller, const std::function<void(Side&)>& body) {
  const std::string lines = in_child([&] {
    check(::setgroups(caller.groups.size(), caller.groups.data()), "setgroups");
    check(::setresgid(caller.gid, caller.gid, caller.gid), "setresgid");
    check(::setresuid(caller.uid, caller.uid, caller.uid), "setresuid");
    ::umask(caller.umask);
    Side inner(root_, is_mount_);
    body(inner);
    std::string out;
    for (const std::string& line : inner.record()) out += line + "\n";
    return out;
  });
  std::istringstream in(lines);
  for (std::string line; std::getline(in, line);) {
    record_.push_back("uid " + std::to_string(caller.uid) + ": " + line);
  }
}

void PairTest::SetUp() {
  ::umask(022);
  MountTest::SetUp();
  std::filesystem::create_directory(native_ / "side");
  // Both roots have the same owner and mode: 0755, root.
  ASSERT_EQ(status_of(native_ / "side").st_mode, status_of(store_.mountpoint()).st_mode);
}

void PairTest::same(const std::function<void(Side&)>& body) {
  Side native(native_ / "side", /*is_mount=*/false);
  Side mount(store_.mountpoint(), /*is_mount=*/true);
  body(native);
  body(mount);
  const std::size_t lines = std::max(native.record().size(), mount.record().size());
  EXPECT_GT(lines, 0u) << "a comparison that compares nothing";
  for (std::size_t i = 0; i < lines; ++i) {
    const std::string on_native = i < native.record().size() ? native.record()[i] : "(nothing)";
    const std::string on_mount = i < mount.record().size() ? mount.record()[i] : "(nothing)";
    EXPECT_EQ(on_mount, on_native) << "line " << i << ": mount first, native second";
  }
}

void PairTest::same_after_remount(const std::function<void(Side&)>& body) {
  store_.remount();
  same(body);
}

}  // namespace zstdfs::mounttest
