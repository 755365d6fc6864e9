// Set-id bits and file capabilities: what takes them away, and what must not.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::text_bytes;

class SetIdBits : public PairTest {};

constexpr const char* kAttribute = "security.capability";

long give_capability(const std::string& path) {
  vfs_cap_data data{};
  data.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE;
  data.data[0].permitted = 1u << CAP_NET_RAW;
  return ::setxattr(path.c_str(), kAttribute, &data, sizeof data, 0);
}

long capability_bytes(const std::string& path) {
  return ::getxattr(path.c_str(), kAttribute, nullptr, 0);
}

using Change = std::function<long(const std::string& path, int fd)>;
struct NamedChange {
  const char* what;
  Change change;
};

const NamedChange kChanges[] = {
    {"write", [](const std::string&, int fd) { return ::pwrite(fd, "x", 1, 1000); }},
    {"truncate", [](const std::string& path, int) { return ::truncate(path.c_str(), 20000); }},
    {"ftruncate", [](const std::string&, int fd) { return ::ftruncate(fd, 50000); }},
    {"allocate", [](const std::string&, int fd) { return ::fallocate(fd, 0, 0, 90000); }},
    {"punch",
     [](const std::string&, int fd) {
       return ::fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 10);
     }},
    {"copy_file_range",
     [](const std::string&, int fd) {
       off_t in = 100;
       off_t out = 0;
       return ::copy_file_range(fd, &in, fd, &out, 10, 0);
     }},
    {"open with truncation",
     [](const std::string& path, int) {
       return ::close(::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
     }},
    {"chmod to the same",
     [](const std::string& path, int) {
       return ::chmod(path.c_str(), status_of(path).st_mode & 07777);
     }},
    {"chgrp to one's own", [](const std::string& path, int) {
       return ::chown(path.c_str(), static_cast<uid_t>(-1), ::getegid());
     }}};

// Who is not in the group of a file takes its set-group-id bit away even where the group cannot
// execute it: for this the kernel relies on the filesystem.
TEST_F(SetIdBits, ByModeCallerAndChange) {
  const Caller callers[] = {{.uid = 0, .gid = 0, .groups = {}},
                            {.uid = 1000, .gid = 1000, .groups = {}},
                            {.uid = 1001, .gid = 500, .groups = {}},
                            {.uid = 1002, .gid = 1002, .groups = {500}},
                            {.uid = 1003, .gid = 1003, .groups = {}}};
  same([&](Side& side) {
    for (const mode_t mode : {06777u, 06666u, 02767u}) {
      for (const Caller& caller : callers) {
        for (const NamedChange& named : kChanges) {
          write_file(side / "f", text_bytes(30000, 1));
          ::chown((side / "f").c_str(), 1000, 500);
          ::chmod((side / "f").c_str(), mode);
          side.note("mode before " + std::string(named.what), static_cast<long>(mode));
          side.as(caller, [&](Side& inner) {
            const Fd fd = inner.opened("open", ::open((inner / "f").c_str(), O_RDWR));
            inner.did(named.what, named.change(inner / "f", fd.get()));
          });
          side.attributes("f");
          ::unlink((side / "f").c_str());
        }
      }
    }
  });
}

TEST_F(SetIdBits, CapabilitiesGoWithTheContent) {
  same([&](Side& side) {
    for (const auto& [what, change] : kChanges) {
      write_file(side / "f", text_bytes(30000, 1));
      side.did("give", give_capability(side / "f"));
      const Fd fd = open_file(side / "f", O_RDWR);
      side.did(what, change(side / "f", fd.get()));
      side.did("left", capability_bytes(side / "f"));
    }
  });
}

// The lower filesystem takes a capability away whenever content is written, whoever writes. So what
// the store has still to write when a capability is given must be written before.
TEST_F(SetIdBits, CapabilitiesSurviveTheStoresOwnWork) {
  write_file(store_.path("closed"), text_bytes(300000, 1));
  append_file(store_.path("closed"), text_bytes(1000, 2));
  ASSERT_EQ(give_capability(store_.path("closed")), 0);
  Fd fd = open_file(store_.path("open"), O_CREAT | O_RDWR);
  write_all(fd.get(), text_bytes(300000, 1));
  pwrite_all(fd.get(), bytes_of("changed"), 1000);
  ASSERT_EQ(give_capability(store_.path("open")), 0);
  fd.close();
  std::this_thread::sleep_for(std::chrono::milliseconds(1600));
  for (int round = 0; round < 2; ++round) {
    EXPECT_GT(capability_bytes(store_.path("closed")), 0);
    EXPECT_GT(capability_bytes(store_.path("open")), 0);
    store_.remount();
  }
}

}  // namespace
}  // namespace zstdfs::mounttest
