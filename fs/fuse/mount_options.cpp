#include "fs/fuse/mount_options.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <stdexcept>

#include "fs/fuse/mount_error.hpp"
#include "fs/store/byte_size.hpp"
#include "fs/store/settings_choice.hpp"
#include "zstdfs/frame_codec.hpp"

namespace zstdfs::fuse {
namespace {

using std::string_view;

constexpr unsigned kMostThreads = 512;
constexpr std::uint64_t kLeastOverlayBytes = 1u << 20;

// Options of fstab that are meant for others than the filesystem, and such as are always so.
constexpr auto kIgnored = std::to_array<string_view>(
    {"defaults",   "auto",        "noauto",   "user",       "nouser",
     "users",      "owner",       "group",    "_netdev",    "nofail",
     "async",      "atime",       "diratime", "nodiratime", "relatime",
     "norelatime", "strictatime", "exec",     "lazytime",   "nolazytime",
     "iversion",   "noiversion",  "silent",   "loud",       "default_permissions"});
// What the kernel adds to the options of a mount of FUSE.
constexpr auto kShownByKernel =
    std::to_array<string_view>({"user_id", "group_id", "rootmode", "max_read", "blksize"});
// Of each pair, the kernel flag and the option that takes it back.
struct Flag {
  string_view set;
  string_view unset;
};
constexpr auto kKernelFlags = std::to_array<Flag>({{"nosuid", "suid"},
                                                   {"nodev", "dev"},
                                                   {"noexec", "exec"},
                                                   {"noatime", "atime"},
                                                   {"sync", "async"},
                                                   {"dirsync", ""}});

[[noreturn]] void refuse(const std::string& text) {
  throw MountError(ExitCode::kUsage, text);
}

[[noreturn]] void refuse_value(string_view option, string_view value, const std::string& expected) {
  refuse("option " + std::string(option) + ": '" + std::string(value) + "' is not " + expected);
}

template <typename Number>
Number parse_number(string_view option, string_view text, Number least, Number most) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end || number < least || number > most) {
    refuse_value(option, text,
                 "a number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return number;
}

int parse_level(string_view text) {
  store::SettingsChoice choice;
  try {
    store::parse_setting(store::Setting::kLevel, text, choice);
  } catch (const std::invalid_argument& error) {
    refuse("option " + std::string(error.what()));
  }
  return choice.level.value();
}

std::uint64_t parse_size(string_view option, string_view text) {
  try {
    return store::parse_byte_size(text);
  } catch (const std::invalid_argument& error) {
    refuse("option " + std::string(option) + ": '" + std::string(text) + "' " + error.what());
  }
}

std::uint32_t parse_chunk(string_view text) {
  const std::uint64_t bytes = parse_size("chunk", text);
  if (!std::has_single_bit(bytes) || bytes < kMinChunkBytes || bytes > kMaxChunkBytes) {
    refuse_value("chunk", text, "a power of two from 4K to 16M");
  }
  return static_cast<std::uint32_t>(bytes);
}

std::uint64_t parse_overlay(string_view text) {
  const std::uint64_t bytes = parse_size("overlay", text);
  if (bytes < kLeastOverlayBytes) refuse_value("overlay", text, "1M or more");
  return bytes;
}

/// Sets or takes back a flag of the kernel; returns whether `name` is one.
bool apply_flag(string_view name, MountOptions& options) {
  bool known = false;
  for (const Flag& flag : kKernelFlags) {
    if (name != flag.set && (flag.unset.empty() || name != flag.unset)) continue;
    known = true;
    std::erase(options.kernel_flags, flag.set);
    if (name == flag.set) options.kernel_flags.emplace_back(flag.set);
  }
  return known;
}

bool apply_word(string_view name, MountOptions& options) {
  if (apply_flag(name, options)) return true;
  if (name == "ro" || name == "rw") {
    options.store.read_only = name == "ro";
  } else if (name == "allow_other") {
    options.allow_other = true;
  } else if (name == "io_uring") {
    options.io_uring = true;
  } else if (name == "list_stored") {
    options.list_stored_facts = true;
  } else if (name != "remount") {
    return std::find(kIgnored.begin(), kIgnored.end(), name) != kIgnored.end();
  }
  return true;
}

bool apply_value(string_view name, string_view value, MountOptions& options) {
  if (name == "level") {
    options.store.settings.level = parse_level(value);
  } else if (name == "chunk") {
    options.store.settings.chunk_bytes = parse_chunk(value);
  } else if (name == "threads") {
    options.threads = parse_number("threads", value, 1u, kMostThreads);
  } else if (name == "cache") {
    options.store.cache_bytes = parse_size(name, value);
  } else if (name == "overlay") {
    options.store.overlay_bytes = parse_overlay(value);
  } else if (name == "fsname") {
    options.fsname = value;
  } else if (name == "subtype") {
    options.subtype = value;
  } else {
    return name == "comment";
  }
  if (value.empty()) refuse("option " + std::string(name) + " has no value");
  if (!options.given_values.empty()) options.given_values += ',';
  options.given_values.append(name).append("=").append(value);
  return true;
}

bool is_shown_by_kernel(string_view name) {
  return std::find(kShownByKernel.begin(), kShownByKernel.end(), name) != kShownByKernel.end();
}

void apply(const std::string& option, UnknownOption unknown, MountOptions& options) {
  // For user space in general: mount(8), systemd.
  if (option.starts_with("x-") || option.starts_with("X-")) return;
  const std::size_t equals = option.find('=');
  if (options.remount && is_shown_by_kernel(string_view(option).substr(0, equals))) return;
  const bool known = equals == std::string::npos
                         ? apply_word(option, options)
                         : apply_value(string_view(option).substr(0, equals),
                                       string_view(option).substr(equals + 1), options);
  if (known || unknown == UnknownOption::kIgnore) return;
  refuse("unknown option '" + option + "'; mount.zstdfs --help lists those there are");
}

std::vector<std::string> split(string_view list) {
  std::vector<std::string> words;
  std::string word;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i == list.size() || list[i] == ',') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else if (list[i] == '\\' && i + 1 < list.size()) {
      word += list[++i];
    } else {
      word += list[i];
    }
  }
  return words;
}

}  // namespace

