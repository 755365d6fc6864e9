// A walk over a whole tree is answered without a look at its files.
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <functional>
#include <map>

#include "tests/mount/mounted_store.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::random_bytes;
using test::text_bytes;

/// How often files of a directory are opened (which a descriptor of O_PATH does not count as).
int opens_in(const std::string& directory, const std::function<void()>& work) {
  const Fd watch(static_cast<int>(check(::inotify_init1(IN_NONBLOCK), "inotify_init1")));
  check(::inotify_add_watch(watch.get(), directory.c_str(), IN_OPEN), "inotify_add_watch");
  work();
  int count = 0;
  alignas(inotify_event) char buffer[4096];
  for (ssize_t bytes; (bytes = ::read(watch.get(), buffer, sizeof(buffer))) > 0;) {
    for (const char* at = buffer; at < buffer + bytes;) {
      const auto* event = reinterpret_cast<const inotify_event*>(at);
      if ((event->mask & IN_ISDIR) == 0) ++count;
      at += sizeof(inotify_event) + event->len;
    }
  }
  return count;
}

class KnownSizes : public MountTest {
 protected:
  /// Attributes of all files in the root, as a walk over a tree that was just mounted finds them.
  void walk() {
    for (const std::string& name : names_in(store_.mountpoint())) {
      const auto wanted = sizes_.find(name);
      ASSERT_NE(wanted, sizes_.end()) << name;
      EXPECT_EQ(status_of(store_.path(name)).st_size, wanted->second) << name;
    }
  }
  int opens_of_a_walk() {
    return opens_in(store_.backing(), [this] { walk(); });
  }
  void make(const std::string& name, const Bytes& content) {
    write_file(store_.path(name), content);
    sizes_[name] = static_cast<off_t>(content.size());
  }

  std::map<std::string, off_t> sizes_;
};

TEST_F(KnownSizes, AFreshMountOpensNoFileForTheAttributesOfATree) {
  make("text", text_bytes(50'000, 1));
  make("large", text_bytes(3'000'000, 2));
  make("raw", random_bytes(50'000, 3));
  make("moved", text_bytes(20'000, 4));
  make("linked", text_bytes(20'000, 5));
  make("replaced", text_bytes(20'000, 6));
  make("new", text_bytes(30'000, 7));
  // As cp -a, rsync, git and tar end what they write.
  const timespec times[2] = {{1'000'000'000, 5}, {1'100'000'000, 7}};
  check(::chmod(store_.path("text").c_str(), 0600), "chmod");
  check(::utimensat(AT_FDCWD, store_.path("text").c_str(), times, 0), "utimensat");
  check(::chown(store_.path("raw").c_str(), 12, 34), "chown");
  check(::rename(store_.path("moved").c_str(), store_.path("at home").c_str()), "rename");
  sizes_["at home"] = sizes_.extract("moved").mapped();
  check(::link(store_.path("linked").c_str(), store_.path("kept").c_str()), "link");
  check(::unlink(store_.path("linked").c_str()), "unlink");
  sizes_["kept"] = sizes_.extract("linked").mapped();
  check(::rename(store_.path("new").c_str(), store_.path("replaced").c_str()), "rename");
  sizes_["replaced"] = sizes_.extract("new").mapped();
  {
    const Fd fd = open_file(store_.path("unpacked"), O_CREAT | O_RDWR);
    write_all(fd.get(), text_bytes(40'000, 8));
    sizes_["unpacked"] = 40'000;
    check(::futimens(fd.get(), times), "futimens");
    check(::fchown(fd.get(), 1, 1), "fchown");
    check(::fchmod(fd.get(), 0640), "fchmod");
  }
  ASSERT_TRUE(is_stored_as_container(store_.backing("text")));
  ASSERT_FALSE(is_stored_as_container(store_.backing("raw")));

  for (const char* mount : {"first", "second"}) {
    SCOPED_TRACE(mount);
    store_.remount();
    EXPECT_EQ(opens_of_a_walk(), 0);
  }
  // The watch sees what it has to see.
  EXPECT_GT(opens_in(store_.backing(), [this] { read_file(store_.path("text")); }), 0);
  store_.unmount();
  expect_fsck_clean(store_.backing());
  store_.mount("ro");
  EXPECT_EQ(opens_of_a_walk(), 0);
}

TEST_F(KnownSizes, WhatChangedBelowAnUnmountedStoreIsLookedAt) {
  make("f", text_bytes(50'000, 1));
  make("g", text_bytes(60'000, 2));
  store_.unmount();
  const Bytes other = read_file(store_.backing("g"));
  write_file(store_.backing("f"), other);
  sizes_["f"] = 60'000;
  store_.mount();
  EXPECT_EQ(opens_of_a_walk(), 1);
}

TEST_F(KnownSizes, AreNotBelievedWhenTheDaemonWasKilled) {
  make("f", text_bytes(50'000, 1));
  store_.remount();
  EXPECT_EQ(opens_of_a_walk(), 0);
  store_.kill_daemon();
  store_.mount();
  EXPECT_GT(opens_of_a_walk(), 0);
  EXPECT_EQ(opens_of_a_walk(), 0);
}

}  // namespace
}  // namespace zstdfs::mounttest
