// Names: making, removing, renaming and linking every kind of object, as on a native disk.
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstring>
#include <thread>
#include <vector>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::text_bytes;

class Names : public PairTest {};

void make_file(Side& side, const std::string& name, std::size_t bytes = 10000) {
  write_file(side / name, text_bytes(bytes, name.size()));
}

TEST_F(Names, CreateAndRemoveEveryKind) {
  const auto look = [](Side& side) {
    for (const char* name : {"file", "directory", "fifo", "socket", "node", "block", "symlink"}) {
      side.attributes(name);
    }
    side.listing("");
  };
  same([&](Side& side) {
    side.opened("create", ::open((side / "file").c_str(), O_CREAT | O_WRONLY, 0640));
    side.did("mkdir", ::mkdir((side / "directory").c_str(), 0750));
    side.did("mkfifo", ::mkfifo((side / "fifo").c_str(), 0644));
    side.did("mknod char", ::mknod((side / "node").c_str(), S_IFCHR | 0600, makedev(1, 3)));
    side.did("mknod block", ::mknod((side / "block").c_str(), S_IFBLK | 0600, makedev(7, 200)));
    side.did("mknod file", ::mknod((side / "plain").c_str(), S_IFREG | 0604, 0));
    side.did("mknod socket", ::mknod((side / "socket").c_str(), S_IFSOCK | 0666, 0));
    side.did("symlink", ::symlink("file", (side / "symlink").c_str()));
    look(side);
  });
  same_after_remount(look);
  same([&](Side& side) {
    side.did("rmdir of a file", ::rmdir((side / "file").c_str()));
    side.did("unlink of a directory", ::unlink((side / "directory").c_str()));
    for (const char* name : {"file", "fifo", "node", "block", "plain", "socket", "symlink"}) {
      side.did(std::string("unlink ") + name, ::unlink((side / name).c_str()));
    }
    side.did("rmdir", ::rmdir((side / "directory").c_str()));
    side.did("rmdir again", ::rmdir((side / "directory").c_str()));
    look(side);
  });
}

TEST_F(Names, ErrorsOfCreation) {
  same([](Side& side) {
    make_file(side, "f");
    ::mkdir((side / "d").c_str(), 0755);
    make_file(side, "d/inner");
    side.opened("O_EXCL on a file", ::open((side / "f").c_str(), O_CREAT | O_EXCL | O_RDWR, 0644));
    side.opened("open of nothing", ::open((side / "none").c_str(), O_RDWR));
    side.opened("write to a directory", ::open((side / "d").c_str(), O_WRONLY));
    side.opened("O_DIRECTORY on a file", ::open((side / "f").c_str(), O_RDONLY | O_DIRECTORY));
    side.opened("file as directory", ::open((side / "f/x").c_str(), O_CREAT | O_RDWR, 0644));
    side.opened("slash after a file", ::open((side / "f/").c_str(), O_RDONLY));
    side.did("mkdir over a file", ::mkdir((side / "f").c_str(), 0755));
    side.did("mkdir in nothing", ::mkdir((side / "none/x").c_str(), 0755));
    side.did("rmdir of a full one", ::rmdir((side / "d").c_str()));
    side.did("mkfifo over a file", ::mkfifo((side / "f").c_str(), 0644));
    side.did("symlink over a file", ::symlink("x", (side / "f").c_str()));
    side.did("link over a file", ::link((side / "f").c_str(), (side / "d/inner").c_str()));
    side.did("link of a directory", ::link((side / "d").c_str(), (side / "e").c_str()));
    side.did("unlink of nothing", ::unlink((side / "none").c_str()));
    side.opened("no follow", ::open((side / "f").c_str(), O_RDONLY | O_NOFOLLOW));
  });
}

