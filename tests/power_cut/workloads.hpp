#pragma once

#include <memory>
#include <string>
#include <vector>

#include "tests/power_cut/noted_files.hpp"

namespace zstdfs::powercut {

/// Something that a program does again and again with files of its own. Each is used by one thread.
class Workload {
 public:
  virtual ~Workload() = default;
  virtual std::string name() const = 0;
  /// Does a little. Whatever it opens it closes, so that the daemon may be killed afterwards.
  virtual void step() = 0;
};

/// One of every kind, with directories of their own. Throws std::system_error; so do the steps.
std::vector<std::unique_ptr<Workload>> make_workloads(NotedDirectory& directory,
                                                      std::uint64_t seed);

/// SQLite, a row for each transaction. The journal mode is `wal` or `delete`.
std::unique_ptr<Workload> make_database_workload(NotedDirectory& directory,
                                                 const std::string& journal_mode);

/// The path of that database, relative to the mount, without its journals.
inline constexpr const char* kDatabaseDirectory = "database";

/// Opens the database at `path`, which recovers it. Returns what is wrong: it is damaged, a row
/// that was promised is missing, or one is there that was never begun.
std::string database_complaint(const std::string& path, std::uint64_t promised,
                               std::uint64_t begun);

}  // namespace zstdfs::powercut
