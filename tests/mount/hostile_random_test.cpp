// A store with everything in it, journals of a killed daemon included, is damaged at random,
// mounted, used and unmounted; again and again. ZSTDFS_HOSTILE_SECONDS says for how long; a round
// is repeated with ZSTDFS_HOSTILE_SEED. tests/hostile.sh sets both.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <map>

#include "tests/mount/hostile_fixture.hpp"
#include "tests/patterns.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::mounttest {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::stoull(text);
}

class HostileRandom : public HostileTest {
 protected:
  HostileRandom() {
    store_.mount();
    write_file(store_.path("raw"), test::random_bytes(300000, 1));
    write_file(store_.path("short"), test::text_bytes(100, 1));
    write_file(store_.path("large"), test::compressible_bytes(3000000, 2));
    {
      const Fd sparse = open_file(store_.path("sparse"), O_RDWR | O_CREAT);
      pwrite_all(sparse.get(), test::text_bytes(200000, 3), 5000000);
    }
    make_small_containers();
    store_.remount();
    leave_journals();
    for (const auto& entry : fs::recursive_directory_iterator(store_.backing())) {
      if (!entry.is_regular_file()) continue;
      originals_[entry.path()] = read_file(entry.path());
      paths_.push_back(entry.path());
    }
    std::sort(paths_.begin(), paths_.end());
  }

  void make_small_containers() {
    const std::string directory = store_.path("records");
    check(::mkdir(directory.c_str(), 0755), "mkdir");
    check(::setxattr(directory.c_str(), "user.zstdfs.saving", "bytes", 5, 0), "setxattr");
    for (const char* name : {"a", "b", "c"}) {
      write_file(directory + "/" + name, test::text_bytes(3000, 7));
    }
  }

  /// Write logs and an append that was interrupted.
  void leave_journals() {
    std::vector<Fd> open;
    for (const char* name : {"f", "d/f", "large", "sparse", "records/b"}) {
      open.push_back(open_file(store_.path(name), O_RDWR));
      for (off_t at = 0; at < 5; ++at) {
        pwrite_all(open.back().get(), test::random_bytes(3000, 4),
                   static_cast<std::uint64_t>(at) * 50000);
        check(::fsync(open.back().get()), "fsync");
      }
    }
    write_all(open_file(store_.path("stream"), O_WRONLY | O_CREAT).get(),
              test::compressible_bytes(5000000, 5));
    open.push_back(open_file(store_.path("large"), O_WRONLY | O_APPEND));
    write_all(open.back().get(), test::compressible_bytes(5000000, 6));
    store_.kill_daemon();
  }

  /// Everything as it was, in the same inodes where they still are: journals are for those.
  void restore() {
    for (const auto& entry : fs::directory_iterator(store_.backing(".zstdfs/journal"))) {
      if (!originals_.contains(entry.path())) fs::remove_all(entry.path());
    }
    for (const auto& [path, aside] : aside_) {
      fs::remove_all(path);
      fs::rename(aside, path);
    }
    aside_.clear();
    for (const auto& [path, content] : originals_) write_file(path, content);
  }

  /// Makes room for something else in a file's place.
  void set_aside(const std::string& path) {
    aside_[path] = kept_ / std::to_string(aside_.size());
    fs::rename(path, aside_[path]);
  }

  const std::string& any_path(test::Random& random) { return paths_[random.below(paths_.size())]; }

