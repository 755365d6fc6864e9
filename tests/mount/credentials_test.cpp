// Who owns what is made, who may do what, umask, set-group-id directories and access lists.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::text_bytes;

class Credentials : public PairTest {};

const Caller kAlice{.uid = 1000, .gid = 1000, .groups = {}};
const Caller kBob{.uid = 1001, .gid = 1001, .groups = {}};

void make_some(Side& side, const std::string& directory) {
  const std::string in = directory + "/";
  const std::string who = std::to_string(::geteuid());
  for (const char* kind : {"file", "dir", "fifo", "link", "socket"}) {
    const std::string name = in + kind + who;
    const std::string path = side / name;
    if (kind[0] == 'd') {
      side.did(kind, ::mkdir(path.c_str(), 0777));
    } else if (kind[1] == 'i' && kind[0] == 'f' && kind[2] == 'f') {
      side.did(kind, ::mkfifo(path.c_str(), 0666));
    } else if (kind[0] == 'l') {
      side.did(kind, ::symlink("target", path.c_str()));
    } else if (kind[0] == 's') {
      side.did(kind, ::mknod(path.c_str(), S_IFSOCK | 0666, 0));
    } else {
      const Fd fd = side.opened(kind, ::open(path.c_str(), O_CREAT | O_RDWR | O_EXCL, 0666));
      if (fd.valid()) write_all(fd.get(), text_bytes(10000, 1));
    }
    side.attributes(name);
  }
}

TEST_F(Credentials, NewObjectsBelongToTheCaller) {
  same([](Side& side) {
    ::mkdir((side / "open").c_str(), 0755);
    ::chmod((side / "open").c_str(), 0777);
    ::mkdir((side / "closed").c_str(), 0755);
    make_some(side, "open");
    for (const Caller& caller : {kAlice, kBob}) {
      side.as(caller, [](Side& inner) {
        make_some(inner, "open");
        make_some(inner, "closed");
      });
    }
    side.as({.uid = 1002, .gid = 1002, .groups = {}, .umask = 077},
            [](Side& inner) { make_some(inner, "open"); });
    side.as({.uid = 1003, .gid = 1003, .groups = {}, .umask = 0},
            [](Side& inner) { make_some(inner, "open"); });
  });
}

TEST_F(Credentials, SetGroupIdDirectories) {
  same([](Side& side) {
    ::mkdir((side / "shared").c_str(), 0755);
    ::chown((side / "shared").c_str(), 0, 500);
    ::chmod((side / "shared").c_str(), 02777);
    for (const Caller& caller : {kAlice, Caller{.uid = 1001, .gid = 1001, .groups = {500}}}) {
      side.as(caller, [](Side& inner) {
        make_some(inner, "shared");
        // A set-group-id file in a group that the caller does not belong to loses the bit.
        const std::string name = "shared/sgid" + std::to_string(::geteuid());
        inner.opened("set group id", ::open((inner / name).c_str(), O_CREAT | O_RDWR, 02775));
        inner.attributes(name);
        inner.did("chmod", ::chmod((inner / name).c_str(), 02770));
        inner.attributes(name);
      });
    }
    make_some(side, "shared");
  });
}

TEST_F(Credentials, SupplementaryGroups) {
  same([](Side& side) {
    ::mkdir((side / "team").c_str(), 0755);
    ::chown((side / "team").c_str(), 0, 600);
    ::chmod((side / "team").c_str(), 0770);
    write_file(side / "team/f", text_bytes(10000, 1));
    ::chown((side / "team/f").c_str(), 0, 700);
    ::chmod((side / "team/f").c_str(), 0640);
    // More groups than a request carries: they must be asked for.
    std::vector<gid_t> many;
    for (gid_t group = 2000; group < 2040; ++group) many.push_back(group);
    many.push_back(600);
    many.push_back(700);
    const Caller callers[] = {{.uid = 1000, .gid = 1000, .groups = {600}},
                              {.uid = 1000, .gid = 1000, .groups = {600, 700}},
                              {.uid = 1000, .gid = 1000, .groups = {}},
                              {.uid = 1004, .gid = 600, .groups = {}},
                              {.uid = 1005, .gid = 1005, .groups = many}};
    for (const Caller& caller : callers) {
      side.as(caller, [](Side& inner) {
        inner.content("team/f");
        make_some(inner, "team");
        const std::string own = "team/file" + std::to_string(::geteuid());
        inner.did("chgrp to a group of ours", ::chown((inner / own).c_str(), -1u, 700));
        inner.did("chgrp to another", ::chown((inner / own).c_str(), -1u, 800));
        inner.attributes(own);
      });
      side.did("clean", shell("rm -rf \"$1\"/team/*[0-9]", {side.root()}).status);
    }
  });
}

