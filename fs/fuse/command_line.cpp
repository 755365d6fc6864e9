#include "fs/fuse/command_line.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>

#include "fs/fuse/libfuse.hpp"

namespace zstdfs::fuse {
namespace {

/// The values as they are written, before they are understood.
struct Written {
  std::vector<std::string> options;
  std::string type;
  bool foreground = false;
  bool sloppy = false;
  bool no_mtab = false;
  bool read_only = false;
  bool read_write = false;
  bool version = false;
};

void describe(CLI::App& app, MountRequest& request, Written& written) {
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.footer("\n" + describe_options());
  app.add_option("BACKING", request.backing, "The directory that holds the compressed files");
  app.add_option("MOUNTPOINT", request.mountpoint, "The directory where they are to be seen");
  app.add_option("-o,--options", written.options, "Mount options, see below")
      ->allow_extra_args(false);
  app.add_flag("-f,--foreground", written.foreground,
               "Stay in the foreground and log to standard error");
  app.add_flag("-r,--read-only", written.read_only, "The same as -o ro");
  app.add_flag("-w,--rw,--read-write", written.read_write, "The same as -o rw");
  app.add_flag("-v,--verbose", request.verbose, "Say what is done");
  app.add_flag("-s", written.sloppy, "Tolerate unknown options");
  app.add_flag("-n", written.no_mtab, "Accepted for mount(8); without effect");
  app.add_option("-N,--namespace", request.mount_namespace,
                 "Mount in the mount namespace of this file of /proc/PID/ns");
  app.add_option("-t,--types", written.type, "Accepted for mount(8): zstdfs");
  app.add_flag("-V,--version", written.version, "Print the version and exit");
}

std::string version_text() {
  return std::string("mount.zstdfs ") + ZSTDFS_VERSION + " (libfuse " + fuse_pkgversion() + ")\n";
}

void complete(const Written& written, CalledBy called_by, MountRequest& request) {
  if (request.backing.empty() || request.mountpoint.empty()) {
    throw MountError(ExitCode::kUsage,
                     "a backing directory and a mountpoint are needed: mount.zstdfs BACKING "
                     "MOUNTPOINT [-o options]");
  }
  if (!written.type.empty() && written.type != "zstdfs" && written.type != "fuse.zstdfs") {
    throw MountError(ExitCode::kUsage, "-t " + written.type + ": only zstdfs can be mounted");
  }
  const UnknownOption unknown = written.sloppy ? UnknownOption::kIgnore : UnknownOption::kRefuse;
  for (const std::string& list : written.options) parse_options(list, unknown, request.options);
  if (written.read_only) request.options.store.read_only = true;
  if (written.read_write) request.options.store.read_only = false;
  (called_by == CalledBy::kMount ? request.pretend : request.foreground) = written.foreground;
}

}  // namespace

std::variant<MountRequest, ImmediateEnd> parse_command_line(std::vector<std::string> arguments,
                                                            CalledBy called_by) {
  MountRequest request;
  Written written;
  CLI::App app("Shows a directory of compressed files as if they were not compressed.",
               "mount.zstdfs");
  describe(app, request, written);
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 takes them from the back.
    app.parse(arguments);
  } catch (const CLI::CallForHelp&) {
    return ImmediateEnd{.text = app.help()};
  } catch (const CLI::ParseError& error) {
    throw MountError(ExitCode::kUsage, std::string(error.what()) + "; see mount.zstdfs --help");
  }
  if (written.version) return ImmediateEnd{.text = version_text()};
  complete(written, called_by, request);
  return request;
}

CalledBy find_caller() {
  std::ifstream file("/proc/" + std::to_string(::getppid()) + "/comm");
  std::string name;
  std::getline(file, name);
  return name == "mount" ? CalledBy::kMount : CalledBy::kPerson;
}

}  // namespace zstdfs::fuse