TEST_F(Names, Symlinks) {
  same([](Side& side) {
    make_file(side, "target");
    const std::vector<std::pair<std::string, std::string>> links{{"good", "target"},
                                                                 {"dangling", "nowhere"},
                                                                 {"up", "../.."},
                                                                 {"loop", "loop"},
                                                                 {"long", std::string(4000, 'x')}};
    for (const auto& [name, target] : links) {
      side.did("symlink", ::symlink(target.c_str(), (side / name).c_str()));
      char buffer[5000];
      const long bytes = side.did("readlink", ::readlink((side / name).c_str(), buffer, 5000));
      side.note(name, std::string(buffer, bytes < 0 ? 0u : static_cast<std::size_t>(bytes)));
      side.attributes(name);
    }
    side.opened("a loop", ::open((side / "loop").c_str(), O_RDONLY));
    side.content("good");
    side.opened("no follow", ::open((side / "good").c_str(), O_RDONLY | O_NOFOLLOW));
    char nothing[10];
    side.did("readlink of a file", ::readlink((side / "target").c_str(), nothing, 10));
    side.did("owner of a link", ::lchown((side / "good").c_str(), 12, 34));
    side.attributes("good");
    side.attributes("target");
  });
}

TEST_F(Names, RenameAndItsFlags) {
  same([](Side& side) {
    const auto rename = [&](const char* from, const char* to, unsigned flags) {
      side.did(std::string("rename ") + from + " " + to + " " + std::to_string(flags),
               ::renameat2(AT_FDCWD, (side / from).c_str(), AT_FDCWD, (side / to).c_str(), flags));
    };
    make_file(side, "a", 1000);
    make_file(side, "b", 300000);
    for (const char* d : {"d", "e", "d/sub"}) ::mkdir((side / d).c_str(), 0755);
    make_file(side, "d/one", 5000);
    rename("a", "b", RENAME_NOREPLACE);
    rename("a", "b", RENAME_EXCHANGE);
    side.content("a");
    side.content("b");
    rename("a", "c", RENAME_NOREPLACE);
    rename("c", "b", 0);
    side.content("b");
    rename("b", "d/b", 0);
    rename("none", "x", 0);
    rename("d", "e", 0);
    rename("e", "e/sub/below", 0);
    rename("e/one", "e/sub", 0);
    rename("e/sub", "e/one", 0);
    rename("e/sub", "e/one", RENAME_EXCHANGE);
    side.attributes("e/sub");
    side.attributes("e/one");
    rename("e", "none", RENAME_EXCHANGE);
    rename("e/sub", "e/b", RENAME_NOREPLACE | RENAME_EXCHANGE);
    rename("e/b", "e/b", 0);
    side.content("e/b");
    side.listing("");
    side.listing("e");
  });
  same_after_remount([](Side& side) {
    side.content("e/b");
    side.content("e/sub");
    side.listing("e");
  });
}

// Where the name was, a whiteout remains: a device 0:0 that belongs to the caller.
TEST_F(Names, RenameLeavingAWhiteout) {
  same([](Side& side) {
    ::mkdir((side / "d").c_str(), 0755);
    ::chmod((side / "d").c_str(), 0777);
    for (const Caller& caller : {Caller{}, Caller{.uid = 1000, .gid = 1000, .groups = {}}}) {
      side.as(caller, [](Side& inner) {
        const auto rename = [&](const char* from, const char* to, unsigned flags) {
          inner.did(std::string("rename ") + from + " " + to,
                    ::renameat2(AT_FDCWD, (inner / from).c_str(), AT_FDCWD, (inner / to).c_str(),
                                flags | RENAME_WHITEOUT));
          inner.attributes(from);
          inner.attributes(to);
          inner.content(to);
        };
        make_file(inner, "d/a", 100000);
        make_file(inner, "d/b", 3000);
        ::mkdir((inner / "d/sub").c_str(), 0755);
        rename("d/a", "d/c", 0);
        rename("d/b", "d/c", RENAME_NOREPLACE);
        rename("d/b", "d/c", 0);
        rename("d/sub", "d/moved", 0);
        rename("d/none", "d/x", 0);
        rename("d/c", "d/b", RENAME_EXCHANGE);
        inner.listing("d");
      });
      side.did("clean", shell("rm -rf \"$1\"/d/*", {side.root()}).status);
    }
  });
}

