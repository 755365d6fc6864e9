// mount.zstdfs: shows a store at a mountpoint. Called by people and by mount(8).

#include <cstdio>
#include <exception>
#include <system_error>

#include "fs/fuse/command_line.hpp"
#include "fs/fuse/logging.hpp"
#include "fs/fuse/mount.hpp"
#include "fs/os/posix.hpp"

namespace {

using zstdfs::fuse::ExitCode;

ExitCode run(int argc, char** argv) {
  const auto parsed =
      zstdfs::fuse::parse_command_line({argv + 1, argv + argc}, zstdfs::fuse::find_caller());
  if (const auto* end = std::get_if<zstdfs::fuse::ImmediateEnd>(&parsed)) {
    std::fputs(end->text.c_str(), stdout);
    return end->code;
  }
  return zstdfs::fuse::run_mount(std::get<zstdfs::fuse::MountRequest>(parsed));
}

}  // namespace

int main(int argc, char** argv) {
  ExitCode code = ExitCode::kSystem;
  zstdfs::os::occupy_standard_descriptors();
  try {
    zstdfs::fuse::start_logging(zstdfs::fuse::LogTarget::kStandardError);
    code = run(argc, argv);
  } catch (const zstdfs::fuse::MountError& error) {
    std::fprintf(stderr, "mount.zstdfs: %s\n", error.what());
    code = error.code();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "mount.zstdfs: %s\n", error.what());
  }
  return static_cast<int>(code);
}
