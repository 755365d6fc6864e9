#include "tests/soak/tree_model.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <climits>

#include "tests/mount/files.hpp"

namespace zstdfs::soak {
namespace {

std::string target_of(const std::string& path) {
  std::string target(PATH_MAX, '\0');
  const long length =
      mounttest::check(::readlink(path.c_str(), target.data(), target.size()), "readlink " + path);
  target.resize(static_cast<std::size_t>(length));
  return target;
}

void add_names(const std::string& root, const std::string& below, FoundNames& found) {
  const std::string directory = below.empty() ? root : root + "/" + below;
  for (const std::string& name : mounttest::names_in(directory)) {
    const std::string path = below.empty() ? name : below + "/" + name;
    const struct stat status = mounttest::status_of(root + "/" + path);
    FoundNode node{Node::Kind::kFile, status.st_ino, {}};
    if (S_ISDIR(status.st_mode)) node.kind = Node::Kind::kDirectory;
    if (S_ISLNK(status.st_mode)) {
      node.kind = Node::Kind::kSymlink;
      node.target = target_of(root + "/" + path);
    }
    found.emplace(path, node);
    if (node.kind == Node::Kind::kDirectory) add_names(root, path, found);
  }
}

}  // namespace

FoundNames find_names(const std::string& directory) {
  FoundNames found;
  add_names(directory, "", found);
  return found;
}

std::string different(const Names& names, const FoundNames& found) {
  for (const auto& [path, node] : names) {
    const auto there = found.find(path);
    if (there == found.end()) return path + " is missing";
    if (there->second.kind != node.kind) return path + " is of another kind";
    if (there->second.target != node.target) return path + " leads to " + there->second.target;
    if (node.file && node.file->inode != 0 && node.file->inode != there->second.inode) {
      return path + " has the inode " + std::to_string(there->second.inode) + ", expected " +
             std::to_string(node.file->inode);
    }
  }
  for (const auto& [path, node] : found) {
    if (names.find(path) == names.end()) return path + " should not be there";
  }
  return "";
}

std::uint64_t count_links(const Names& names, const FileModel& file) {
  std::uint64_t count = 0;
  for (const auto& [path, node] : names) {
    if (node.file.get() == &file) ++count;
  }
  return count;
}

std::string directory_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

void move_name(Names& names, const std::string& path, const std::string& to) {
  Names moved;
  for (auto it = names.begin(); it != names.end();) {
    const bool below = it->first.starts_with(path + "/");
    if (it->first != path && !below) {
      ++it;
      continue;
    }
    moved.emplace(to + it->first.substr(path.size()), std::move(it->second));
    it = names.erase(it);
  }
  names.merge(moved);
}

}  // namespace zstdfs::soak