TEST_F(Credentials, Permissions) {
  same([](Side& side) {
    ::mkdir((side / "sticky").c_str(), 0755);
    ::chmod((side / "sticky").c_str(), 01777);
    ::mkdir((side / "secret").c_str(), 0700);
    write_file(side / "secret/f", text_bytes(100, 1));
    write_file(side / "readable", text_bytes(10000, 1));
    side.as(kAlice, [](Side& inner) { make_some(inner, "sticky"); });
    side.as(kBob, [](Side& inner) {
      inner.content("secret/f");
      inner.content("readable");
      inner.opened("write", ::open((inner / "readable").c_str(), O_WRONLY));
      inner.opened("truncate", ::open((inner / "readable").c_str(), O_RDONLY | O_TRUNC));
      inner.did("truncate", ::truncate((inner / "readable").c_str(), 0));
      inner.did("chmod", ::chmod((inner / "readable").c_str(), 0777));
      inner.did("chown", ::chown((inner / "readable").c_str(), 1001, 1001));
      inner.did("times", ::utimensat(AT_FDCWD, (inner / "readable").c_str(), nullptr, 0));
      inner.did("access", ::access((inner / "readable").c_str(), W_OK));
      inner.did("unlink in sticky", ::unlink((inner / "sticky/file1000").c_str()));
      inner.did("rename in sticky",
                ::rename((inner / "sticky/file1000").c_str(), (inner / "sticky/mine").c_str()));
      inner.did("mkdir", ::mkdir((inner / "x").c_str(), 0755));
      inner.did("link", ::link((inner / "readable").c_str(), (inner / "sticky/hard").c_str()));
      inner.did("device", ::mknod((inner / "sticky/dev").c_str(), S_IFCHR | 0600, 0));
    });
    side.as(kAlice, [](Side& inner) {
      inner.did("chmod of one's own", ::chmod((inner / "sticky/file1000").c_str(), 0));
      inner.content("sticky/file1000");
      inner.did("unlink of one's own", ::unlink((inner / "sticky/file1000").c_str()));
    });
    side.content("readable");
    side.listing("sticky");
  });
}

// A name that the kernel takes for free, although there is a file, is not a way around its mode.
TEST_F(Credentials, OfAFileThatTheKernelDoesNotKnow) {
  MountedStore store;
  ::chmod(store.mountpoint().c_str(), 0777);
  const std::string path = store.path("f");
  ASSERT_FALSE(exists(path));
  write_file(store.backing("f"), text_bytes(100, 1));
  ::chmod(store.backing("f").c_str(), 0600);
  const Ended ended = run({"setpriv", "--reuid=65534", "--clear-groups", "bash", "-c",
                           "echo taken > \"$1\"", "script", path});
  EXPECT_NE(ended.status, 0);
  EXPECT_EQ(difference(read_file(path), text_bytes(100, 1)), "");
  Fd fd = open_file(path, O_RDWR | O_CREAT);
  EXPECT_EQ(difference(read_file(path), text_bytes(100, 1)), "");
}

TEST_F(Credentials, OpenFilesKeepTheirRights) {
  // A descriptor outlives a change of the mode: also when the daemon must reopen the backing file.
  same([](Side& side) {
    ::mkdir((side / "d").c_str(), 0755);
    ::chmod((side / "d").c_str(), 0777);
    side.as(kAlice, [](Side& inner) {
      const Fd fd =
          inner.opened("create read-only", ::open((inner / "d/f").c_str(), O_CREAT | O_RDWR, 0444));
      for (std::uint64_t i = 0; i < 5; ++i) write_all(fd.get(), text_bytes(100000, i));
      inner.did("chmod", ::fchmod(fd.get(), 0));
      write_all(fd.get(), text_bytes(100000, 6));
      inner.did("truncate", ::ftruncate(fd.get(), 550000));
      inner.content("through the descriptor", fd.get());
      inner.opened("again", ::open((inner / "d/f").c_str(), O_RDONLY));
    });
    side.content("d/f");
    side.attributes("d/f");
  });
}

TEST_F(Credentials, AccessLists) {
  const auto look = [](Side& side) {
    const Ended lists =
        shell("cd \"$1\"; getfacl -R --numeric . ; stat -c '%n %A' acl/*", {side.root()});
    side.note("lists", lists.output);
  };
  same([&](Side& side) {
    const std::string script =
        "cd \"$1\"; mkdir acl; echo content > acl/f; chmod 640 acl/f; setfacl -m u:1000:rw acl/f; "
        "setfacl -m g:1001:r,m::r acl/f; chmod 711 acl; "
        "setfacl -d -m u:1000:rwx,g:1001:rx,o::- acl; setfacl -m u:1000:rwx acl";
    const Ended set = shell(script, {side.root()});
    side.note("setfacl", set.output + std::to_string(set.status));
    for (const mode_t mask : {022u, 077u, 0u}) {
      const Caller caller{.uid = 1000, .gid = 1000, .groups = {}, .umask = mask};
      side.as(caller, [&](Side& inner) {
        const std::string suffix = std::to_string(mask);
        inner.opened("create",
                     ::open((inner / ("acl/new" + suffix)).c_str(), O_CREAT | O_RDWR, 0666));
        inner.did("mkdir", ::mkdir((inner / ("acl/dir" + suffix)).c_str(), 0777));
        inner.did("mkfifo", ::mkfifo((inner / ("acl/fifo" + suffix)).c_str(), 0666));
        inner.content("acl/f");
        inner.opened("write", ::open((inner / "acl/f").c_str(), O_WRONLY));
      });
    }
    side.as(kBob, [](Side& inner) {
      inner.content("acl/f");
      inner.opened("write", ::open((inner / "acl/new18").c_str(), O_WRONLY));
      inner.opened("read", ::open((inner / "acl/new0").c_str(), O_RDONLY));
    });
    side.did("mode and mask", ::chmod((side / "acl/f").c_str(), 0660));
    look(side);
    const Ended removed =
        shell("setfacl -b \"$1/acl/f\"; setfacl -k \"$1/acl/dir0\"", {side.root()});
    side.note("removed", removed.output);
    look(side);
  });
  same_after_remount(look);
}

}  // namespace
}  // namespace zstdfs::mounttest
