#include "tests/power_cut/promises.hpp"

#include <algorithm>
#include <cstring>
#include <sstream>
#include <stdexcept>

namespace zstdfs::powercut {
namespace {

std::uint64_t blocks_of(std::uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes;
}

template <typename T>
void keep_last(std::vector<T>& all) {
  all.erase(all.begin(), all.end() - 1);
}

}  // namespace

void FileHistory::change_block(std::uint64_t block, BlockState state) {
  if (block >= blocks_.size()) blocks_.resize(static_cast<std::size_t>(block) + 1, {BlockState{}});
  blocks_[block].push_back(state);
  changed_.insert(block);
}

void FileHistory::note_end() {
  if (size() % kBlockBytes != 0) ends_[size() / kBlockBytes].insert(size() % kBlockBytes);
}

void FileHistory::write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version) {
  const std::uint64_t end = offset + bytes;
  note_end();
  for (std::uint64_t block = offset / kBlockBytes; block < blocks_of(end); ++block) {
    change_block(block, {version, std::min(kBlockBytes, end - block * kBlockBytes)});
  }
  if (end > size()) sizes_.push_back({size(), end});
}

void FileHistory::truncate(std::uint64_t bytes) {
  for (std::uint64_t block = bytes / kBlockBytes; block < blocks_.size(); ++block) {
    const BlockState last = blocks_[block].back();
    const std::uint64_t left =
        bytes > block * kBlockBytes ? std::min(last.bytes, bytes - block * kBlockBytes) : 0;
    if (left < last.bytes) change_block(block, {last.version, left});
  }
  sizes_.push_back({bytes, bytes});
}

void FileHistory::sync() {
  for (const std::uint64_t block : changed_) keep_last(blocks_[block]);
  changed_.clear();
  ends_.clear();
  sizes_ = {{size(), size()}};
}

const std::vector<FileHistory::BlockState>& FileHistory::states_of(std::uint64_t block) const {
  static const std::vector<BlockState> nothing(1);
  return block < blocks_.size() ? blocks_[block] : nothing;
}

Bytes FileHistory::content_of(std::uint64_t block, BlockState state) const {
  Bytes content = block_content({file_, block, state.version});
  std::fill(content.begin() + static_cast<std::ptrdiff_t>(state.bytes), content.end(),
            std::byte{0});
  return content;
}

bool FileHistory::may_hold(std::uint64_t block, ByteSpan bytes) const {
  std::vector<Bytes> contents;
  for (const BlockState& state : states_of(block)) contents.push_back(content_of(block, state));
  const auto may_hold_part = [&](std::size_t from, std::size_t to) {
    return std::any_of(contents.begin(), contents.end(), [&](const Bytes& content) {
      return std::memcmp(bytes.data() + from, content.data() + from, to - from) == 0;
    });
  };
  std::size_t from = 0;
  const auto ends = ends_.find(block);
  for (const std::uint64_t end : ends == ends_.end() ? std::set<std::uint64_t>() : ends->second) {
    const std::size_t to = std::min<std::size_t>(end, bytes.size());
    if (!may_hold_part(from, to)) return false;
    from = to;
  }
  return may_hold_part(from, bytes.size());
}

std::string FileHistory::describe(std::uint64_t block, ByteSpan bytes) const {
  std::string text =
      "block " + std::to_string(block) + " holds " + describe_block(bytes) + "; it may hold";
  for (const BlockState& state : states_of(block)) {
    const Bytes content = content_of(block, state);
    const auto first = std::mismatch(bytes.begin(), bytes.end(), content.begin()).first;
    text += " version " + std::to_string(state.version) + " (" + std::to_string(state.bytes) +
            " bytes, differs from byte " + std::to_string(first - bytes.begin()) + " on" + ")";
  }
  return text;
}

std::string FileHistory::complaint(ByteSpan content) const {
  const std::uint64_t bytes = content.size();
  const bool right_size = std::any_of(sizes_.begin(), sizes_.end(), [bytes](const Sizes& sizes) {
    return bytes >= sizes.lowest && bytes <= sizes.highest;
  });
  if (!right_size) {
    std::string text = "has " + std::to_string(bytes) + " bytes instead of ";
    for (const Sizes& sizes : sizes_) {
      text += std::to_string(sizes.lowest) + ".." + std::to_string(sizes.highest) + " ";
    }
    return text;
  }
  for (std::uint64_t block = 0; block < blocks_of(bytes); ++block) {
    const std::uint64_t at = block * kBlockBytes;
    const ByteSpan got = content.subspan(
        static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(kBlockBytes, bytes - at)));
    if (!may_hold(block, got)) return describe(block, got);
  }
  return {};
}

FileHistory& Promises::file(std::uint64_t number) {
  return files_.try_emplace(number, number).first->second;
}

void Promises::apply(std::string_view mark) {
  std::istringstream words{std::string(mark)};
  std::string what, path;
  std::uint64_t number = 0, offset = 0, bytes = 0, version = 0;
  words >> what;
  if (what == "name" && words >> path >> number) {
    auto& candidates = names_.try_emplace(path, 1, kNoFile).first->second;
    candidates.push_back(number);
    former_names_[path].push_back(number);
    file(number);
  } else if (what == "gone" && words >> path) {
    names_.at(path).push_back(kNoFile);
  } else if (what == "named" && words >> path) {
    keep_last(names_.at(path));
  } else if (what == "write" && words >> number >> offset >> bytes >> version) {
    file(number).write(offset, bytes, version);
  } else if (what == "size" && words >> number >> bytes) {
    file(number).truncate(bytes);
  } else if (what == "synced" && words >> number) {
    file(number).sync();
  } else if (what == "begin" && words >> path >> number) {
    databases_[path].begun = number;
  } else if (what == "done" && words >> path >> number) {
    databases_[path].promised = number;
  } else {
    throw std::runtime_error("not a mark: " + std::string(mark));
  }
}

bool Promises::came_back(const std::string& path, const Bytes& content) const {
  const auto former = former_names_.find(path);
  return former != former_names_.end() &&
         std::any_of(former->second.begin(), former->second.end(), [&](std::uint64_t number) {
           return files_.at(number).complaint(content).empty();
         });
}

std::string Promises::complaint(const std::string& path, const Bytes* content) const {
  const auto& candidates = names_.at(path);
  std::string text;
  for (auto it = candidates.rbegin(); it != candidates.rend(); ++it) {
    const bool absent = *it == kNoFile;
    if (absent && content == nullptr) return {};
    std::string why = absent ? "should be gone" : "";
    if (!absent && content == nullptr) why = "is missing";
    if (!absent && content != nullptr) {
      why = files_.at(*it).complaint(*content);
      if (why.empty()) return {};
      why = "as file " + std::to_string(*it) + " " + why;
    }
    text += (text.empty() ? "" : "; or ") + why;
  }
  const bool may_be_gone = std::count(candidates.begin(), candidates.end(), kNoFile) > 0;
  if (removed_names_ == RemovedNames::kMayComeBack && may_be_gone && content != nullptr &&
      came_back(path, *content)) {
    return {};
  }
  return path + ": " + text;
}

std::vector<std::string> Promises::complaints(const std::map<std::string, Bytes>& files) const {
  std::vector<std::string> all;
  for (const auto& [path, candidates] : names_) {
    const auto found = files.find(path);
    std::string text = complaint(path, found == files.end() ? nullptr : &found->second);
    if (!text.empty()) all.push_back(std::move(text));
  }
  for (const auto& [path, content] : files) {
    if (!names_.contains(path)) all.push_back(path + ": nobody made this file");
  }
  return all;
}

}  // namespace zstdfs::powercut
