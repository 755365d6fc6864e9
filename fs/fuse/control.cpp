// ioctl: inode flags as chattr(1) has them, and what the administrators' command asks for.

#include "fs/store/control.hpp"

#include <linux/fs.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>

#include "fs/fuse/answer.hpp"
#include "fs/fuse/operations.hpp"
#include "fs/fuse/system_error.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::fuse {
namespace {

bool is_administrator(fuse_req_t req) {
  const uid_t caller = fuse_req_ctx(req)->uid;
  return caller == 0 || caller == ::geteuid();
}

template <typename Request>
Request request_in(const void* bytes, std::size_t size) {
  if (size != sizeof(Request)) throw_errno(EINVAL, "ioctl");
  Request request;
  std::memcpy(&request, bytes, sizeof(Request));
  return request;
}

// As the values that are valid in a policy and as attributes.
void check(const store::SettingsChoice& choice) {
  for (const store::Setting setting : store::kAllSettings) {
    const auto text = store::format_setting(setting, choice);
    if (!text) continue;
    try {
      store::SettingsChoice parsed;
      store::parse_setting(setting, *text, parsed);
    } catch (const std::invalid_argument&) {
      throw_errno(EINVAL, "recompress");
    }
  }
}

void refuse_others(fuse_req_t req, store::StoredFile& file) {
  if (!is_administrator(req) && fuse_req_ctx(req)->uid != file.present().st_uid) {
    throw_errno(EPERM, "recompress");
  }
}

store::RecompressRequest plan(store::StoredFile& file, const store::SettingsChoice& choice) {
  const store::RecompressionPlan plan = file.plan_recompression(choice);
  store::RecompressRequest answer = store::request_for(store::choice_of(plan.wanted));
  answer.outcome = static_cast<std::uint32_t>(plan.outcome);
  answer.stored_bytes_before = answer.stored_bytes_after = plan.stored_bytes;
  return answer;
}

void recompress(fuse_req_t req, fuse_ino_t number, unsigned command, const void* bytes,
                std::size_t size) {
  Filesystem& fs = filesystem(req);
  Inode& inode = fs.inode(number);
  if (inode.type() != S_IFREG) throw_errno(EISDIR, "recompress");
  auto request = request_in<store::RecompressRequest>(bytes, size);
  const store::SettingsChoice choice = store::choice_in(request);
  check(choice);
  const bool only_plan = command == store::kPlanRecompression;
  const auto handle = fs.open(inode, only_plan ? store::ForWriting::kNo : store::ForWriting::kYes);
  refuse_others(req, handle->file());
  if (only_plan) {
    request = plan(handle->file(), choice);
  } else {
    const store::RecompressionResult result = handle->file().recompress(choice);
    request.outcome = static_cast<std::uint32_t>(result.outcome);
    request.stored_bytes_before = result.stored_bytes_before;
    request.stored_bytes_after = result.stored_bytes_after;
    fs.forget_attributes(inode);  // It has other blocks now.
  }
  fuse_reply_ioctl(req, 0, &request, sizeof request);
}

void change_dictionary_use(fuse_req_t req, const void* bytes, std::size_t size) {
  if (!is_administrator(req)) throw_errno(EPERM, "retire a dictionary");
  auto request = request_in<store::DictionaryUseRequest>(bytes, size);
  store::Store& store = filesystem(req).store();
  using What = store::DictionaryUseRequest::What;
  switch (request.what) {
    case What::kRetire:
      store.retire_dictionary(request.dictionary_id);
      break;
    case What::kLook:
      store.refuse_unnamed_use(request.dictionary_id);
      break;
    case What::kUseAgain:
      store.use_dictionary_again(request.dictionary_id);
      break;
  }
  request.moved_names = store.moved_names();
  fuse_reply_ioctl(req, 0, &request, sizeof request);
}

void tell_statistics(fuse_req_t req) {
  const std::string text = store::encode_report(filesystem(req).statistics());
  const auto answer = std::make_unique<store::StatisticsAnswer>();
  if (text.size() > sizeof answer->text) throw_errno(EOVERFLOW, "statistics");
  answer->bytes = static_cast<std::uint32_t>(text.size());
  text.copy(answer->text, sizeof answer->text);
  fuse_reply_ioctl(req, 0, answer.get(), sizeof *answer);
}

constexpr int kNoFlags = 0;

/// The flags of inodes that are ours to tell: `c` where content is compressed.
int inode_flags(Filesystem& fs, fuse_ino_t number) {
  const Descriptor descriptor = fs.descriptor(number);
  struct stat status;
  check_call(::fstat(descriptor->get(), &status), "fstat");
  return fs.store().compresses(fs.path_below_root(descriptor), status) ? FS_COMPR_FL : kNoFlags;
}

void set_inode_flags(Filesystem& fs, fuse_ino_t number, int flags) {
  if (fs.options().read_only) throw_errno(EROFS, "set inode flags");
  if ((flags & ~FS_COMPR_FL) != 0) throw_errno(EOPNOTSUPP, "set inode flags");
  if (flags == inode_flags(fs, number)) return;
  const bool compressed = (flags & FS_COMPR_FL) != 0;
  const std::string name = store::attribute_of(store::Setting::kStore);
  const std::string value = *store::format_setting(
      store::Setting::kStore,
      {.form = compressed ? store::Settings::Form::kCompressed : store::Settings::Form::kRaw});
  const Descriptor descriptor = fs.descriptor(number);
  fs.change_attributes(fs.inode(number), store::StoredFile::Attributes::kOthers, [&] {
    check_call(
        ::setxattr(DescriptorPath(descriptor).c_str(), name.c_str(), value.data(), value.size(), 0),
        "setxattr");
  });
  fs.store().directories_changed();
  fs.forget_attributes(fs.inode(number));  // The kernel does not know that the change time moved.
}

}  // namespace

// The kernel has looked at who may change flags, but not at who may ask for the rest.
void op_ioctl(fuse_req_t req, fuse_ino_t number, unsigned command, void*, fuse_file_info*, unsigned,
              const void* in, std::size_t in_bytes, std::size_t) noexcept {
  answer(req, "ioctl", number, [&] {
    Filesystem& fs = filesystem(req);
    switch (command) {
      case FS_IOC_GETFLAGS: {
        const int flags = inode_flags(fs, number);
        fuse_reply_ioctl(req, 0, &flags, sizeof flags);
        return;
      }
      case FS_IOC_FSGETXATTR: {  // Asked for by the kernel before flags are set.
        const fsxattr none{};
        fuse_reply_ioctl(req, 0, &none, sizeof none);
        return;
      }
      case FS_IOC_SETFLAGS:
        set_inode_flags(fs, number, request_in<int>(in, std::min(in_bytes, sizeof(int))));
        fuse_reply_ioctl(req, 0, nullptr, 0);
        return;
      case store::kRecompress:
      case store::kPlanRecompression:
        try {
          return recompress(req, number, command, in, in_bytes);
        } catch (const MissingDictionaryError& error) {
          throw_errno(ENOKEY, error.what());
        }
      case store::kDictionaryUse:
        return change_dictionary_use(req, in, in_bytes);
      case store::kStatistics:
        return tell_statistics(req);
      default:
        throw_errno(ENOTTY, "ioctl");
    }
  });
}

}  // namespace zstdfs::fuse
