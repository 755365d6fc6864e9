#include "fs/fuse/filesystem.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <iterator>
#include <string_view>
#include <system_error>
#include <utility>

#include "fs/fuse/system_error.hpp"
#include "fs/store/log.hpp"
#include "fs/store/store_paths.hpp"

namespace zstdfs::fuse {
namespace {

// Blocks of a file that the store is busy with change without the kernel knowing.
constexpr double kInUseTimeoutSeconds = 1;

void read(const Descriptor& descriptor, struct stat& status) {
  if (::fstat(descriptor->get(), &status) != 0) throw_errno(errno, "fstat");
}

/// What a link in /proc leads to; empty when that cannot be told.
std::string path_of(const char* link) {
  char target[4096];
  const ssize_t length = ::readlink(link, target, sizeof(target));
  return length > 0 ? std::string(target, static_cast<std::size_t>(length)) : std::string();
}

}  // namespace

DescriptorPath::DescriptorPath(const Descriptor& descriptor) {
  char* const end = std::ranges::copy(std::string_view("/proc/self/fd/"), path_).out;
  *std::to_chars(end, std::end(path_) - 1, descriptor->get()).ptr = '\0';
}

Filesystem::Filesystem(os::UniqueFd root, store::Store& store, FilesystemOptions options,
                       os::DescriptorPool& descriptors)
    : root_(std::move(root)),
      store_(store),
      options_(options),
      descriptors_(descriptors),
      inodes_(root_.get(), descriptors) {}

Inode& Filesystem::inode(fuse_ino_t number) {
  if (number == FUSE_ROOT_ID) return inodes_.root();
  return *reinterpret_cast<Inode*>(number);
}

fuse_ino_t Filesystem::number(const Inode& inode) const {
  if (&inode == &const_cast<Filesystem*>(this)->inodes_.root()) return FUSE_ROOT_ID;
  return reinterpret_cast<fuse_ino_t>(&inode);
}

bool Filesystem::is_reserved(fuse_ino_t parent, const char* name) const {
  return parent == FUSE_ROOT_ID && std::strcmp(name, store::kStoreDirectory) == 0;
}

void Filesystem::refuse_reserved(fuse_ino_t parent, const char* name) const {
  if (is_reserved(parent, name)) throw_errno(EPERM, "a name that zstdfs keeps for itself");
}

void Filesystem::hide_reserved(fuse_ino_t parent, const char* name) const {
  if (is_reserved(parent, name)) throw_errno(ENOENT, "a name that zstdfs keeps for itself");
}

void Filesystem::forget(fuse_ino_t number, std::uint64_t count) noexcept {
  directory_streams_.drop(number);
  Inode& known = inode(number);
  const store::FileKey key = known.key();
  const bool is_file = known.type() == S_IFREG;
  if (inodes_.forget(known, count) && is_file) store_.forgotten(key);
}

std::optional<EntryReference> Filesystem::find_entry(const Descriptor& parent, const char* name,
                                                     struct stat& status) {
  os::UniqueFd fd(::openat(parent->get(), name, O_PATH | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && errno == ENOENT) return std::nullopt;
  if (!fd) throw_errno(errno, "openat");
  if (::fstat(fd.get(), &status) != 0) throw_errno(errno, "fstat");
  Inode& inode = inodes_.acquire(key_of(status), status.st_mode & S_IFMT, std::move(fd));
  return EntryReference(inodes_, inode);
}

EntryReference Filesystem::look_up(const Descriptor& parent, const char* name,
                                   struct stat& status) {
  auto found = find_entry(parent, name, status);
  if (!found) throw_errno(ENOENT, "openat");
  return std::move(*found);
}

Attributes Filesystem::attributes(Inode& inode, const Descriptor& descriptor,
                                  const struct stat& lower) {
  if (inode.type() != S_IFREG) return {.status = lower, .timeout_s = kLongTimeoutSeconds};
  struct stat shown = lower;
  const auto read_status = [&](struct stat& status) { read(descriptor, status); };
  const auto presence =
      store_.present(shown, read_status, [&] { return open_for_header(descriptor); });
  return attributes_of_file(inode, shown, presence);
}

Attributes Filesystem::attributes_of_file(Inode& inode, const struct stat& shown,
                                          store::Store::Presence presence) {
  if ((shown.st_mode & (S_ISUID | S_ISGID)) != 0) inode.set_id_bits = true;
  const bool at_rest = presence == store::Store::Presence::kAtRest;
  return {.status = shown, .timeout_s = at_rest ? kLongTimeoutSeconds : kInUseTimeoutSeconds};
}

Attributes Filesystem::attributes(Inode& inode, const Descriptor& descriptor) {
  struct stat lower {};
  if (inode.type() != S_IFREG) {
    read(descriptor, lower);
  } else {  // What the store needs to know; it reads the rest.
    lower.st_dev = inode.key().device;
    lower.st_ino = inode.key().inode;
    lower.st_mode = inode.type();
  }
  return attributes(inode, descriptor, lower);
}

fuse_entry_param Filesystem::entry(Inode& inode, const struct stat& lower) {
  return entry_with(inode, attributes(inode, inodes_.descriptor(inode), lower));
}

fuse_entry_param Filesystem::new_entry(Inode& inode, const struct stat& lower) {
  inode.capabilities = Inode::Capabilities::kNone;
  return entry_with(inode, attributes_of_file(inode, lower, store::Store::Presence::kInUse));
}

fuse_entry_param Filesystem::entry_with(const Inode& inode, const Attributes& attr) const {
  fuse_entry_param param{};
  param.ino = number(inode);
  param.generation = inode.generation();
  param.attr = attr.status;
  param.attr_timeout = attr.timeout_s;
  param.entry_timeout = kLongTimeoutSeconds;
  return param;
}

std::unique_ptr<OpenFile> Filesystem::open(Inode& inode, store::ForWriting for_writing) {
  const Descriptor descriptor = inodes_.descriptor(inode);
  const MutexLock lock(at_rest(inode));
  auto file = store_.open_file(inode.key(), for_writing,
                               [&] { return open_backing(inode, descriptor, for_writing); });
  return std::make_unique<OpenFile>(store_, std::move(file), inode, for_writing);
}

std::unique_ptr<OpenFile> Filesystem::open(Inode& inode, store::ForWriting for_writing,
                                           os::UniqueFd backing) {
  const Descriptor descriptor = inodes_.descriptor(inode);
  const MutexLock lock(at_rest(inode));
  auto file = store_.open_file(inode.key(), for_writing, [&] {
    return backing ? make_file(inode, std::move(backing), O_RDWR)
                   : open_backing(inode, descriptor, for_writing);
  });
  return std::make_unique<OpenFile>(store_, std::move(file), inode, for_writing);
}

void Filesystem::change_attributes(Inode& inode, store::StoredFile::Attributes which,
                                   const std::function<void()>& change) {
  if (inode.type() != S_IFREG) {
    change();
    return;
  }
  std::shared_ptr<store::StoredFile> file;
  {
    const MutexLock lock(at_rest(inode));
    file = store_.open_known_file(inode.key());
    if (!file) return change_at_rest(inode, change);
  }
  const OpenFile handle(store_, file, inode, store::ForWriting::kNo);
  file->change_attributes(which, change);
}

Mutex& Filesystem::at_rest(const Inode& inode) {
  return at_rest_[store::FileKeyHash()(inode.key()) % at_rest_.size()];
}

// What is not open has no attributes but the backing file's.
void Filesystem::change_at_rest(Inode& inode, const std::function<void()>& change) {
  const Descriptor descriptor = inodes_.descriptor(inode);
  struct stat status;
  const bool was_told = ::fstat(descriptor->get(), &status) == 0;
  const auto size = was_told ? store_.size_at_rest(status) : store::SizeAtRest{};
  change();
  if (!size.known || ::fstat(descriptor->get(), &status) != 0) return;
  store_.keep_size(size, status);
}

os::UniqueFd Filesystem::open_with(const Descriptor& descriptor, int flags) {
  const DescriptorPath path(descriptor);
  flags |= O_CLOEXEC | O_NONBLOCK;
  // Our reading is not the application's. Only the owner and root may ask for that.
  int fd = ::open(path.c_str(), flags | O_NOATIME);
  if (fd < 0 && errno == EPERM) fd = ::open(path.c_str(), flags);
  return os::UniqueFd(fd);
}

std::unique_ptr<os::File> Filesystem::make_file(const Inode& inode, os::UniqueFd fd, int flags) {
  return os::make_posix_file(std::move(fd), {.flags = flags, .device = inode.key().device},
                             root_.get(), descriptors_);
}

std::unique_ptr<os::File> Filesystem::open_backing(const Inode& inode, const Descriptor& descriptor,
                                                   store::ForWriting for_writing) {
  os::UniqueFd fd;
  int access = O_RDWR;
  if (!options_.read_only) {
    // Also for readers: the store may want to write what a later handle changes, or to settle it.
    fd = open_with(descriptor, O_RDWR);
    const bool refused = errno == EACCES || errno == EROFS || errno == ETXTBSY || errno == EPERM;
    if (!fd && (for_writing == store::ForWriting::kYes || !refused)) throw_errno(errno, "open");
  } else if (for_writing == store::ForWriting::kYes) {
    throw_errno(EROFS, "open");
  }
  if (!fd) fd = open_with(descriptor, access = O_RDONLY);
  if (!fd) throw_errno(errno, "open");
  // The pool tries with O_NOATIME first, too.
  return make_file(inode, std::move(fd), access | O_NOATIME | O_NONBLOCK);
}

std::unique_ptr<os::File> Filesystem::open_for_header(const Descriptor& descriptor) {
  os::UniqueFd fd = open_with(descriptor, O_RDONLY);
  if (!fd) throw_errno(errno, "open");
  return os::make_posix_file(std::move(fd), root_.get());
}

void Filesystem::forget_attributes(const Inode& inode) noexcept {
  // A negative offset: attributes only, the pages stay. That the kernel may not know the inode any
  // more is as good.
  if (session_ != nullptr) fuse_lowlevel_notify_inval_inode(session_, number(inode), -1, 0);
}

bool Filesystem::fetch_mapped_changes() {
  // Pages that the kernel has to give up are written before, and it waits for that, while syncfs(2)
  // of the mount only begins it.
  const auto written = open_files_.written();
  for (const Inode* inode : written) {
    fuse_lowlevel_notify_inval_inode(session_, number(*inode), 0, 0);
  }
  return !written.empty();
}

store::StatisticsReport Filesystem::statistics() {
  store::StatisticsReport report = store_.statistics();
  report.known_inodes = inodes_.size();
  operation_counts_.tell(report);
  return report;
}

std::string Filesystem::path_below_root(const Descriptor& descriptor) const {
  const std::string root = path_of(("/proc/self/fd/" + std::to_string(root_.get())).c_str());
  const std::string path = path_of(DescriptorPath(descriptor).c_str());
  if (root.empty() || !path.starts_with(root)) return "";
  if (root == "/") return path.substr(1);
  return path.size() > root.size() && path[root.size()] == '/' ? path.substr(root.size() + 1) : "";
}

std::string Filesystem::describe(fuse_ino_t number) noexcept {
  try {
    const Descriptor descriptor = this->descriptor(number);
    std::string path = path_of(DescriptorPath(descriptor).c_str());
    if (!path.empty()) return path;
  } catch (const std::exception&) {
    // A message without a path is better than none.
  }
  return "(unknown file)";
}

Filesystem& filesystem(fuse_req_t req) {
  return *static_cast<Filesystem*>(fuse_req_userdata(req));
}

}  // namespace zstdfs::fuse
