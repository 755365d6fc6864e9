#include <fcntl.h>

#include <exception>
#include <filesystem>
#include <map>

#include "tests/mount/mounted_store.hpp"
#include "tests/mount/process.hpp"
#include "tests/power_cut/mounts.hpp"
#include "tests/power_cut/session.hpp"
#include "tests/power_cut/workloads.hpp"

namespace zstdfs::powercut {
namespace {

using Files = std::map<std::string, Bytes>;

/// Reads every file below `root`. What cannot be read is a complaint.
Files read_all_files(const std::string& root, Complaints& complaints) {
  Files files;
  for (const std::string& path : mounttest::regular_files(root)) {
    const std::string name = path.substr(root.size() + 1);
    try {
      files.emplace(name, mounttest::read_file(path));
    } catch (const std::exception& error) {
      complaints.push_back(name + ": cannot be read: " + error.what());
    }
  }
  return files;
}

bool is_of_database(const std::string& name) {
  return name.starts_with(std::string(kDatabaseDirectory) + "/");
}

/// The databases are opened as copies, so that looking at them changes nothing.
void check_databases(const Promises& promises, const Files& files, const std::string& scratch,
                     Complaints& complaints) {
  const std::string copies = scratch + "/" + kDatabaseDirectory;
  std::filesystem::create_directory(copies);
  for (const auto& [name, content] : files) {
    if (is_of_database(name)) mounttest::write_file(scratch + "/" + name, content);
  }
  for (const auto& [name, rows] : promises.databases()) {
    const std::string wrong = database_complaint(copies + "/" + name, rows.promised, rows.begun);
    if (!wrong.empty()) complaints.push_back("the database " + name + ": " + wrong);
  }
  std::filesystem::remove_all(copies);
}

void check_files(const Promises& promises, const Files& files, const std::string& scratch,
                 Complaints& complaints) {
  Files plain;
  for (const auto& [name, content] : files) {
    if (!is_of_database(name)) plain.emplace(name, content);
  }
  const auto found = promises.complaints(plain);
  complaints.insert(complaints.end(), found.begin(), found.end());
  check_databases(promises, files, scratch, complaints);
}

/// What came through a loss of power can be changed as anything else.
void change_something(const std::string& root, Files& files) {
  int changed = 0;
  for (auto& [name, content] : files) {
    if (is_of_database(name) || content.size() < kBlockBytes || ++changed % 4 != 0) continue;
    const mounttest::Fd fd = mounttest::open_file(root + "/" + name, O_RDWR);
    const Bytes block = block_content({1, content.size() / kBlockBytes, 7});
    const std::uint64_t at = content.size() / 2;
    const std::uint64_t bytes = std::min<std::uint64_t>(block.size(), content.size() - at);
    mounttest::pwrite_all(fd.get(), ByteSpan(block).first(bytes), at);
    std::copy_n(block.begin(), bytes, content.begin() + static_cast<std::ptrdiff_t>(at));
  }
}

void compare(const Files& before, const Files& now, Complaints& complaints) {
  for (const auto& [name, content] : before) {
    const auto found = now.find(name);
    if (found == now.end()) {
      complaints.push_back(name + ": was there at the first mount, and is not at the second");
      continue;
    }
    const std::string text = mounttest::difference(found->second, content);
    if (!text.empty()) complaints.push_back(name + ": differs at the second mount: " + text);
  }
  if (now.size() > before.size()) complaints.emplace_back("the second mount shows more files");
}

Mount mount_found_store(const SessionOptions& options, const std::string& backing,
                        const std::string& scratch) {
  return mount_store(options, backing, scratch + "/cut-mnt", scratch + "/cut-daemon.log");
}

void inspect_store(const SessionOptions& options, const Promises& promises,
                   const std::string& backing, const std::string& scratch, Complaints& complaints) {
  Files files;
  {
    Mount mount = mount_found_store(options, backing, scratch);
    files = read_all_files(mount.path(), complaints);
    check_files(promises, files, scratch, complaints);
    change_something(mount.path(), files);
    mount.unmount();
  }
  const mounttest::Ended checked = mounttest::run({mounttest::tool_program(), "fsck", backing});
  if (!checked.ok()) complaints.push_back("fsck: " + checked.output);
  Mount mount = mount_found_store(options, backing, scratch);
  compare(files, read_all_files(mount.path(), complaints), complaints);
  mount.unmount();
}

/// The directory that is the store, also where the power went before it was made.
std::string store_on(const RecordedDisk& disk) {
  const std::string path = disk.path() + "/store";
  std::filesystem::create_directory(path);
  return path;
}

}  // namespace

Complaints inspect(const SessionOptions& options, const Promises& promises,
                   const std::string& image, const std::string& scratch) {
  Complaints complaints;
  std::filesystem::remove(scratch + "/cut-daemon.log");
  try {
    pretend_a_new_boot(scratch);
    RecordedDisk lower(image, scratch + "/cut-recording", scratch);
    const std::string backing = store_on(lower);
    if (options.native) {
      const Files files = read_all_files(backing, complaints);
      check_files(promises, files, scratch, complaints);
    } else {
      inspect_store(options, promises, backing, scratch, complaints);
    }
    lower.unmount();
  } catch (const std::exception& error) {
    complaints.emplace_back(error.what());
  }
  return complaints;
}

void record_recovery(const SessionOptions& options, const std::string& image,
                     const std::string& recording, const std::string& scratch) {
  pretend_a_new_boot(scratch);
  RecordedDisk disk(image, recording, scratch);
  Mount store = mount_found_store(options, store_on(disk), scratch);
  store.unmount();
  disk.unmount();
}

}  // namespace zstdfs::powercut