void parse_options(string_view list, UnknownOption unknown, MountOptions& options) {
  const std::vector<std::string> words = split(list);
  // It says what the others mean, wherever it stands.
  if (std::find(words.begin(), words.end(), "remount") != words.end()) options.remount = true;
  for (const std::string& option : words) apply(option, unknown, options);
}

std::string describe_options() {
  return "Options of -o, separated by commas:\n"
         "  ro, rw             read only, or read and write (the default)\n"
         "  level=N            zstd level of what is written, -131072 to 22, not 0 (default 3)\n"
         "  chunk=SIZE         unit of compression, a power of two from 4K to 16M (default 128K)\n"
         "  cache=SIZE         memory for decompressed content (default 32M)\n"
         "  overlay=SIZE       memory for changed content, at least 1M (default 64M)\n"
         "  threads=N          how many requests are served at once\n"
         "  io_uring           get requests over io_uring: Linux 6.14, fuse.enable_uring=1\n"
         "  list_stored        list how files are stored among their extended attributes\n"
         "  allow_other        other users may use an ordinary user's mount\n"
         "  fsname=NAME        the source that is shown by mount (default: BACKING)\n"
         "  subtype=NAME       the type that is shown after 'fuse.' (default: zstdfs)\n"
         "  nosuid, nodev, noexec, noatime, sync, dirsync and their opposites, as in mount(8)\n"
         "  remount            change ro, rw and these flags (but noatime) of a mount there is\n"
         "Other options of fstab (defaults, noauto, user, _netdev, nofail, x-...) are accepted\n"
         "and have no effect here.\n";
}

}  // namespace zstdfs::fuse