  void damage(test::Random& random) {
    const std::string& path = any_path(random);
    if (!exists(path) || !S_ISREG(status_of(path).st_mode)) return;
    Bytes content = read_file(path);
    const std::size_t at = random.below(content.size() + 1);
    switch (random.below(9)) {
      case 0:
        content.resize(at);
        break;
      case 1: {
        const Bytes more = test::random_bytes(random.below(100000), random.next());
        content.insert(content.end(), more.begin(), more.end());
        break;
      }
      case 2:
        content = originals_[any_path(random)];
        break;
      case 3:
        set_aside(path);
        check(::mkfifo(path.c_str(), 0644), "mkfifo");
        return;
      case 4:
        set_aside(path);
        if (random.below(2) == 0) fs::create_symlink(outside_ / "file", path);
        return;
      case 5: {
        const Bytes& other = originals_[any_path(random)];
        const std::size_t bytes = std::min(other.size(), content.size() - at);
        std::copy_n(other.begin(), bytes, content.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      }
      default:
        change_number(random, content, at);
    }
    write_file(path, content);
  }

  /// A field gets a value that tends to matter; a container's header its hash again.
  void change_number(test::Random& random, Bytes& content, std::size_t at) {
    if (random.below(2) == 0) at = std::min<std::size_t>(at, 16 + 4 * random.below(20));
    if (at + 8 > content.size()) return;
    constexpr std::uint64_t kValues[] = {0,
                                         1,
                                         0x7F,
                                         0xFFFFFFFF,
                                         0x80000000,
                                         ~std::uint64_t{0},
                                         std::uint64_t{1} << 62,
                                         std::uint64_t{1} << 43,
                                         0x184D2A5E};
    const std::uint64_t value = kValues[random.below(std::size(kValues))];
    if (random.below(2) == 0) {
      store_le(MutableByteSpan(content), at, value);
    } else {
      store_le(MutableByteSpan(content), at, static_cast<std::uint32_t>(value));
    }
    if (content.size() < kContainerHeaderBytes || !has_container_signature(content)) return;
    const std::size_t hash_at = has_short_header(content) ? 48 : 72;
    store_le(MutableByteSpan(content), hash_at, hash64(ByteSpan(content).first(hash_at)));
  }

  /// Mounts, uses everything and unmounts. Returns whether it could be mounted.
  bool use_all() {
    const std::string said_before = store_.log();
    try {
      store_.mount();
    } catch (const std::runtime_error& error) {
      // Refused, not crashed, and with words.
      EXPECT_NE(std::string(error.what()).find("(status 32)"), std::string::npos) << error.what();
      EXPECT_GT(store_.log().size(), said_before.size());
      return false;
    }
    for (const auto& entry : fs::recursive_directory_iterator(store_.mountpoint())) {
      use_file(entry.path());
    }
    write_file(store_.path("new"), content_);
    EXPECT_EQ(difference(read_file(store_.path("new")), content_), "");
    ::unlink(store_.path("new").c_str());
    expect_little_memory(store_.daemon());
    store_.unmount(Committed::kMaybeNotAll);
    return true;
  }

  TempDir kept_;
  std::map<std::string, std::string> aside_;  // where in kept_ what was replaced is
  std::map<std::string, Bytes> originals_;
  std::vector<std::string> paths_;
};

TEST_F(HostileRandom, Damage) {
  const std::uint64_t first_seed = number_from_environment("ZSTDFS_HOSTILE_SEED", 1);
  const std::chrono::seconds seconds(number_from_environment("ZSTDFS_HOSTILE_SECONDS", 3));
  std::size_t mounted = 0;
  std::uint64_t seed = first_seed;
  for (const auto begin = Clock::now(); Clock::now() - begin < seconds && !HasFailure(); ++seed) {
    SCOPED_TRACE("ZSTDFS_HOSTILE_SEED=" + std::to_string(seed));
    restore();
    test::Random random(seed);
    for (std::size_t i = 1 + random.below(5); i > 0; --i) damage(random);
    const auto round_began = Clock::now();
    // Looks at everything without a mount, and may find what it likes.
    const Ended checked = run({tool_program(), "fsck", store_.backing()}, kSoon);
    EXPECT_LT(checked.status, kTimedOut) << checked.output;
    if (use_all()) ++mounted;
    EXPECT_LT(Clock::now() - round_began, kSoon);
    expect_outside_untouched();
  }
  std::printf("%lu rounds, %zu of them mounted\n", static_cast<unsigned long>(seed - first_seed),
              mounted);
  EXPECT_GT(mounted, 0u);
}

}  // namespace
}  // namespace zstdfs::mounttest
