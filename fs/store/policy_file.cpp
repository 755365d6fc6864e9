#include "fs/store/policy_file.hpp"

#include <cerrno>
#include <system_error>

#include "fs/store/byte_size.hpp"
#include "fs/store/log.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/container_header.hpp"

namespace zstdfs::store {
namespace {

/// A file that was changed less than this ago may be changed again without getting another time:
/// of all filesystems, FAT has the coarsest, of two seconds.
constexpr std::int64_t kSameMomentNs = 2'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

std::string news_of(const Policy* policy) {
  if (policy == nullptr) return std::string(kPolicyPath) + " is gone; no rules are in force";
  const std::size_t rules = policy->rules().size();
  return std::string(kPolicyPath) + " is in force, with " + std::to_string(rules) +
         (rules == 1 ? " rule" : " rules");
}

}  // namespace

void PolicyFile::refresh() {
  const MutexLock lock(refresh_mutex_);
  try {
    const struct stat status = volume_.stat(kPolicyPath);
    const Version version{.device = status.st_dev,
                          .inode = status.st_ino,
                          .bytes = status.st_size,
                          .modified_ns = nanoseconds(status.st_mtim),
                          .changed_ns = nanoseconds(status.st_ctim)};
    if (version_ != version) load(version);
  } catch (const std::system_error& error) {
    version_.reset();
    if (error.code().value() == ENOENT) {
      use(nullptr, std::nullopt);
    } else {
      refuse(std::string(kPolicyPath) + " cannot be read: " + error.what());
    }
  }
}

void PolicyFile::load(const Version& version) {
  // If the file is changed from here on, it will be another version; if it is changed at the same
  // moment as it was before, that does not show, and it is read again later.
  const bool is_settled = nanoseconds(volume_.now()) - version.changed_ns >= kSameMomentNs;
  version_ = is_settled ? std::optional(version) : std::nullopt;
  try {
    const std::optional<std::string> text = read_policy_text(volume_, kPolicyPath);
    if (!text) {
      use(nullptr, std::nullopt);
      return;
    }
    use(std::make_shared<const Policy>(parse_policy(*text, kPolicyPath, accounts_)),
        hash64(std::as_bytes(std::span(*text))));
  } catch (const PolicyError& error) {
    refuse(error.what());
  }
}

void PolicyFile::use(std::shared_ptr<const Policy> policy, std::optional<std::uint64_t> text_hash) {
  const MutexLock lock(mutex_);
  if (text_hash != text_hash_ || problem_) log(LogLevel::kInfo, news_of(policy.get()));
  current_ = std::move(policy);
  text_hash_ = text_hash;
  problem_.reset();
}

void PolicyFile::refuse(const std::string& why) {
  const MutexLock lock(mutex_);
  if (problem_ != why) {
    log(LogLevel::kError,
        why + (current_ ? "; the policy of before stays in force" : "; no rules are in force"));
  }
  problem_ = why;
}

std::shared_ptr<const Policy> PolicyFile::current() const {
  const MutexLock lock(mutex_);
  return current_;
}

std::optional<std::string> PolicyFile::problem() const {
  const MutexLock lock(mutex_);
  return problem_;
}

std::optional<std::string> read_policy_text(os::Volume& volume, const std::string& path) {
  const auto file = volume.open(path, os::OpenMode::kRead);
  if (!file) return std::nullopt;
  const std::uint64_t bytes = file->size();
  if (bytes > kMaxPolicyBytes) {
    throw PolicyError(path, {}, "the file is larger than " + format_byte_size(kMaxPolicyBytes));
  }
  std::string text(static_cast<std::size_t>(bytes), '\0');
  text.resize(file->read_at(0, std::as_writable_bytes(std::span(text))));
  return text;
}

}  // namespace zstdfs::store
