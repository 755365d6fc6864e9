#include <gmock/gmock.h>

#include "fs/fuse/command_line.hpp"

namespace zstdfs::fuse {
namespace {

using ::testing::HasSubstr;

MountRequest request(std::vector<std::string> arguments, CalledBy called_by = CalledBy::kPerson) {
  return std::get<MountRequest>(parse_command_line(std::move(arguments), called_by));
}

std::string refusal(std::vector<std::string> arguments) {
  try {
    parse_command_line(std::move(arguments), CalledBy::kPerson);
  } catch (const MountError& error) {
    EXPECT_EQ(error.code(), ExitCode::kUsage);
    return error.what();
  }
  return "";
}

TEST(CommandLine, DirectoriesAndOptionsInAnyOrder) {
  for (const auto& arguments :
       std::vector<std::vector<std::string>>{{"/data", "/mnt", "-o", "level=5,ro"},
                                             {"-o", "level=5", "/data", "-o", "ro", "/mnt"},
                                             {"-r", "/data", "/mnt", "-olevel=5"},
                                             {"/data", "/mnt", "-sn", "-o", "rw,level=5", "-r"}}) {
    const MountRequest result = request(arguments);
    EXPECT_EQ(result.backing, "/data");
    EXPECT_EQ(result.mountpoint, "/mnt");
    EXPECT_EQ(result.options.store.settings.level, 5);
    EXPECT_TRUE(result.options.store.read_only);
    EXPECT_FALSE(result.foreground);
  }
}

// mount(8) passes its own --fake on as -f.
TEST(CommandLine, ForegroundForPeopleButFakeForMount) {
  const std::vector<std::string> arguments = {"/data", "/mnt", "-f", "-o", "rw"};
  EXPECT_TRUE(request(arguments).foreground);
  EXPECT_FALSE(request(arguments).pretend);
  EXPECT_FALSE(request(arguments, CalledBy::kMount).foreground);
  EXPECT_TRUE(request(arguments, CalledBy::kMount).pretend);
}

TEST(CommandLine, AsMountCallsIt) {
  const MountRequest result =
      request({"/data", "/mnt", "-s", "-f", "-n", "-v", "-o", "rw,unheard_of", "-t", "zstdfs"},
              CalledBy::kMount);
  EXPECT_TRUE(result.verbose);
  EXPECT_TRUE(result.pretend);
  EXPECT_EQ(request({"/d", "/m", "-N", "/proc/7/ns/mnt"}).mount_namespace, "/proc/7/ns/mnt");
}

TEST(CommandLine, WrongInvocationsAreRefused) {
  EXPECT_THAT(refusal({}), HasSubstr("backing directory"));
  EXPECT_THAT(refusal({"/data"}), HasSubstr("mountpoint"));
  EXPECT_THAT(refusal({"/data", "/mnt", "/more"}), HasSubstr("/more"));
  EXPECT_THAT(refusal({"/data", "/mnt", "--bogus"}), HasSubstr("--bogus"));
  EXPECT_THAT(refusal({"/data", "/mnt", "-o"}), HasSubstr("-o"));
  EXPECT_THAT(refusal({"/data", "/mnt", "-o", "unheard_of"}), HasSubstr("unheard_of"));
  EXPECT_THAT(refusal({"/data", "/mnt", "-t", "ext4"}), HasSubstr("ext4"));
}

TEST(CommandLine, HelpAndVersionNeedNoDirectories) {
  const auto help = std::get<ImmediateEnd>(parse_command_line({"--help"}, CalledBy::kPerson));
  EXPECT_EQ(help.code, ExitCode::kSuccess);
  EXPECT_THAT(help.text, HasSubstr("MOUNTPOINT"));
  EXPECT_THAT(help.text, HasSubstr("level=N"));
  const auto version = std::get<ImmediateEnd>(parse_command_line({"-V"}, CalledBy::kPerson));
  EXPECT_THAT(version.text, HasSubstr("mount.zstdfs "));
}

}  // namespace
}  // namespace zstdfs::fuse
