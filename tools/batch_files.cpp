#include "tools/batch_files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <set>
#include <system_error>

#include "fs/os/beneath.hpp"
#include "tools/dictionary_file.hpp"
#include "tools/file_version.hpp"
#include "tools/given_owner.hpp"
#include "tools/interruption.hpp"
#include "tools/named_errors.hpp"
#include "tools/new_file.hpp"
#include "tools/safe_open.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::tools {
namespace {

// Larger files are not worked on together with others, but streamed.
constexpr std::uint64_t kSmallFileBytes = 1u << 20;

/// A file of the command line, open.
struct Input {
  std::string path;
  std::string output_path;
  std::unique_ptr<os::File> file;
  struct stat status {};
  os::Attributes access_list;
  struct stat directory {};  ///< where it was found, if it is to be removed
};

/// A small file, read, and closed.
struct SmallFile {
  Input input;
  Bytes content;
};

os::UniqueFd open_directory_of(const std::string& path) {
  const std::string parent = os::split_path(path).parent;
  os::UniqueFd fd(::open(parent.empty() ? "." : parent.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!fd) throw std::system_error(errno, std::generic_category());
  return fd;
}

void check_unchanged(const Input& input) {
  if (same_version(input.file->stat(), input.status)) return;
  throw std::runtime_error("was changed while it was read; try again");
}

class FileBatch {
 public:
  FileBatch(BatchCodec& codec, BatchDirection direction, const FileBatchOptions& options,
            const FileFailed& failed, Progress& progress)
      : codec_(codec),
        direction_(direction),
        options_(options),
        failed_(failed),
        progress_(progress) {}

  BatchTotals run() {
    for (const std::string& path : options_.paths) {
      interruption_.check();
      attempt(path, [&] { take(path); });
      if (group_bytes_ >= kGroupBytes || group_.size() >= kGroupItems) finish_group();
    }
    finish_group();
    return totals_;
  }

 private:
  template <typename Work>
  void attempt(const std::string& path, const Work& work) {
    try {
      return work();
    } catch (const std::system_error& error) {
      const bool exists = error.code().value() == EEXIST;
      fail(path, exists ? "the result exists already; --force replaces it" : explain(error.code()));
    } catch (const std::exception& error) {
      fail(path, error.what());
    }
  }

  void fail(const std::string& path, const std::string& why) {
    ++totals_.failures;
    failed_(path, why);
  }

  std::string output_path_of(const std::string& path) const {
    std::string output = path;
    if (!options_.output_directory.empty()) {
      output = options_.output_directory + "/" + path.substr(path.rfind('/') + 1);
    }
    if (direction_ == BatchDirection::kCompress) return output + options_.suffix;
    const std::string name = output.substr(output.rfind('/') + 1);
    if (!name.ends_with(options_.suffix) || name == options_.suffix) {
      throw std::runtime_error("its name does not end in " + options_.suffix +
                               "; --suffix names another ending");
    }
    output.resize(output.size() - options_.suffix.size());
    return output;
  }

  void take(const std::string& path) {
    Input input{path, output_path_of(path), nullptr, {}, {}, {}};
    if (!outputs_.insert(input.output_path).second) {
      throw std::runtime_error("another of the files has the same result " + input.output_path);
    }
    open(input);
    input.status = input.file->stat();
    input.access_list = input.file->attributes(kAccessList);
    refuse_existing(input);
    if (input.file->size() > kSmallFileBytes) return stream(input);
    SmallFile small = read_small(std::move(input));
    std::uint64_t result_bytes = 0;
    if (direction_ == BatchDirection::kDecompress) {
      const auto bytes = small_frame_content(small.content);
      if (!bytes) return stream_content(small);
      result_bytes = *bytes;
    }
    group_bytes_ += small.content.size() + result_bytes;
    group_.push_back(std::move(small));
  }

  void open(Input& input) const {
    if (!options_.remove) {
      input.file = open_regular(AT_FDCWD, input.path, FollowLinks::kYes);
      return;
    }
    const os::UniqueFd directory = open_directory_of(input.path);
    input.directory = status_of(directory);
    // A link's target is not what --remove names.
    const std::string name = os::split_path(input.path).name;
    input.file = open_regular(directory.get(), name, FollowLinks::kNo);
  }

  /// Found out before the work; commit() looks again.
  void refuse_existing(const Input& input) const {
    struct stat status {};
    if (options_.force || ::lstat(input.output_path.c_str(), &status) != 0) return;
    throw std::system_error(EEXIST, std::generic_category());
  }

  static SmallFile read_small(Input input) {
    Bytes content(static_cast<std::size_t>(input.file->size()));
    content.resize(input.file->read_at(0, content));
    check_unchanged(input);
    input.file.reset();
    return {std::move(input), std::move(content)};
  }

  /// What a file becomes that is one frame and can be decompressed in memory; nothing for others.
  static std::optional<std::uint64_t> small_frame_content(ByteSpan file) {
    if (file.empty()) throw std::runtime_error("is empty, so it is no zstd file");
    try {
      const FrameParameters frame = get_frame_parameters(file);
      const bool one_frame = !frame.is_skippable && frame_compressed_size(file) == file.size();
      const bool small = frame.content_size && *frame.content_size <= kSmallFileBytes;
      if (one_frame && small) return frame.content_size;
    } catch (const ZstdError&) {
      // Streaming says what is wrong.
    }
    return std::nullopt;
  }

  void finish_group() {
    const std::vector<SmallFile> group = std::move(group_);
    group_.clear();
    group_bytes_ = 0;
    std::vector<ByteSpan> items;
    for (const SmallFile& small : group) items.emplace_back(small.content);
    std::vector<ByteSpan> results;
    try {
      results = direction_ == BatchDirection::kCompress ? codec_.compress(items)
                                                        : codec_.decompress(items);
    } catch (const ZstdError&) {
      // One by one, to find out which it is.
    }
    for (std::size_t i = 0; i < group.size(); ++i) {
      interruption_.check();
      attempt(group[i].input.path, [&] {
        results.empty() ? stream_content(group[i]) : write_result(group[i], results[i]);
      });
    }
  }

  void write_result(const SmallFile& small, ByteSpan result) {
    const auto output = new_result(small.input);
    naming(small.input.output_path, [&] { output->write(result); });
    progress_.add(small.content.size());
    commit(small.input, *output, {small.content.size(), result.size()});
  }

  static std::unique_ptr<NewFile> new_result(const Input& input) {
    return naming(input.output_path, [&] { return std::make_unique<NewFile>(input.output_path); });
  }

  void stream_content(const SmallFile& small) {
    SpanSource source(small.content);
    stream_source(small.input, source, small.content);
  }

  void stream(const Input& input) {
    std::uint64_t offset = 0;
    CallbackSource source([&](MutableByteSpan out) {
      const std::size_t n = input.file->read_at(offset, out);
      offset += n;
      return n;
    });
    Bytes start(32);  // more than the header of a frame
    start.resize(input.file->read_at(0, start));
    stream_source(input, source, start);
  }

  void stream_source(const Input& input, Source& source, ByteSpan start) {
    if (direction_ == BatchDirection::kDecompress) {
      const auto problem = wrong_dictionary(start, codec_.dictionary());
      if (problem) throw std::runtime_error(*problem);
    }
    const auto output = new_result(input);
    FileSink file(output->fd(), FileOwnership::kBorrowed);
    CallbackSink sink([&](ByteSpan bytes) {
      return naming(input.output_path, [&] { return file.write(bytes); });
    });
    CallbackSource watched([&](MutableByteSpan out) {
      interruption_.check();
      const std::size_t n = source.read(out);
      progress_.add(n);
      return n;
    });
    const CompressingCopyResult copied =
        copy(watched, sink, static_cast<std::uint64_t>(input.status.st_size));
    if (input.file) check_unchanged(input);
    commit(input, *output, copied);
  }

  CompressingCopyResult copy(Source& source, Sink& sink, std::uint64_t size) {
    if (direction_ == BatchDirection::kCompress) {
      CompressingCopyOptions how;
      how.size = size;
      return codec_.compressor().copy_stream(source, sink, how);
    }
    const DecompressingCopyResult copied = codec_.decompressor().copy_stream(source, sink);
    return {copied.read, copied.written};
  }

  void commit(const Input& input, NewFile& output, const CompressingCopyResult& bytes) {
    put_in_place(input, output);
    ++totals_.items;
    totals_.input_bytes += bytes.read;
    totals_.output_bytes += bytes.written;
    if (options_.remove) remove(input);
  }

  void put_in_place(const Input& input, NewFile& output) const {
    try {
      output.make_like(input.status, input.access_list);
      output.commit(options_.force ? Existing::kReplace : Existing::kKeep,
                    options_.remove ? Durability::kNow : Durability::kLater);
    } catch (const std::system_error& error) {
      if (error.code().value() == EEXIST) throw;  // Said of the file, with what to do.
      rethrow_naming(input.output_path);
    }
  }

  static void remove(const Input& input) {
    // The path may lead to another directory by now, where the file may have a name as well.
    const os::UniqueFd directory = open_directory_of(input.path);
    const std::string name = os::split_path(input.path).name;
    struct stat status {};
    const bool there = same_object(status_of(directory), input.directory) &&
                       ::fstatat(directory.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
    if (!there || !same_version(status, input.status)) {
      throw std::runtime_error("was changed meanwhile and is kept");
    }
    if (::unlinkat(directory.get(), name.c_str(), 0) == 0) return;
    const std::error_code error(errno, std::generic_category());
    throw std::runtime_error("could not be removed: " + explain(error));
  }

  BatchCodec& codec_;
  const BatchDirection direction_;
  const FileBatchOptions& options_;
  const FileFailed& failed_;
  Progress& progress_;
  Interruption interruption_;
  std::set<std::string> outputs_;  // so that no result replaces another
  std::vector<SmallFile> group_;
  std::uint64_t group_bytes_ = 0;
  BatchTotals totals_;
};

}  // namespace

BatchTotals process_files(BatchCodec& codec, BatchDirection direction,
                          const FileBatchOptions& options, const FileFailed& failed,
                          Progress& progress) {
  return FileBatch(codec, direction, options, failed, progress).run();
}

}  // namespace zstdfs::tools
