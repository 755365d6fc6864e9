#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/mount/files.hpp"
#include "tests/patterns.hpp"
#include "tests/soak/calls.hpp"
#include "tests/soak/tree_model.hpp"

namespace zstdfs::soak {

/// One open descriptor of a worker.
struct Handle {
  mounttest::Fd fd;
  FilePtr file;
  int flags = 0;

  bool readable() const;
  bool writable() const;
  bool has(int flag) const { return (flags & flag) == flag; }
  /// A path that opens the same file again, whether or not it still has a name.
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd.get()); }
};

/// What a worker does its operations on: its own directory, and the model of it.
struct WorkerState {
  WorkerState(int its_number, std::uint64_t seed, const std::string& mountpoint,
              SharedState& shared)
      : number(its_number),
        root(mountpoint + "/w" + std::to_string(its_number)),
        random(seed),
        calls(mountpoint, shared, its_number) {}

  std::string path(const std::string& name) const {
    return name.empty() ? root : root + "/" + name;
  }

  int number;
  std::string root;
  test::Random random;
  Calls calls;
  Names names;
  /// The names as they will be when the call that is under way has been made.
  std::optional<Names> maybe_names;
  std::vector<Handle> handles;
  std::uint64_t files_made = 0;
  std::uint64_t names_made = 0;
};

using Operation = void (*)(WorkerState&);

// handles.cpp
/// A handle that `wanted` accepts; nothing when there is none.
Handle* pick_handle(WorkerState& worker, const std::function<bool(const Handle&)>& wanted);
/// A handle that can be written to at any offset; one is opened where there is none.
Handle* pick_writable(WorkerState& worker);
void open_file(WorkerState& worker);
void close_some_handle(WorkerState& worker);
void close_handle(WorkerState& worker, Handle& handle);
void close_all(WorkerState& worker);
void sync_file(WorkerState& worker);
/// The names of a kind.
std::vector<std::string> names_of(const WorkerState& worker, Node::Kind kind);
std::optional<std::string> pick_name(WorkerState& worker, Node::Kind kind);
std::uint64_t total_bytes(const WorkerState& worker);

// changes.cpp
/// Makes a change of content by `made`, which returns what the system call does. Afterwards the
/// model says what can be seen, also when it failed. `path` leads to the file.
void change_content(WorkerState& worker, FileModel& file, const std::string& path, Call call,
                    Change change, const std::function<long()>& made);
/// The same for a write; returns whether all of `bytes` was written.
bool write_content(WorkerState& worker, Handle& handle, Call call, std::uint64_t offset,
                   const Bytes& bytes, const std::function<long()>& made);
/// After a change that failed: looks at what is there now, past the kernel's cache.
void look_again(WorkerState& worker, FileModel& file, const std::string& path);
std::uint64_t random_offset(WorkerState& worker, std::uint64_t limit);
std::size_t random_length(WorkerState& worker);

// write_operations.cpp, map_operations.cpp, read_operations.cpp, name_operations.cpp
void write_anywhere(WorkerState& worker);
void write_stream(WorkerState& worker);
void write_by_map(WorkerState& worker);
void truncate_file(WorkerState& worker);
void allocate_range(WorkerState& worker);
void copy_range(WorkerState& worker);
void read_range(WorkerState& worker);
void read_by_map(WorkerState& worker);
void seek_ends(WorkerState& worker);
void look_at_attributes(WorkerState& worker);
void make_file(WorkerState& worker);
void make_nameless_file(WorkerState& worker);
void make_directory(WorkerState& worker);
void make_symlink(WorkerState& worker);
void make_link(WorkerState& worker);
void rename_something(WorkerState& worker);
void remove_something(WorkerState& worker);
void change_attributes(WorkerState& worker);
void list_names(WorkerState& worker);

// checks.cpp
/// How a whole file is read.
enum class ReadingWay { kUsual, kDirect, kMap };
Bytes read_whole(WorkerState& worker, const std::string& path, ReadingWay way);
/// Compares a file's attributes with the model. Throws Violation.
void check_attributes(WorkerState& worker, FileModel& file, const struct stat& status);
/// After a remount: everything must be as promised, and what is there becomes the model. Throws
/// Violation.
void check_everything(WorkerState& worker);

/// Copies to or from mapped memory; false when that raised SIGBUS.
bool copy_guarded(std::byte* to, const std::byte* from, std::size_t bytes);
void install_bus_guard();

}  // namespace zstdfs::soak
