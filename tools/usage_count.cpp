#include "tools/usage_count.hpp"

#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <map>
#include <stdexcept>
#include <system_error>

#include "fs/store/store_paths.hpp"
#include "tools/first_names.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "tools/store_dictionaries.hpp"

namespace zstdfs::tools {
namespace {

std::uint64_t block_bytes_of_filesystem(int fd) {
  struct statvfs status {};
  const bool known = ::fstatvfs(fd, &status) == 0 && status.f_frsize > 0;
  return known ? status.f_frsize : 4096;
}

std::uint64_t round_up(std::uint64_t bytes, std::uint64_t block) {
  return (bytes + block - 1) / block * block;
}

class UsageCount {
 public:
  UsageCount(const std::string& stored_root, const UsageObserver& observer)
      : root_(stored_root == "/" ? "" : stored_root),
        dictionaries_(stored_root),
        observer_(observer) {}

  Usage run(os::UniqueFd directory) {
    usage_.block_bytes = block_bytes_of_filesystem(directory.get());
    walk_tree(std::move(directory), {[this](const WalkEntry& entry) { return visit(entry); },
                                     [this](const std::string& path, const std::error_code& error) {
                                       if (is_own(path) && error.value() == EACCES) {
                                         own_is_closed_ = true;
                                       } else {
                                         failed(path, explain(error));
                                       }
                                     }});
    if (own_is_closed_) usage_.store_disk_bytes.reset();
    return usage_;
  }

 private:
  static bool is_own(const std::string& path) {
    const std::string own = store::kStoreDirectory;
    return path == own || path.starts_with(own + "/");
  }

  void failed(const std::string& path, const std::string& why) {
    observer_.failed(path.empty() ? root_ : root_ + "/" + path, why);
    ++usage_.failures;
  }

  Descend visit(const WalkEntry& entry) {
    if (is_own(entry.path)) {
      *usage_.store_disk_bytes += disk_bytes(entry.status);
    } else if (S_ISDIR(entry.status.st_mode)) {
      ++usage_.directories;
    } else if (!S_ISREG(entry.status.st_mode)) {
      ++usage_.others;
    } else if (first_names_.add(entry.status)) {
      count_file(entry);
    }
    return Descend::kYes;
  }

  void count_file(const WalkEntry& entry) {
    try {
      const auto file = open_regular(entry.directory_fd, entry.name, FollowLinks::kNo);
      const StoredForm form = examine(*file, dictionaries_);
      const Totals one = totals_of(entry, form);
      if (form.condition == Condition::kDamaged) ++usage_.damaged;
      (form.form == Form::kContainer ? usage_.container : usage_.raw) += one;
      if (observer_.counted) {
        observer_.counted({entry, *file, form, one, block_bytes(entry)});
      }
    } catch (const std::system_error& error) {
      if (error.code().value() != ENOENT) failed(entry.path, explain(error.code()));
    } catch (const std::runtime_error& error) {  // a newer format, a missing dictionary
      failed(entry.path, error.what());
    }
  }

  Totals totals_of(const WalkEntry& entry, const StoredForm& form) {
    Totals one;
    one.files = 1;
    one.logical_bytes = form.logical_bytes;
    one.stored_bytes = form.stored_bytes;
    one.disk_bytes = disk_bytes(entry.status);
    const std::uint64_t block = block_bytes(entry);
    // Of a file with holes less is on disk than is stored.
    if (one.disk_bytes > one.stored_bytes) {
      one.slack_bytes =
          std::min(one.disk_bytes, round_up(one.stored_bytes, block)) - one.stored_bytes;
    }
    if (form.form == Form::kRaw) {
      one.uncompressed_disk_bytes = one.disk_bytes;
      one.uncompressed_bytes = one.stored_bytes;
      return one;
    }
    // Zeros that were written are counted as holes here.
    one.uncompressed_bytes = form.logical_bytes - std::min(form.zero_bytes, form.logical_bytes);
    one.uncompressed_disk_bytes = round_up(one.uncompressed_bytes, block);
    return one;
  }

  std::uint64_t block_bytes(const WalkEntry& entry) {
    std::uint64_t& bytes = block_bytes_[entry.status.st_dev];
    if (bytes == 0) bytes = block_bytes_of_filesystem(entry.directory_fd);
    return bytes;
  }

  const std::string root_;
  const StoreDictionaries dictionaries_;
  const UsageObserver& observer_;
  Usage usage_;
  bool own_is_closed_ = false;
  FirstNames first_names_;
  std::map<dev_t, std::uint64_t> block_bytes_;
};

}  // namespace

Totals& Totals::operator+=(const Totals& other) {
  files += other.files;
  logical_bytes += other.logical_bytes;
  stored_bytes += other.stored_bytes;
  disk_bytes += other.disk_bytes;
  uncompressed_disk_bytes += other.uncompressed_disk_bytes;
  uncompressed_bytes += other.uncompressed_bytes;
  slack_bytes += other.slack_bytes;
  return *this;
}

std::int64_t Totals::saved_disk_bytes() const {
  return static_cast<std::int64_t>(uncompressed_disk_bytes - disk_bytes);
}

std::int64_t Totals::saved_bytes() const {
  return static_cast<std::int64_t>(uncompressed_bytes - stored_bytes);
}

Usage count_usage(os::UniqueFd directory, const std::string& stored_root,
                  const UsageObserver& observer) {
  return UsageCount(stored_root, observer).run(std::move(directory));
}

}  // namespace zstdfs::tools