TEST_F(Names, RenameOverAnOpenFile) {
  same([](Side& side) {
    make_file(side, "old", 200000);
    make_file(side, "new", 100000);
    const Fd old = open_file(side / "old", O_RDWR);
    const Fd fresh = open_file(side / "new", O_RDWR);
    pwrite_all(fresh.get(), bytes_of("written before the rename"), 99990);
    side.did("rename", ::rename((side / "new").c_str(), (side / "old").c_str()));
    side.content("the old one, still open", old.get());
    pwrite_all(old.get(), bytes_of("into the file without a name"), 150000);
    pwrite_all(fresh.get(), bytes_of("written after the rename"), 10);
    side.content("the old one", old.get());
    side.content("the new one", fresh.get());
    side.content("old");
    side.note("links of the old one", static_cast<long>(status_of(old.get()).st_nlink));
    side.attributes("old");
  });
  same_after_remount([](Side& side) {
    side.content("old");
    side.listing("");
  });
}

TEST_F(Names, HardLinksAreOneFile) {
  same([](Side& side) {
    make_file(side, "first", 500000);
    ::mkdir((side / "d").c_str(), 0755);
    side.did("link", ::link((side / "first").c_str(), (side / "d/second").c_str()));
    side.did("link again", ::link((side / "first").c_str(), (side / "d/second").c_str()));
    append_file(side / "first", bytes_of("through the first"));
    append_file(side / "d/second", bytes_of("through the second"));
    const Fd fd = open_file(side / "d/second", O_RDWR);
    pwrite_all(fd.get(), bytes_of("in the middle"), 250000);
    for (const char* name : {"first", "d/second"}) {
      side.attributes(name);
      side.content(name);
    }
    side.note("one inode", status_of(side / "first").st_ino == status_of(side / "d/second").st_ino);
    side.did("chmod", ::chmod((side / "first").c_str(), 0600));
    side.attributes("d/second");
    side.did("unlink", ::unlink((side / "first").c_str()));
    pwrite_all(fd.get(), bytes_of("after the unlink"), 600000);
    side.attributes("d/second");
    side.content("d/second");
  });
  same_after_remount([](Side& side) {
    side.attributes("d/second");
    side.content("d/second");
    side.did("link back", ::link((side / "d/second").c_str(), (side / "first").c_str()));
    side.note("one inode", status_of(side / "first").st_ino == status_of(side / "d/second").st_ino);
  });
}

TEST_F(Names, InodeNumbersSurviveOverwriteAndRemount) {
  write_file(store_.path("f"), text_bytes(400000, 1));
  const ino_t inode = status_of(store_.path("f")).st_ino;
  EXPECT_EQ(status_of(store_.backing("f")).st_ino, inode);
  write_file(store_.path("f"), text_bytes(300000, 2));
  EXPECT_EQ(status_of(store_.path("f")).st_ino, inode);
  store_.remount();
  EXPECT_EQ(status_of(store_.path("f")).st_ino, inode);
  EXPECT_EQ(read_file(store_.path("f")), text_bytes(300000, 2));
}

TEST_F(Names, LongestAndStrangest) {
  same([](Side& side) {
    const std::string longest(255, 'n');
    const std::string too_long(256, 'n');
    const std::vector<std::string> names{
        longest,     "\xff\xfe\x80 not UTF-8", "new\nline", " ", "-rf", "\x01\x7f",
        "a\\b\"c'd", "\xc3\xa9t\xc3\xa9",      "..."};
    for (const std::string& name : names) {
      make_file(side, name, 9000);
      side.content(name);
      side.did("rename",
               ::rename((side / name).c_str(), (side / (name.substr(0, 250) + "+")).c_str()));
    }
    side.listing("");
    side.did("too long mkdir", ::mkdir((side / too_long).c_str(), 0755));
    side.opened("too long create", ::open((side / too_long).c_str(), O_CREAT | O_RDWR, 0644));
    side.opened("too long lookup", ::open((side / too_long).c_str(), O_RDONLY));
    side.did("too long rename", ::rename((side / " +").c_str(), (side / too_long).c_str()));
    std::string deep = "deep";
    for (int i = 0; i < 12; ++i) {
      side.did("mkdir deep", ::mkdir((side / deep).c_str(), 0755));
      deep += "/" + std::string(240, static_cast<char>('a' + i));
    }
    make_file(side, deep, 20000);
    side.content(deep);
    side.did("rename of the top", ::rename((side / "deep").c_str(), (side / "d").c_str()));
    std::string moved(1, 'd');
    moved.append(deep, 4);
    side.content(moved);
  });
  same_after_remount([](Side& side) { side.listing(""); });
}

