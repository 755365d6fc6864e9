// Set-id bits and file capabilities: what takes them away, and what must not.
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>

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

/// From now on the calling process is nobody who may keep set-id bits, whoever it is.
void give_up_fsetid() {
  const cap_value_t capability = CAP_FSETID;
  const cap_t state = ::cap_get_proc();
  check(::cap_set_flag(state, CAP_EFFECTIVE, 1, &capability, CAP_CLEAR), "cap_set_flag");
  check(::cap_set_proc(state), "cap_set_proc");
  ::cap_free(state);
}

long write_directly(int fd) {
  constexpr std::size_t kBytes = 4096;
  void* const page =
      ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ::fcntl(fd, F_SETFL, O_DIRECT);
  const ssize_t written = ::pwrite(fd, page, kBytes, 0);
  ::munmap(page, kBytes);
  return written;
}

long write_through_mapping(int fd) {
  constexpr std::size_t kBytes = 4096;
  void* const page = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return -1;
  static_cast<char*>(page)[100] = 'x';
  const int synced = ::msync(page, kBytes, MS_SYNC);
  ::munmap(page, kBytes);
  return synced;
}

using Change = std::function<long(const std::string& path, int fd)>;
struct NamedChange {
  const char* what;
  Change change;
};

const NamedChange kChanges[] = {
    {"write", [](const std::string&, int fd) { return ::pwrite(fd, "x", 1, 1000); }},
    {"direct write", [](const std::string&, int fd) { return write_directly(fd); }},
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

void make_file(Side& side, mode_t mode) {
  write_file(side / "f", text_bytes(30000, 1));
  ::chown((side / "f").c_str(), 1000, 500);
  ::chmod((side / "f").c_str(), mode);
}

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
          make_file(side, mode);
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

TEST_F(SetIdBits, StayWhenAMappingIsWritten) {
  same([&](Side& side) {
    for (const mode_t mode : {06777u, 02767u}) {
      for (const uid_t user : {0u, 1000u, 1003u}) {
        make_file(side, mode);
        side.as({.uid = user, .gid = user, .groups = {}}, [&](Side& inner) {
          const Fd fd = inner.opened("open", ::open((inner / "f").c_str(), O_RDWR));
          inner.did("write", write_through_mapping(fd.get()));
        });
        side.attributes("f");
        ::unlink((side / "f").c_str());
      }
    }
  });
}

TEST_F(SetIdBits, GoWhenTheOwnerIsChangedToNobody) {
  const auto change_nothing = [](const std::string& path) {
    return ::chown(path.c_str(), static_cast<uid_t>(-1), static_cast<gid_t>(-1));
  };
  same([&](Side& side) {
    for (const mode_t mode : {06777u, 02767u}) {
      for (const uid_t user : {0u, 1000u}) {
        make_file(side, mode);
        side.as({.uid = user, .gid = user, .groups = {}},
                [&](Side& inner) { inner.did("chown", change_nothing(inner / "f")); });
        side.attributes("f");
        ::unlink((side / "f").c_str());
      }
    }
    // Whoever may not change the owner changes nothing, whatever the answer is.
    make_file(side, 06755);
    side.as({.uid = 1001, .gid = 1001, .groups = {}},
            [&](Side& inner) { change_nothing(inner / "f"); });
    side.attributes("f");
  });
}

// The kernel asks for a new file where it does not know of one.
TEST_F(SetIdBits, GoWhenAFileThatIsNotNewIsCreated) {
  check(::mkdir(store_.path("d").c_str(), 0755), "mkdir");
  check(::chmod(store_.path("d").c_str(), 0777), "chmod");
  ASSERT_FALSE(exists(store_.path("d/f")));
  write_file(store_.backing("d/f"), text_bytes(30000, 1));
  check(::chmod(store_.backing("d/f").c_str(), 06777), "chmod");
  in_child([&] {
    check(::setuid(1000), "setuid");
    open_file(store_.path("d/f"), O_CREAT | O_WRONLY | O_TRUNC);
    return std::string();
  });
  EXPECT_EQ(status_of(store_.path("d/f")).st_mode & 07777, 0777u);
  EXPECT_EQ(status_of(store_.path("d/f")).st_size, 0);
}

// It is the capability that counts, not the user.
TEST_F(SetIdBits, OfFilesThatRootMayNotKeepThemOf) {
  same([&](Side& side) {
    for (const NamedChange& named : kChanges) {
      make_file(side, 06777);
      side.as({}, [&](Side& inner) {
        give_up_fsetid();
        const Fd fd = inner.opened("open", ::open((inner / "f").c_str(), O_RDWR));
        inner.did(named.what, named.change(inner / "f", fd.get()));
      });
      side.attributes("f");
      ::unlink((side / "f").c_str());
    }
  });
}

// Bits and a capability at once: the latter goes whoever writes, and the bits do not go with it.
TEST_F(SetIdBits, BesideACapability) {
  same([&](Side& side) {
    for (const bool keeps_bits : {true, false}) {
      for (const NamedChange& named : kChanges) {
        make_file(side, 06777);
        side.did("give", give_capability(side / "f"));
        side.as({}, [&](Side& inner) {
          if (!keeps_bits) give_up_fsetid();
          const Fd fd = inner.opened("open", ::open((inner / "f").c_str(), O_RDWR));
          inner.did(named.what, named.change(inner / "f", fd.get()));
        });
        side.attributes("f");
        side.did("left", capability_bytes(side / "f"));
        ::unlink((side / "f").c_str());
      }
    }
  });
}

/// The user with whose rights the program, a copy of id(1), runs when another one starts it.
std::string effective_user(const std::string& program) {
  return shell("exec setpriv --reuid 1000 --clear-groups \"$1\" -u", {program}).output;
}

// What counts then is the mode that the kernel remembers.
TEST_F(SetIdBits, ThatAreGoneAreGoneForTheNextProgram) {
  same([&](Side& side) {
    const std::string program = side / "id";
    for (const bool has_capability : {false, true}) {
      std::filesystem::copy_file("/usr/bin/id", program);
      check(::chmod(program.c_str(), 04755), "chmod");
      if (has_capability) side.did("give", give_capability(program));
      side.note("user before", effective_user(program));
      side.as({}, [&](Side& inner) {
        give_up_fsetid();
        const Fd fd = open_file(program, O_WRONLY | O_APPEND);
        inner.did("append", ::write(fd.get(), "x", 1));
      });
      side.note("user after", effective_user(program));
      std::filesystem::remove(program);
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

// Whatever the kernel has learnt of a file before: what is given again is taken again.
TEST_F(SetIdBits, CapabilitiesGoEachTime) {
  same([&](Side& side) {
    write_file(side / "f", text_bytes(30000, 1));
    const Fd fd = open_file(side / "f", O_RDWR);
    for (int round = 0; round < 3; ++round) {
      side.did("write", ::pwrite(fd.get(), "x", 1, 1000));
      side.did("give", give_capability(side / "f"));
      side.did("there", capability_bytes(side / "f"));
      // By another process, through another handle, in turn.
      if (round == 1) {
        side.as({}, [](Side& inner) { append_file(inner / "f", bytes_of("y")); });
      } else {
        side.did("write", ::pwrite(fd.get(), "x", 1, 2000));
      }
      side.did("left", capability_bytes(side / "f"));
    }
    side.did("give bits", ::chmod((side / "f").c_str(), 06777));
    side.as({.uid = 1000, .gid = 1000, .groups = {}}, [](Side& inner) {
      const Fd own = open_file(inner / "f", O_RDWR);
      inner.did("write", ::pwrite(own.get(), "x", 1, 1000));
      inner.did("write", ::pwrite(own.get(), "x", 1, 1000));
      inner.attributes("f");
    });
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
  store_.wait_until_settled();
  for (int round = 0; round < 2; ++round) {
    EXPECT_GT(capability_bytes(store_.path("closed")), 0);
    EXPECT_GT(capability_bytes(store_.path("open")), 0);
    store_.remount();
  }
}

TEST_F(SetIdBits, ADirectoryKeepsTheGroupBitWithAnotherGroup) {
  same([](Side& side) {
    for (const mode_t mode : {02700u, 02740u, 02770u}) {
      const std::string name = "chgrp" + std::to_string(mode);
      const std::string path = side / name;
      ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
      ASSERT_EQ(::chown(path.c_str(), 1000, 2000), 0);
      ASSERT_EQ(::chmod(path.c_str(), mode), 0);
      side.as({.uid = 1000, .gid = 1000, .groups = {3000}, .umask = 022}, [&](Side& inner) {
        inner.did("chgrp", ::chown((inner / name).c_str(), uid_t(-1), 3000));
      });
      side.note("mode", std::to_string(status_of(path).st_mode));
    }
  });
}

TEST_F(SetIdBits, AnAccessListTakesTheGroupBitFromADirectoryToo) {
  same([](Side& side) {
    for (const mode_t mode : {02770u, 02700u}) {
      const std::string name = "directory" + std::to_string(mode);
      const std::string path = side / name;
      ASSERT_EQ(::mkdir(path.c_str(), 0700), 0);
      ASSERT_EQ(::chown(path.c_str(), 1000, 2000), 0);
      ASSERT_EQ(::chmod(path.c_str(), mode), 0);
      side.as({.uid = 1000, .gid = 1000, .groups = {}, .umask = 022}, [&](Side& inner) {
        inner.did("setfacl", shell("setfacl -m u:1001:rx \"$1\"", {inner / name}).status);
      });
      side.note("mode", std::to_string(status_of(path).st_mode));
    }
  });
}

}  // namespace
}  // namespace zstdfs::mounttest
