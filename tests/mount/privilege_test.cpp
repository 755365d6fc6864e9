// What the daemon of a mount that root made may do, and that it is enough.
#include <fcntl.h>
#include <signal.h>
#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "tests/mount/side.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

using Names = std::set<std::string>;

/// The value of a line of /proc/PID/status.
std::string status_line(const std::string& status_path, const std::string& key) {
  std::ifstream in(status_path);
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with(key + ":")) continue;
    const std::size_t value = line.find_first_not_of(" \t", key.size() + 1);
    return value == std::string::npos ? "" : line.substr(value);
  }
  return "(no line " + key + ")";
}

/// The capabilities of a set, in words.
Names capabilities(const std::string& status_path, const std::string& key) {
  const std::uint64_t bits = std::stoull(status_line(status_path, key), nullptr, 16);
  Names names;
  for (cap_value_t i = 0; i < 64; ++i) {
    if ((bits >> i & 1) == 0) continue;
    char* const name = ::cap_to_name(i);
    names.insert(name);
    ::cap_free(name);
  }
  return names;
}

/// Those that mount.zstdfs(8) has a reason for, as libcap writes them.
Names documented_capabilities() {
  Names names;
  std::ifstream page(ZSTDFS_MANUAL_PAGE);
  const std::string item = ".It Dv CAP_";
  for (std::string line; std::getline(page, line);) {
    if (!line.starts_with(item)) continue;
    std::string name = "cap_";
    for (const char c : line.substr(item.size())) name += static_cast<char>(std::tolower(c));
    names.insert(name);
  }
  return names;
}

class Privileges : public PairTest {
 protected:
  std::vector<std::string> threads() const {
    const std::string tasks = "/proc/" + std::to_string(store_.daemon()) + "/task";
    std::vector<std::string> paths;
    for (const std::string& task : names_in(tasks)) paths.push_back(tasks + "/" + task + "/status");
    return paths;
  }
};

TEST_F(Privileges, EveryThreadHasTheOnesThatTheManualNames) {
  // Work for threads of every kind: those that serve, that compress, that settle.
  write_file(store_.path("f"), test::compressible_bytes(5000000, 1));
  const Names documented = documented_capabilities();
  ASSERT_GE(documented.size(), 5u);
  ASSERT_GE(threads().size(), 4u);
  for (const std::string& thread : threads()) {
    SCOPED_TRACE(thread + ", " + status_line(thread, "Name"));
    EXPECT_EQ(capabilities(thread, "CapEff"), documented);
    EXPECT_EQ(capabilities(thread, "CapPrm"), documented);
    EXPECT_EQ(capabilities(thread, "CapBnd"), documented);
    EXPECT_EQ(capabilities(thread, "CapInh"), Names());
    EXPECT_EQ(capabilities(thread, "CapAmb"), Names());
    EXPECT_EQ(status_line(thread, "NoNewPrivs"), "1");
  }
}

TEST_F(Privileges, AreEnoughForWhatRootAsksFor) {
  same([](Side& side) {
    const std::string file = side / "f";
    write_file(file, test::text_bytes(300000, 1));
    side.did("chown", ::chown(file.c_str(), 1000, 1001));
    side.did("chmod", ::chmod(file.c_str(), 06755));
    side.attributes("f");
    // Storing what was written must not take the bits away that root gave.
    pwrite_all(open_file(file, O_RDWR).get(), test::text_bytes(100000, 2), 50000);
    side.attributes("f");
    side.did("device", ::mknod((side / "null").c_str(), S_IFCHR | 0600, 0x103));
    side.did("trusted", ::setxattr(file.c_str(), "trusted.a", "1", 1, 0));
    side.did("security", ::setxattr(file.c_str(), "security.zstdfs_test", "1", 1, 0));
    const Ended set =
        shell("setcap cap_net_raw+ep \"$1\"; getcap \"$1\" | cut -d ' ' -f 2", {file});
    side.note("setcap", set.output);
    char value[16] = {};
    side.did("trusted", ::getxattr(file.c_str(), "trusted.a", value, sizeof value));
    side.did("security", ::getxattr(file.c_str(), "security.zstdfs_test", value, sizeof value));
    side.did("chmod", ::chmod(file.c_str(), 0));
    side.did("times", ::utimensat(AT_FDCWD, file.c_str(), nullptr, 0));
    side.content("f");
  });
  same_after_remount([](Side& side) {
    side.attributes("f");
    side.content("f");
    side.attributes("null");
  });
}

TEST_F(Privileges, AreEnoughToUnmountWhenASignalComes) {
  write_file(store_.path("f"), test::text_bytes(300000, 1));
  ASSERT_EQ(::kill(store_.daemon(), SIGTERM), 0);
  EXPECT_TRUE(eventually([&] { return !is_mounted(store_.mountpoint()); }));
  EXPECT_EQ(store_.log().find("error"), std::string::npos) << store_.log();
}

}  // namespace
}  // namespace zstdfs::mounttest
