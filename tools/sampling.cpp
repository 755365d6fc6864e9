#include "tools/sampling.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <random>
#include <set>
#include <system_error>

#include "fs/store/store_paths.hpp"
#include "tools/first_names.hpp"
#include "tools/logical_content.hpp"
#include "tools/mount_map.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "tools/sample_reservoir.hpp"
#include "tools/store_dictionaries.hpp"
#include "tools/tree_walk.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/zero_frame.hpp"

namespace zstdfs::tools {
namespace {

/// Whether stored files are met as they are, or through a mount, where content that looks like a
/// container is somebody's content.
enum class View { kStored, kMounted };

Bytes read_piece(const RandomAccessSource& content, ByteRange piece) {
  Bytes bytes(static_cast<std::size_t>(piece.bytes));
  bytes.resize(content.read_at(piece.offset, bytes));  // the file may have become shorter
  if (all_zeros(bytes)) bytes.clear();
  return bytes;
}

class Sampler {
 public:
  Sampler(const SamplingOptions& options, const SamplingFailed& failed, Progress& bytes_read)
      : options_(options),
        failed_(failed),
        bytes_read_(bytes_read),
        reservoir_(options.max_bytes, options.seed),
        random_(~options.seed) {}

  /// A path of the command line.
  void sample_path(const std::string& path) {
    try {
      view_ = find_backing(path) ? View::kMounted : View::kStored;
      dictionaries_ = std::make_unique<StoreDictionaries>(path);
      struct stat status {};
      if (::stat(path.c_str(), &status) != 0) {
        throw std::system_error(errno, std::generic_category());
      }
      if (S_ISDIR(status.st_mode)) return sample_tree(path);
    } catch (const std::exception& error) {
      return report(path, error);
    }
    sample_file(AT_FDCWD, path, path, FollowLinks::kYes);
  }

  SampleSet take() {
    result_.candidates = reservoir_.candidates();
    result_.samples = reservoir_.take();
    return std::move(result_);
  }

 private:
  void report(const std::string& path, const std::exception& error) {
    failed_(path, explain(error));
  }

  void sample_tree(const std::string& root) {
    const std::string prefix = root.ends_with('/') ? root : root + "/";
    walk_tree(open_directory(AT_FDCWD, root, FollowLinks::kYes),
              {[&](const WalkEntry& entry) { return visit(entry, prefix); },
               [&](const std::string& path, const std::error_code& error) {
                 failed_(prefix + path, explain(error));
               }});
  }

  Descend visit(const WalkEntry& entry, const std::string& prefix) {
    if (S_ISDIR(entry.status.st_mode)) {
      const bool own = entry.path == store::kStoreDirectory;
      return !own && options_.filter.enters_directory(entry.path) ? Descend::kYes : Descend::kNo;
    }
    if (S_ISREG(entry.status.st_mode) && options_.filter.takes_file(entry.path)) {
      sample_file(entry.directory_fd, entry.name, prefix + entry.path, FollowLinks::kNo);
    }
    return Descend::kYes;
  }

  void sample_file(int directory_fd, const std::string& name, const std::string& path,
                   FollowLinks follow) {
    try {
      auto file = open_regular(directory_fd, name, follow);
      if (!first_names_.add(file->stat())) return;
      const std::unique_ptr<RandomAccessSource> content =
          view_ == View::kStored ? open_logical_content(std::move(file), *dictionaries_)
                                 : std::move(file);
      ++result_.files;
      result_.logical_bytes += content->size();
      if (options_.records) {
        sample_records(*content);
      } else {
        sample_chunks(*content);
      }
    } catch (const std::exception& error) {
      report(path, error);
    }
  }

  void sample_chunks(const RandomAccessSource& content) {
    for (const std::uint64_t chunk : choose_chunks(content.size())) {
      const std::uint64_t offset = chunk * options_.chunk_bytes;
      const ByteRange piece{offset, std::min(options_.chunk_bytes, content.size() - offset)};
      reservoir_.offer(piece.bytes, [&] { return read_piece(content, piece); });
      bytes_read_.add(piece.bytes);
    }
  }

  /// Numbers of the chunks of a file that become candidates.
  std::set<std::uint64_t> choose_chunks(std::uint64_t file_bytes) {
    const std::uint64_t chunks = (file_bytes + options_.chunk_bytes - 1) / options_.chunk_bytes;
    std::set<std::uint64_t> chosen;
    for (std::uint64_t i = 0; i < std::min(chunks, kMaxChunksOfFile); ++i) chosen.insert(i);
    if (chunks <= kMaxChunksOfFile) return chosen;
    chosen = {0};
    while (chosen.size() < kMaxChunksOfFile) chosen.insert(random_() % chunks);
    return chosen;
  }

  void sample_records(const RandomAccessSource& content) {
    std::uint64_t offset = 0;
    CallbackSource stream([&](MutableByteSpan out) {
      const std::size_t n = content.read_at(offset, out);
      offset += n;
      bytes_read_.add(n);
      return n;
    });
    RecordReader reader(stream, *options_.records, kMaxChunkBytes);
    while (auto record = reader.next()) {
      Bytes& bytes = record->content;
      if (bytes.size() > options_.chunk_bytes) bytes.resize(options_.chunk_bytes);
      if (!bytes.empty()) reservoir_.offer(bytes.size(), [&] { return std::move(bytes); });
    }
  }

  const SamplingOptions& options_;
  const SamplingFailed& failed_;
  Progress& bytes_read_;
  SampleReservoir reservoir_;
  std::mt19937_64 random_;  // apart from the reservoir's, so that neither disturbs the other
  View view_ = View::kStored;
  std::unique_ptr<StoreDictionaries> dictionaries_;
  FirstNames first_names_;
  SampleSet result_;
};

}  // namespace

SampleSet draw_samples(const SamplingOptions& options, const SamplingFailed& failed,
                       Progress& bytes_read) {
  Sampler sampler(options, failed, bytes_read);
  for (const std::string& path : options.paths) sampler.sample_path(path);
  return sampler.take();
}

}  // namespace zstdfs::tools