TEST_F(Names, FifosAndSocketsWork) {
  same([](Side& side) {
    side.did("mkfifo", ::mkfifo((side / "fifo").c_str(), 0644));
    const Fd reader(::open((side / "fifo").c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    const Fd writer = open_file(side / "fifo", O_WRONLY);
    write_all(writer.get(), bytes_of("through the pipe"));
    char buffer[100];
    side.did("read", ::read(reader.get(), buffer, sizeof buffer));
    side.attributes("fifo");

    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::snprintf(address.sun_path, sizeof address.sun_path, "%s", (side / "socket").c_str());
    const auto* generic = reinterpret_cast<const sockaddr*>(&address);
    const Fd listener(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const Fd client(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    side.did("bind", ::bind(listener.get(), generic, sizeof address));
    side.did("bind again", ::bind(client.get(), generic, sizeof address));
    side.did("listen", ::listen(listener.get(), 1));
    side.did("connect", ::connect(client.get(), generic, sizeof address));
    side.attributes("socket");
  });
}

TEST_F(Names, FileWithoutANameEver) {
  // O_TMPFILE: a filesystem may refuse it with EOPNOTSUPP. One that takes it must keep the data.
  const int raw = ::open(store_.mountpoint().c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  const int error = errno;
  const Fd fd(raw);
  if (!fd.valid()) {
    EXPECT_EQ(error, EOPNOTSUPP);
    return;
  }
  const Bytes content = text_bytes(300000, 1);
  write_all(fd.get(), content);
  EXPECT_EQ(read_all(fd.get()), content);
  EXPECT_EQ(status_of(fd.get()).st_nlink, 0u);
  const std::string self = "/proc/self/fd/" + std::to_string(fd.get());
  ASSERT_EQ(
      ::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, store_.path("named").c_str(), AT_SYMLINK_FOLLOW),
      0);
  EXPECT_EQ(read_file(store_.path("named")), content);
}

// What the kernel has forgotten, a file handle leads to no more; to another file never.
TEST_F(Names, AFileHandleNeverLeadsToAnotherFile) {
  for (int i = 0; i < 500; ++i)
    write_file(store_.path("others" + std::to_string(i)), bytes_of("x"));
  write_file(store_.path("it"), bytes_of("x"));
  const ino_t number = status_of(store_.path("it")).st_ino;
  std::vector<char> room(sizeof(file_handle) + MAX_HANDLE_SZ);
  auto* const handle = reinterpret_cast<file_handle*>(room.data());
  int mount = 0;
  const Fd root = open_file(store_.mountpoint(), O_RDONLY | O_DIRECTORY);
  for (int round = 0; round < 20; ++round) {
    handle->handle_bytes = MAX_HANDLE_SZ;
    check(::name_to_handle_at(AT_FDCWD, store_.path("it").c_str(), handle, &mount, 0),
          "name_to_handle_at");
    write_file("/proc/sys/vm/drop_caches", bytes_of("2"));
    for (int i = 0; i < 500; ++i) status_of(store_.path("others" + std::to_string(i)));
    const Fd fd(::open_by_handle_at(root.get(), handle, O_PATH));
    if (fd.valid()) {
      EXPECT_EQ(status_of(fd.get()).st_ino, number);
    } else {
      EXPECT_EQ(errno, ESTALE);
    }
  }
}

// A descriptor that only names a file keeps it, too.
TEST_F(Names, AnUnlinkedFileThatADescriptorNamesKeepsItsChanges) {
  same([](Side& side) {
    Bytes content = test::text_bytes(300'000, 1);
    write_file(side / "file", content);
    const Fd name(::open((side / "file").c_str(), O_PATH | O_CLOEXEC));
    {
      const Fd fd = open_file(side / "file", O_RDWR);
      ASSERT_EQ(::pwrite(fd.get(), "changed", 7, 100'000), 7);
      ASSERT_EQ(::unlink((side / "file").c_str()), 0);
    }
    // Longer than the daemon waits before it looks after what was closed.
    std::this_thread::sleep_for(std::chrono::seconds(2));
    std::memcpy(&content[100'000], "changed", 7);
    const std::string path = "/proc/self/fd/" + std::to_string(name.get());
    side.note("difference", difference(read_file(path), content));
  });
}

}  // namespace
}  // namespace zstdfs::mounttest
