#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "fs/store/store.hpp"

namespace zstdfs::fuse {

/// What a mount is asked to be, by -o and by the flags of mount(8).
struct MountOptions {
  store::StoreOptions store;
  bool allow_other = false;        ///< root's mounts are for everybody in any case
  bool list_stored_facts = false;  ///< FilesystemOptions has it
  bool io_uring = false;           ///< requests come over io_uring: RequestRings
  bool remount = false;            ///< change the mount that is there
  unsigned threads = 0;            ///< 0: chosen by the number of processors
  std::string fsname;              ///< empty: the backing directory's path
  std::string subtype = "zstdfs";
  /// Flags that the kernel is given as they are: "nosuid", "noexec", ...
  std::vector<std::string> kernel_flags;
  /// The options with a value that were given, as in -o; what a remount cannot change.
  std::string given_values;

  bool has_flag(std::string_view flag) const {
    return std::find(kernel_flags.begin(), kernel_flags.end(), flag) != kernel_flags.end();
  }
};

/// What to do with an option that nobody knows: mount(8)'s -s asks to tolerate it.
enum class UnknownOption { kRefuse, kIgnore };

/// Reads a list of options, separated by commas ("\," stands for a comma in a value), on top of
/// what `options` already says; the last one wins. With "remount" among them, what the kernel shows
/// as the options of a mount of FUSE is known too: mount(8) gives them back. Throws MountError,
/// with a sentence that names the option, when it is unknown or its value makes no sense.
void parse_options(std::string_view list, UnknownOption unknown, MountOptions& options);

/// The options, one a line, for --help.
std::string describe_options();

}  // namespace zstdfs::fuse
