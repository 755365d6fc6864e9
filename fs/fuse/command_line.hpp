#pragma once

#include <string>
#include <variant>
#include <vector>

#include "fs/fuse/mount_error.hpp"
#include "fs/fuse/mount_options.hpp"

namespace zstdfs::fuse {

/// A mount that the command line asks for.
struct MountRequest {
  std::string backing;
  std::string mountpoint;
  MountOptions options;
  bool foreground = false;
  bool pretend = false;  ///< mount(8) --fake: check, but do not mount
  bool verbose = false;
  std::string mount_namespace;  ///< a file of /proc/PID/ns, or empty
};

/// There is nothing to mount: print and end.
struct ImmediateEnd {
  ExitCode code = ExitCode::kSuccess;
  std::string text;
};

/// Who called: -f means "foreground" to people, but "fake" when mount(8) passes it on.
enum class CalledBy { kPerson, kMount };

/// Reads the command line, without the program's name. Throws MountError for a wrong one.
std::variant<MountRequest, ImmediateEnd> parse_command_line(std::vector<std::string> arguments,
                                                            CalledBy called_by);

/// Whether the parent process is mount(8).
CalledBy find_caller();

}  // namespace zstdfs::fuse
