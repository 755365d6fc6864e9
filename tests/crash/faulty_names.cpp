#include <algorithm>

#include "fs/os/posix_error.hpp"
#include "tests/crash/faulty_state.hpp"

namespace zstdfs::test {

using os::throw_error;

std::optional<InodeNumber> NameTree::find(std::string_view path) const {
  if (path.starts_with('/')) throw_error(EXDEV, std::string(path));
  InodeNumber at = kRootInode;
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const std::string name(path.substr(0, slash));
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
    if (name == "..") throw_error(EXDEV, name);
    if (!is_directory(at)) throw_error(ENOTDIR, name);
    if (name.empty() || name == ".") continue;
    const auto entry = entries(at).find(name);
    if (entry == entries(at).end()) return std::nullopt;
    at = entry->second;
  }
  return at;
}

NameTree::Place NameTree::place(const std::string& path) const {
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  const std::string parent = slash == std::string::npos ? "" : path.substr(0, slash);
  if (path.starts_with('/') || name == "..") throw_error(EXDEV, path);
  if (name.empty()) throw_error(EINVAL, path);
  const std::optional<InodeNumber> directory = find(parent);
  if (!directory) throw_error(ENOENT, path);
  if (!is_directory(*directory)) throw_error(ENOTDIR, path);
  return {.directory = *directory, .name = name};
}

std::string NameTree::path_of(InodeNumber inode) const {
  std::string path;
  while (inode != kRootInode) {
    bool found = false;
    for (const auto& [directory, entries] : current_) {
      const auto entry = std::find_if(entries.begin(), entries.end(),
                                      [&](const auto& each) { return each.second == inode; });
      if (entry == entries.end()) continue;
      path = path.empty() ? entry->first : entry->first + "/" + path;
      inode = directory;
      found = true;
      break;
    }
    if (!found) return "";
  }
  return path;
}

void NameTree::add(const Place& place, InodeNumber inode) {
  change({{.place = place, .inode = inode}});
}

void NameTree::add_directory(const Place& place, InodeNumber inode) {
  // An empty directory nobody can reach hurts nobody: only the name has to become durable.
  current_[inode];
  synced_[inode];
  add(place, inode);
}

void NameTree::remove(const Place& place) {
  change({{.place = place, .inode = std::nullopt}});
}

void NameTree::rename(const Place& from, const Place& to) {
  const InodeNumber inode = entries(from.directory).at(from.name);
  change({{.place = from, .inode = std::nullopt}, {.place = to, .inode = inode}});
}

void NameTree::change(Change change) {
  apply(change, current_);
  changes_.push_back(std::move(change));
}

void NameTree::apply(const Change& change, std::map<InodeNumber, Entries>& directories) {
  for (const Step& step : change) {
    Entries& entries = directories.at(step.place.directory);
    if (step.inode) {
      entries[step.place.name] = *step.inode;
    } else {
      entries.erase(step.place.name);
    }
  }
}

void NameTree::settle(const std::vector<bool>& marked) {
  std::vector<Change> rest;
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    if (marked[i]) {
      apply(changes_[i], synced_);
    } else {
      rest.push_back(std::move(changes_[i]));
    }
  }
  changes_ = std::move(rest);
}

void NameTree::sync(InodeNumber directory) {
  // A rename ties two directories together: what came before it in the other one has to be there
  // too. Hence backwards.
  std::set<InodeNumber> wanted = {directory};
  std::vector<bool> marked(changes_.size());
  for (std::size_t i = changes_.size(); i-- > 0;) {
    const Change& change = changes_[i];
    marked[i] = std::any_of(change.begin(), change.end(), [&](const Step& step) {
      return wanted.contains(step.place.directory);
    });
    if (!marked[i]) continue;
    for (const Step& step : change) wanted.insert(step.place.directory);
  }
  settle(marked);
}

void NameTree::sync_all() {
  settle(std::vector<bool>(changes_.size(), true));
}

void NameTree::keep_synced() {
  current_ = synced_;
  changes_.clear();
}

void NameTree::keep_random(Random& random) {
  // Each directory stops at some change; a change in two directories needs both.
  std::map<InodeNumber, std::uint64_t> left;
  for (const Change& change : changes_) {
    for (const Step& step : change) ++left[step.place.directory];
  }
  for (auto& [directory, count] : left) {
    const std::uint64_t choices[] = {0, count, random.below(count + 1)};
    count = choices[random.below(3)];
  }
  std::vector<bool> marked(changes_.size());
  for (std::size_t i = 0; i < changes_.size(); ++i) {
    const Change& change = changes_[i];
    marked[i] = std::all_of(change.begin(), change.end(),
                            [&](const Step& step) { return left[step.place.directory] > 0; });
    for (const Step& step : change) {
      std::uint64_t& count = left[step.place.directory];
      count = marked[i] ? count - std::min<std::uint64_t>(count, 1) : 0;
    }
  }
  settle(marked);
  keep_synced();
}

std::set<InodeNumber> NameTree::reachable() const {
  std::set<InodeNumber> found = {kRootInode};
  std::vector<InodeNumber> todo = {kRootInode};
  while (!todo.empty()) {
    const InodeNumber at = todo.back();
    todo.pop_back();
    if (!is_directory(at)) continue;
    for (const auto& [name, inode] : entries(at)) {
      if (found.insert(inode).second) todo.push_back(inode);
    }
  }
  return found;
}

}  // namespace zstdfs::test
