// A database, which knows best what it needs of a filesystem.

#include <sqlite3.h>

#include <chrono>
#include <memory>
#include <stdexcept>
#include <thread>

#include "tests/power_cut/workloads.hpp"

namespace zstdfs::powercut {
namespace {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;

constexpr std::uint64_t kRowsPerStep = 20;
constexpr std::chrono::milliseconds kBetweenRows{25};

Database open_database(const std::string& path) {
  sqlite3* opened = nullptr;
  const int code = sqlite3_open(path.c_str(), &opened);
  Database database(opened);
  if (code != SQLITE_OK) throw std::runtime_error(path + ": " + sqlite3_errstr(code));
  return database;
}

/// Runs statements, and gives the columns of all rows, separated by spaces.
std::string execute(const Database& database, const std::string& sql) {
  std::string out;
  const auto on_row = [](void* text, int columns, char** values, char**) {
    for (int i = 0; i < columns; ++i) {
      auto& all = *static_cast<std::string*>(text);
      if (!all.empty()) all += ' ';
      all += values[i] != nullptr ? values[i] : "null";
    }
    return 0;
  };
  if (sqlite3_exec(database.get(), sql.c_str(), on_row, &out, nullptr) != SQLITE_OK) {
    throw std::runtime_error("sqlite: " + std::string(sqlite3_errmsg(database.get())));
  }
  return out;
}

class DatabaseWorkload : public Workload {
 public:
  DatabaseWorkload(NotedDirectory& directory, const std::string& mode)
      : directory_(directory), mode_(mode) {
    const Database database = open();
    execute(database, "CREATE TABLE rows (id INTEGER PRIMARY KEY, payload TEXT)");
    directory_.sync_directory(kDatabaseDirectory, {});
    directory_.mark("done " + mode_ + " 0");
  }
  std::string name() const override { return "database (" + mode_ + ")"; }

  void step() override {
    const Database database = open();
    for (std::uint64_t i = 0; i < kRowsPerStep; ++i) {
      const std::string row = std::to_string(++rows_);
      directory_.mark("begin " + mode_ + " " + row);
      // The row that was added some time ago is changed too, so that pages are written in place.
      execute(database, "BEGIN; INSERT INTO rows VALUES (" + row + ", hex(zeroblob(" + row +
                            " % 700)) || " + row + "); UPDATE rows SET payload = payload || '.' " +
                            "WHERE id = " + row + " / 2; COMMIT");
      directory_.mark("done " + mode_ + " " + row);
      std::this_thread::sleep_for(kBetweenRows);
    }
  }

 private:
  Database open() const {
    Database database =
        open_database(directory_.path(std::string(kDatabaseDirectory) + "/" + mode_));
    execute(database, "PRAGMA journal_mode = " + mode_);
    // What FULL leaves out is the sync of the directory after a rollback journal was removed: until
    // that is on the disk, a commit may be rolled back.
    execute(database, std::string("PRAGMA synchronous = ") + (mode_ == "wal" ? "FULL" : "EXTRA"));
    execute(database, "PRAGMA wal_autocheckpoint = 30");
    return database;
  }

  NotedDirectory& directory_;
  std::string mode_;
  std::uint64_t rows_ = 0;
};

}  // namespace

std::unique_ptr<Workload> make_database_workload(NotedDirectory& directory,
                                                 const std::string& journal_mode) {
  return std::make_unique<DatabaseWorkload>(directory, journal_mode);
}

std::string database_complaint(const std::string& path, std::uint64_t promised,
                               std::uint64_t begun) {
  try {
    const Database database = open_database(path);
    const std::string verdict = execute(database, "PRAGMA integrity_check");
    if (verdict != "ok") return "integrity_check says: " + verdict;
    const std::string count = execute(database, "SELECT count(*), ifnull(max(id), 0) FROM rows");
    const std::uint64_t rows = std::stoull(count);
    if (count != std::to_string(rows) + " " + std::to_string(rows)) {
      return "rows are missing in between (number and last row: " + count + ")";
    }
    if (rows < promised || rows > begun) {
      return "has " + std::to_string(rows) + " rows; " + std::to_string(promised) +
             " were committed, " + std::to_string(begun) + " begun";
    }
    const std::string wrong = execute(
        database,
        "SELECT count(*) FROM rows WHERE payload NOT LIKE hex(zeroblob(id % 700)) || id || '%' OR "
        "(payload LIKE '%.') != (id * 2 <= (SELECT max(id) FROM rows))");
    return wrong == "0" ? "" : wrong + " rows have a wrong payload";
  } catch (const std::exception& error) {
    return error.what();
  }
}

}  // namespace zstdfs::powercut
