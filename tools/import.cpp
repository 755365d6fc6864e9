// `zstdfs import` and `zstdfs export`: copy trees into and out of stores that are not mounted.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cerrno>
#include <filesystem>
#include <iostream>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <system_error>

#include "fs/store/store_paths.hpp"
#include "tools/command.hpp"
#include "tools/display.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/open_store.hpp"
#include "tools/place_in_store.hpp"
#include "tools/recompress_run.hpp"
#include "tools/shared_options.hpp"
#include "tools/store_policy.hpp"
#include "tools/tree_copy.hpp"
#include "tools/work_queue.hpp"

namespace zstdfs::tools {
namespace {

namespace fs = std::filesystem;
using store::ForWriting;

struct CopyOptions {
  std::string command;
  std::string from;
  std::string to;
  bool update = false;
  bool force = false;
  bool no_verify = false;
  bool json = false;
  bool quiet = false;
  int threads = 0;
};

/// The copy cannot take place; the text says why and what to do.
class CannotCopy : public std::runtime_error {
 public:
  CannotCopy(const std::string& path, const std::string& why)
      : std::runtime_error(printable(path) + ": " + why) {}
};

bool has_store(const std::string& directory) {
  struct stat status {};
  const std::string own = directory + "/" + store::kStoreDirectory;
  return ::lstat(own.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

bool is_within(const fs::path& path, const fs::path& directory) {
  const fs::path relative = path.lexically_relative(directory);
  return !relative.empty() && *relative.begin() != "..";
}

std::string canonical_directory(const std::string& path) {
  std::error_code error;
  const fs::path real = fs::canonical(path, error);
  if (error) throw CannotCopy(path, explain(error));
  if (!fs::is_directory(real)) throw CannotCopy(path, "is not a directory");
  return real.string();
}

void make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) != 0 && errno != EEXIST) {
    throw CannotCopy(path, explain({errno, std::generic_category()}));
  }
}

void refuse_mounted(const std::string& named, const std::string& root) {
  if (find_mount_point(root)) {
    throw CannotCopy(named, "is on a zstdfs mount; copy with cp -a or rsync there");
  }
  if (const auto mount_point = mount_point_of(root)) {
    throw CannotCopy(named, "is mounted at " + *mount_point + "; copy with cp -a or rsync there");
  }
}

/// Where a directory would be made: the nearest one above that is there. Nothing for `to` that is
/// there itself.
std::optional<std::string> directory_for_new(const std::string& to) {
  fs::path at = fs::absolute(to);
  if (fs::exists(at)) return std::nullopt;
  do {
    at = at.parent_path();
  } while (at != at.parent_path() && !fs::exists(at));
  return fs::canonical(at).string();
}

/// Before it is made, so that a refusal leaves nothing behind.
void refuse_new_on_mount(const std::string& to) {
  const auto parent = directory_for_new(to);
  if (parent && find_mount_point(*parent)) {
    throw CannotCopy(to, "is on a zstdfs mount; copy with cp -a or rsync there");
  }
}

/// `to` may not exist yet.
void refuse_nested(const std::string& from, const std::string& to) {
  const fs::path real = fs::weakly_canonical(fs::absolute(to));
  if (is_within(real, from) || is_within(from, real)) {
    throw CannotCopy(to, "overlaps with " + from);
  }
}

/// The store that is imported into; made when it is not there.
std::string destination_store(const CopyOptions& options) {
  refuse_new_on_mount(options.to);
  make_directory(options.to);
  const std::string root = canonical_directory(options.to);
  refuse_mounted(options.to, root);
  if (!has_store(root) && !fs::is_empty(root)) {
    throw CannotCopy(options.to,
                     "is neither empty nor a store; name a new directory, or the backing "
                     "directory of a zstdfs mount");
  }
  return root;
}

std::string source_store(const CopyOptions& options) {
  const std::string root = canonical_directory(options.from);
  refuse_mounted(options.from, root);
  if (!has_store(root)) {
    throw CannotCopy(options.from, "is not a store (it has no " +
                                       std::string(store::kStoreDirectory) +
                                       "); name the backing directory of a zstdfs mount");
  }
  return root;
}

TreeCopyOptions tree_options(const CopyOptions& options) {
  using Existing = TreeCopyOptions::Existing;
  TreeCopyOptions result;
  if (options.update) result.existing = Existing::kUpdate;
  if (options.force) result.existing = Existing::kReplace;
  result.verify = !options.no_verify;
  result.threads = options.threads > 0 ? static_cast<unsigned>(options.threads) : default_threads();
  return result;
}

/// Where a copy takes place.
struct CopyPlace {
  std::string from;
  std::string to;
  std::unique_ptr<OpenStore> store;
  std::unique_ptr<CopySide> from_files;
  std::unique_ptr<CopySide> to_files;
};

CopyPlace place_of_import(const CopyOptions& options) {
  CopyPlace place;
  place.from = canonical_directory(options.from);
  if (!find_mount_point(place.from) && store_above(place.from)) {
    throw CannotCopy(options.from,
                     "is in the backing directory of a store, where files are compressed; mount "
                     "it, and import from the mount");
  }
  refuse_nested(place.from, options.to);
  place.to = destination_store(options);
  load_store_policy(place.to);  // Throws when it cannot be used: files would be stored without it.
  place.store = std::make_unique<OpenStore>(place.to, ForWriting::kYes);
  place.from_files = plain_side(place.from);
  place.to_files = store_side(*place.store, ForWriting::kYes);
  return place;
}

CopyPlace place_of_export(const CopyOptions& options) {
  CopyPlace place;
  place.from = source_store(options);
  refuse_nested(place.from, options.to);
  make_directory(options.to);
  place.to = canonical_directory(options.to);
  if (!find_mount_point(place.to) && store_above(place.to)) {
    throw CannotCopy(options.to, "is in the backing directory of a store; name its mount");
  }
  place.store = std::make_unique<OpenStore>(place.from, ForWriting::kNo);
  place.from_files = store_side(*place.store, ForWriting::kNo);
  place.to_files = plain_side(place.to);
  return place;
}

/// Makes what was copied durable, and reports when that fails.
void close(CopyPlace& place, CopyReport& report) {
  try {
    if (!place.store->close() && !report.failed()) {
      report.add_failure(place.to, "not everything could be stored for good; mount it to go on");
    }
    place.to_files->sync();
  } catch (const std::system_error& error) {
    report.add_failure(place.to, "not everything that was copied is on the disk for certain: " +
                                     explain(error.code()) + "; run again with --force");
  }
}

int copy(const CopyOptions& options) {
  const Interruption interruption;
  CopyPlace place =
      options.command == "import" ? place_of_import(options) : place_of_export(options);
  std::optional<std::uint64_t> total;
  if (::isatty(STDERR_FILENO) == 1) total = bytes_below({place.from}, interruption);
  Progress progress(options.command, Progress::Unit::kBytes, total);
  CopyReport report(options.command, progress);
  TreeCopy({place.from, *place.from_files}, {place.to, *place.to_files}, tree_options(options),
           interruption, report, progress)
      .run();
  close(place, report);
  progress.clear();
  const CopyReport::End end{interruption.requested(), !options.no_verify};
  if (options.json) {
    report.print_as_json(end);
  } else if (!options.quiet) {
    report.print_text(end);
  }
  if (end.interrupted) return interruption.exit_code();
  return report.failed() ? kExitFailed : kExitOk;
}

int run_copy(const CopyOptions& options) {
  const std::string& store = options.command == "import" ? options.to : options.from;
  const auto cannot = [&](const std::string& why) {
    std::cerr << "zstdfs " << options.command << ": " << why << '\n';
    return kExitFailed;
  };
  try {
    return copy(options);
  } catch (const CannotCopy& error) {
    return cannot(error.what());
  } catch (const store::PolicyError& error) {
    return cannot(printable(error.what()));
  } catch (const std::system_error& error) {
    return cannot(printable(store) + ": " + explain(error.code()));
  } catch (const std::exception& error) {
    return cannot(printable(store) + ": " + error.what());
  }
}

void add_copy_command(CLI::App& command, const std::shared_ptr<CopyOptions>& options,
                      Action& action) {
  CLI::Option* update = command.add_flag("--update", options->update,
                                         "Replace what has another size or modification time");
  command.add_flag("--force", options->force, "Replace everything that is there")->excludes(update);
  command.add_flag("--no-verify", options->no_verify, "Do not read back what was copied");
  add_threads_option(command, options->threads);
  add_json_option(command, options->json);
  command.add_flag("-q,--quiet", options->quiet, "Say nothing but errors");
  command.callback([options, &action] { action = [options] { return run_copy(*options); }; });
}

constexpr const char* kExitCodes =
    "Exit codes: 0 everything was copied, 1 not everything, 2 wrong command line,\n"
    "130 or 143 interrupted.";

}  // namespace

void add_import_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<CopyOptions>();  // shared with the callback
  options->command = "import";
  CLI::App* command = app.add_subcommand("import", "Copy a tree into a store that is not mounted");
  command->add_option("DIR", options->from, "What is copied")->required();
  command->add_option("STORE", options->to, "The backing directory; made when it is missing")
      ->required();
  command->footer(std::string("Examples:\n  zstdfs import /srv/old-files /srv/store\n") +
                  kExitCodes);
  add_copy_command(*command, options, action);
}

void add_export_command(CLI::App& app, Action& action) {
  const auto options = std::make_shared<CopyOptions>();  // shared with the callback
  options->command = "export";
  CLI::App* command =
      app.add_subcommand("export", "Copy a tree out of a store that is not mounted");
  command->add_option("STORE", options->from, "The backing directory")->required();
  command->add_option("DIR", options->to, "Where to; made when it is missing")->required();
  command->footer(std::string("Examples:\n  zstdfs export /srv/store /mnt/plain-files\n") +
                  kExitCodes);
  add_copy_command(*command, options, action);
}

}  // namespace zstdfs::tools
