// Memory maps of files: private, shared and executable.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using test::bytes_of;
using test::compressible_bytes;
using test::text_bytes;

constexpr std::size_t kBytes = 1000000;

class Mmap : public PairTest {};

/// A mapping that goes when it leaves its scope.
class Mapping {
 public:
  Mapping(int fd, std::size_t bytes, int protection, int flags) : bytes_(bytes) {
    void* at = ::mmap(nullptr, bytes, protection, flags, fd, 0);
    if (at == MAP_FAILED) check(-1, "mmap");
    at_ = static_cast<std::byte*>(at);
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(at_, bytes_); }

  MutableByteSpan span() const { return {at_, bytes_}; }
  std::byte& operator[](std::size_t i) const { return at_[i]; }
  int sync() const { return ::msync(at_, bytes_, MS_SYNC); }

 private:
  std::byte* at_ = nullptr;
  std::size_t bytes_;
};

TEST_F(Mmap, PrivateMapsReadAndKeepTheirChanges) {
  same([](Side& side) {
    write_file(side / "f", compressible_bytes(kBytes, 1));
    const Fd fd = open_file(side / "f", O_RDONLY);
    const Mapping map(fd.get(), kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    side.note("mapped", digest(map.span()));
    map[12345] = std::byte{0xAA};
    side.content("f");
    side.note("changed", digest(map.span()));
  });
}

TEST_F(Mmap, SharedMapsWrite) {
  same([](Side& side) {
    write_file(side / "f", text_bytes(kBytes, 1));
    const Fd fd = open_file(side / "f", O_RDWR);
    {
      const Mapping map(fd.get(), kBytes, PROT_READ | PROT_WRITE, MAP_SHARED);
      for (std::size_t at = 0; at < kBytes; at += 40961) map[at] = std::byte{'#'};
      side.content("seen by read before any sync", fd.get());
      side.did("msync", map.sync());
      side.content("f");
      pwrite_all(fd.get(), bytes_of("by write"), 500000);
      side.note("seen in the map", digest(map.span()));
      map[kBytes - 1] = std::byte{'!'};
    }
    side.content("after unmapping", fd.get());
    side.attributes("f");
  });
  same_after_remount([](Side& side) { side.content("f"); });
}

// The kernel may write a mapping's pages back after the descriptor was closed.
TEST_F(Mmap, WritesAfterTheDescriptorIsClosed) {
  same([](Side& side) {
    Fd fd = open_file(side / "f", O_CREAT | O_RDWR);
    side.did("grow", ::ftruncate(fd.get(), kBytes));
    const Mapping map(fd.get(), kBytes, PROT_READ | PROT_WRITE, MAP_SHARED);
    side.did("close", fd.close());
    const Bytes text = text_bytes(kBytes, 3);
    std::copy(text.begin(), text.end(), map.span().begin());
    side.content("f");
    for (std::size_t at = 0; at < kBytes; at += 100001) map[at] = std::byte{'#'};
  });
  same_after_remount([](Side& side) {
    side.content("f");
    side.attributes("f");
  });
}

TEST_F(Mmap, OfAFileWithoutAName) {
  same([](Side& side) {
    const Fd fd = open_file(side / "f", O_CREAT | O_RDWR);
    write_all(fd.get(), text_bytes(kBytes, 4));
    side.did("unlink", ::unlink((side / "f").c_str()));
    const Mapping map(fd.get(), kBytes, PROT_READ | PROT_WRITE, MAP_SHARED);
    map[70000] = std::byte{'#'};
    side.did("msync", map.sync());
    side.content("f", fd.get());
  });
}

TEST_F(Mmap, TwoProcessesShareAMap) {
  same([](Side& side) {
    write_file(side / "f", compressible_bytes(kBytes, 5));
    const std::string path = side / "f";
    const Fd fd = open_file(path, O_RDWR);
    const Mapping map(fd.get(), kBytes, PROT_READ | PROT_WRITE, MAP_SHARED);
    map[1] = std::byte{'p'};
    const std::string seen = in_child([&] {
      const Fd other = open_file(path, O_RDWR);
      const Mapping theirs(other.get(), kBytes, PROT_READ | PROT_WRITE, MAP_SHARED);
      theirs[2] = std::byte{'c'};
      return std::string(1, static_cast<char>(theirs[1]));
    });
    side.note("the child saw", seen);
    side.note("the parent saw", static_cast<long>(map[2]));
  });
}

TEST_F(Mmap, ProgramsRun) {
  same([](Side& side) {
    // A program is mapped executable, and demand-paged from a compressed file.
    for (const char* program : {"bash", "git"}) {
      const Ended copied = shell("cp \"$(command -v \"$2\")\" \"$1\"", {side.root(), program});
      side.note("copied", copied.status);
      const Ended ran = run({side / program, "--version"});
      side.note(program, ran.output);
    }
    write_file(side / "script", bytes_of("#!/bin/sh\necho from a script\n"));
    ::chmod((side / "script").c_str(), 0755);
    side.note("script", run({side / "script"}).output);
    ::chmod((side / "script").c_str(), 0644);
    side.note("not executable", run({side / "script"}).status);
  });
  same_after_remount([](Side& side) {
    side.note("again", run({side / "git", "--version"}).output);
  });
}

TEST_F(Mmap, ARunningProgramCannotBeWritten) {
  same([](Side& side) {
    const Ended copied = shell("cp \"$(command -v sleep)\" \"$1\"", {side.root()});
    side.note("copied", copied.status);
    const pid_t child = start({side / "sleep", "1000"}, "/dev/null");
    const std::string exe = "/proc/" + std::to_string(child) + "/exe";
    const bool running = eventually([&] {
      std::error_code none;
      return std::filesystem::read_symlink(exe, none).filename() == "sleep";
    });
    side.note("runs", running);
    side.opened("write", ::open((side / "sleep").c_str(), O_WRONLY));
    ::kill(child, SIGTERM);
    side.note("ended", wait_for(child, kPatience));
  });
}

}  // namespace
}  // namespace zstdfs::mounttest
