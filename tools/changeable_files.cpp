#include "tools/changeable_files.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "fs/os/beneath.hpp"
#include "fs/store/control.hpp"
#include "fs/store/store_paths.hpp"
#include "tools/mount_map.hpp"
#include "tools/open_store.hpp"
#include "tools/place_in_store.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_policy.hpp"

namespace zstdfs::tools {
namespace {

using store::ForWriting;

[[noreturn]] void fail(int error) {
  throw std::system_error(error, std::generic_category());
}

/// A file on a mount, whose daemon does the work.
class MountedFile final : public ChangeableFile {
 public:
  explicit MountedFile(os::UniqueFd fd) : fd_(std::move(fd)) {}

  std::uint64_t size() const override {
    struct stat status {};
    if (::fstat(fd_.get(), &status) != 0) fail(errno);
    return static_cast<std::uint64_t>(status.st_size);
  }

  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    std::size_t done = 0;
    while (done < out.size()) {
      const ssize_t n = ::pread(fd_.get(), out.data() + done, out.size() - done,
                                static_cast<off_t>(offset + done));
      if (n < 0) fail(errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  store::RecompressionResult recompress(const store::SettingsChoice& choice) override {
    const store::RecompressRequest answer = ask(store::kRecompress, choice);
    return {static_cast<store::Recompression>(answer.outcome), answer.stored_bytes_before,
            answer.stored_bytes_after};
  }

  store::RecompressionPlan plan(const store::SettingsChoice& choice) override {
    const store::RecompressRequest answer = ask(store::kPlanRecompression, choice);
    store::RecompressionPlan plan;
    plan.outcome = static_cast<store::Recompression>(answer.outcome);
    store::choice_in(answer).apply_to(plan.wanted);
    plan.stored_bytes = answer.stored_bytes_before;
    return plan;
  }

 private:
  store::RecompressRequest ask(unsigned long command, const store::SettingsChoice& choice) {
    store::RecompressRequest request = store::request_for(choice);
    if (::ioctl(fd_.get(), command, &request) == 0) return request;
    switch (errno) {
      case ENOTTY:
        throw std::runtime_error(
            "is not on a zstdfs mount, or on one whose daemon is of another version; mount the "
            "store anew for that");
      case ENOKEY:
        throw std::runtime_error(
            "a dictionary is missing, which it is stored with or was to be; the system log says "
            "which");
      case EIO:
        throw std::runtime_error("Input/output error; the system log says why");
      default:
        fail(errno);
    }
  }

  const os::UniqueFd fd_;
};

class MountedTree final : public ChangeableTree {
 public:
  MountedTree(std::string root, std::string store)
      : ChangeableTree(std::move(root), std::move(store)),
        directory_(open_directory(AT_FDCWD, this->root(), FollowLinks::kNo)),
        walk_(os::probe_path_walk(directory_.get())) {}

  std::unique_ptr<ChangeableFile> open(const std::string& path) override {
    const os::UniqueFd found =
        os::open_beneath(directory_.get(), path, O_PATH | O_NOFOLLOW, 0, walk_);
    if (!found) fail(errno);
    return std::make_unique<MountedFile>(open_regular_again(found));
  }

 private:
  const os::UniqueFd directory_;
  const os::PathWalk walk_;
};

/// A file of a store that this process has open.
class UnmountedFile final : public ChangeableFile {
 public:
  explicit UnmountedFile(OpenStore::Handle file) : file_(std::move(file)) {}

  std::uint64_t size() const override { return file_->logical_bytes(); }
  std::size_t read_at(std::uint64_t offset, MutableByteSpan out) const override {
    return file_->read(offset, out);
  }
  store::RecompressionResult recompress(const store::SettingsChoice& choice) override {
    return file_->recompress(choice);
  }
  store::RecompressionPlan plan(const store::SettingsChoice& choice) override {
    return file_->plan_recompression(choice);
  }

 private:
  const OpenStore::Handle file_;
};

class UnmountedTree final : public ChangeableTree {
 public:
  UnmountedTree(std::string root, OpenStore& store, ForWriting purpose)
      : ChangeableTree(root, root), store_(store), purpose_(purpose) {}

  std::unique_ptr<ChangeableFile> open(const std::string& path) override {
    return std::make_unique<UnmountedFile>(store_.open(path, purpose_));
  }

 private:
  OpenStore& store_;
  const ForWriting purpose_;
};

/// `path` below `directory`, which is above it or the same.
std::string below(const std::string& path, const std::string& directory) {
  const std::string relative = std::filesystem::path(path).lexically_relative(directory).string();
  return relative == "." ? "" : relative;
}

/// With a policy that cannot be used, files would be stored as if there were none. Where it cannot
/// even be read, its daemon is asked, who can.
void refuse_broken_policy(const std::string& store) {
  try {
    load_store_policy(store);
  } catch (const store::PolicyError&) {
    throw;
  } catch (const std::runtime_error&) {
  }
}

bool is_store_directory(const std::string& path) {
  const std::string own = store::kStoreDirectory;
  return path == own || path.starts_with(own + "/");
}

}  // namespace

ChangeableStores::ChangeableStores(ForWriting purpose) : purpose_(purpose) {}
ChangeableStores::~ChangeableStores() = default;

ChangeablePath ChangeableStores::find(const std::string& path) {
  if (find_mount_point(path)) {
    std::string store;
    try {
      store = find_backing(path).value().store;
    } catch (const std::runtime_error&) {
      // Only an estimate with a dictionary needs it, which then says so.
    }
    return find_mounted(std::filesystem::canonical(path), std::move(store));
  }
  std::string real;
  try {
    real = std::filesystem::canonical(path);
  } catch (const std::filesystem::filesystem_error& error) {
    throw std::system_error(error.code());
  }
  const std::optional<std::string> store = store_above(real);
  if (!store) {
    throw std::runtime_error(
        "is neither on a zstdfs mount nor in a store; name a path on the mount or in the backing "
        "directory");
  }
  const std::string path_below = below(real, *store);
  if (is_store_directory(path_below)) {
    throw std::runtime_error("belongs to the store itself, and is no file in it");
  }
  const std::optional<std::string> mount_point = mount_point_of(*store);
  if (!mount_point) return find_unmounted(path_below, *store);
  return find_mounted(path_below.empty() ? *mount_point : *mount_point + "/" + path_below, *store);
}

ChangeablePath ChangeableStores::find_mounted(const std::string& path, std::string store) {
  const std::filesystem::path real(path);
  const bool is_directory = std::filesystem::is_directory(std::filesystem::symlink_status(real));
  const std::string root = is_directory ? path : real.parent_path().string();
  auto& tree = trees_[root];
  if (!tree) {
    if (purpose_ == ForWriting::kYes && is_read_only(root)) {
      throw std::runtime_error("is on a mount that is read-only");
    }
    refuse_broken_policy(store);
    tree = std::make_unique<MountedTree>(root, std::move(store));
  }
  return {tree.get(), is_directory ? "" : real.filename().string()};
}

ChangeablePath ChangeableStores::find_unmounted(const std::string& path, const std::string& store) {
  auto& tree = trees_[store];
  if (!tree) {
    load_store_policy(store);  // Throws when it cannot be used.
    auto opened = std::make_unique<OpenStore>(store, purpose_);
    tree = std::make_unique<UnmountedTree>(store, *opened, purpose_);
    stores_[store] = std::move(opened);
  }
  return {tree.get(), path};
}

bool ChangeableStores::close() {
  bool all = true;
  for (const auto& [root, store] : stores_) all = store->close() && all;
  return all;
}

}  // namespace zstdfs::tools
