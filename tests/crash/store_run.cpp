#include "tests/crash/store_run.hpp"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include "tests/crash/faulty_content.hpp"

namespace zstdfs::test {
namespace {

store::StoreOptions options_for_tests() {
  store::StoreOptions options;
  // Small chunks, so that small files have many.
  options.settings.chunk_bytes = kMinChunkBytes;
  options.compression_threads = 1;
  options.settle_in_background = false;
  return options;
}

store::FileKey key_of(const os::File& file) {
  const struct stat status = file.stat();
  return {.device = status.st_dev, .inode = status.st_ino};
}

}  // namespace

StoreRun::StoreRun() {
  open_store();
}

void StoreRun::open_store() {
  store_ = store::Store::open(disk_.volume(), options_for_tests());
  volume_ = disk_.volume();
}

std::shared_ptr<store::StoredFile> StoreRun::open_stored(const std::string& path) {
  auto backing = volume_->open(path, os::OpenMode::kReadWrite);
  const store::FileKey key = key_of(*backing);
  return store_->open_file(key, store::ForWriting::kYes, [&] { return std::move(backing); });
}

StoreRun::File& StoreRun::file(const std::string& path) {
  Name& name = names_[path];
  if (!name.candidates.back()) {
    name.candidates.push_back(std::make_shared<File>());
    volume_->create(path, 0644);
    name.done = name.candidates.size() - 1;
  } else if (name.done != name.candidates.size() - 1) {
    // Making it failed the last time.
    if (!volume_->open(path, os::OpenMode::kRead)) volume_->create(path, 0644);
    name.done = name.candidates.size() - 1;
  }
  File& found = *name.candidates.back();
  if (!found.open) found.open = open_stored(path);
  return found;
}

void StoreRun::change(const std::string& path, Bytes after,
                      const std::function<void(File&)>& call) {
  File& changed = file(path);
  changed.history->change(std::move(after));
  call(changed);
}

void StoreRun::write(const std::string& path, std::uint64_t offset, ByteSpan bytes) {
  const Bytes& before = file(path).history->last();
  change(path, overwritten(before, static_cast<std::size_t>(offset), bytes),
         [&](File& changed) { changed.open->write(offset, bytes); });
}

void StoreRun::append(const std::string& path, ByteSpan bytes) {
  write(path, file(path).history->last().size(), bytes);
}

void StoreRun::truncate(const std::string& path, std::uint64_t bytes) {
  Bytes after = file(path).history->last();
  after.resize(static_cast<std::size_t>(bytes));
  change(path, std::move(after), [&](File& changed) { changed.open->truncate(bytes); });
}

void StoreRun::punch_hole(const std::string& path, ByteRange range) {
  const Bytes& before = file(path).history->last();
  const std::uint64_t end = std::min<std::uint64_t>(range.end(), before.size());
  change(path,
         overwritten(before, static_cast<std::size_t>(range.offset),
                     Bytes(static_cast<std::size_t>(end - range.offset))),
         [&](File& changed) { changed.open->punch_hole(range); });
}

void StoreRun::recompress(const std::string& path, const store::SettingsChoice& choice) {
  file(path).open->recompress(choice);
}

void StoreRun::flush(const std::string& path) {
  File& flushed = file(path);
  flushed.open->flush();
  flushed.history->flushed();
}

void StoreRun::sync(const std::string& path) {
  File& synced = file(path);
  synced.open->sync(os::SyncKind::kData);
  synced.history->synced();
}

void StoreRun::close(const std::string& path) {
  flush(path);
  store_->close_file(std::exchange(file(path).open, nullptr));
}

void StoreRun::make(const std::string& path, ByteSpan bytes) {
  write(path, 0, bytes);
  sync(path);
  sync_names();
  close(path);
}

void StoreRun::rename(const std::string& from, const std::string& to) {
  Name& source = names_[from];
  Name& target = names_[to];
  const auto replaced = volume_->open(to, os::OpenMode::kRead);
  const std::shared_ptr<File> moved = source.candidates.back();
  target.candidates.push_back(moved);
  source.candidates.push_back(nullptr);
  try {
    volume_->rename(from, to);
  } catch (const std::system_error&) {
    target.candidates.pop_back();
    source.candidates.pop_back();
    throw;
  }
  target.done = target.candidates.size() - 1;
  source.done = source.candidates.size() - 1;
  if (replaced) store_->unlinked(key_of(*replaced));
}

void StoreRun::sync_names() {
  volume_->sync_directory("");
  for (auto& [path, name] : names_) name.synced = name.done;
}

void StoreRun::settle() {
  store_->settle_now();
}

void StoreRun::work_in_background() {
  // Promises nothing new: the last change may be one that failed.
  for (const std::string& path : paths()) {
    const File& file = *names_[path].candidates.back();
    if (file.open) file.open->flush();
  }
  settle();
}

void StoreRun::remount() {
  for (auto& [path, name] : names_) {
    if (name.candidates.back() && name.candidates.back()->open) close(path);
  }
  const bool clean = store_->shut_down();
  store_.reset();
  if (!clean) throw std::runtime_error("the store was not shut down cleanly");
  for (auto& [path, name] : names_) {
    name.synced = name.done;
    if (name.candidates.back()) name.candidates.back()->history->synced();
  }
  open_store();
}

void StoreRun::lose(Survival survival) {
  for (auto& [path, name] : names_) {
    for (const auto& candidate : name.candidates) {
      if (candidate) candidate->open.reset();
    }
  }
  disk_.cut_power_now();
  store_.reset();
  volume_.reset();
  disk_.restart(survival);
}

Bytes StoreRun::read_all(const std::string& path) {
  auto backing = volume_->open(path, os::OpenMode::kRead);
  struct stat shown = backing->stat();
  const store::FileKey key = key_of(*backing);
  store_->present(
      shown, [&](struct stat& status) { status = volume_->stat(path); },
      [&] { return volume_->open(path, os::OpenMode::kRead); });
  const auto opened =
      store_->open_file(key, store::ForWriting::kNo, [&] { return std::move(backing); });
  Bytes content(static_cast<std::size_t>(opened->logical_bytes()) + 1);
  content.resize(opened->read(0, content));
  store_->close_file(opened);
  if (static_cast<std::uint64_t>(shown.st_size) != content.size()) {
    throw std::runtime_error("shown with " + std::to_string(shown.st_size) +
                             " bytes, but it reads as " + std::to_string(content.size()));
  }
  return content;
}

void StoreRun::write_all_again() {
  for (const std::string& path : paths()) {
    const Bytes content = file(path).history->last();
    truncate(path, 0);
    write(path, 0, content);
    try {
      sync(path);
    } catch (const std::system_error&) {
      // A sync of the whole filesystem that failed has left the file an error. It is told once.
      sync(path);
    }
    close(path);
  }
  sync_names();
}

bool StoreRun::has_lost_its_beginning(const std::string& path) const {
  const Bytes stored = disk_.content(path).value_or(Bytes());
  const auto sector = ByteSpan(stored).first(std::min<std::size_t>(stored.size(), kSectorBytes));
  return !sector.empty() && std::all_of(sector.begin(), sector.end(),
                                        [](std::byte byte) { return byte == std::byte{0}; });
}

std::string StoreRun::complaint(const std::string& path, const Name& name, Loss loss) {
  const std::size_t promised = loss == Loss::kKill ? name.done : name.synced;
  const auto first = name.candidates.begin() + static_cast<std::ptrdiff_t>(promised);
  if (!volume_->open(path, os::OpenMode::kRead)) {
    const bool may_be_missing =
        std::find(first, name.candidates.end(), nullptr) != name.candidates.end();
    return may_be_missing ? "" : "missing";
  }
  const Bytes found = read_all(path);
  const bool forgiven =
      loss == Loss::kPower && forgive_lost_beginnings_ && has_lost_its_beginning(path);
  std::string text = "there, but was removed";
  for (auto candidate = first; candidate != name.candidates.end(); ++candidate) {
    if (!*candidate) continue;
    if (forgiven && (*candidate)->history->may_be_empty()) return "";
    text = (*candidate)->history->complaint(found, loss);
    if (text.empty()) return "";
  }
  return text;
}

std::string StoreRun::complaints(Loss loss) {
  std::string text;
  for (const auto& [path, name] : names_) {
    std::string line;
    try {
      line = complaint(path, name, loss);
    } catch (const std::exception& error) {
      line = std::string("cannot be read: ") + error.what();
    }
    if (!line.empty()) text += path + ": " + line + "\n";
  }
  return text;
}

void StoreRun::accept_what_is_there() {
  for (auto& [path, name] : names_) {
    name = Name();
    if (!volume_->open(path, os::OpenMode::kRead)) continue;
    const auto found = std::make_shared<File>();
    found->history->change(read_all(path));
    name.candidates.push_back(found);
    name.done = name.candidates.size() - 1;
    sync(path);
  }
  sync_names();
}

std::vector<std::string> StoreRun::paths() const {
  std::vector<std::string> out;
  for (const auto& [path, name] : names_) {
    if (name.candidates.back()) out.push_back(path);
  }
  return out;
}

std::string StoreRun::differences() {
  std::string text;
  for (const auto& [path, name] : names_) {
    if (!name.candidates.back()) continue;
    try {
      const Bytes found = read_all(path);
      const Bytes& wanted = name.candidates.back()->history->last();
      if (found == wanted) continue;
      const auto [at, other] =
          std::mismatch(found.begin(), found.end(), wanted.begin(), wanted.end());
      text += path + ": " + std::to_string(found.size()) + " bytes, wanted " +
              std::to_string(wanted.size()) + "; first difference at " +
              std::to_string(at - found.begin()) + "\n";
    } catch (const std::exception& error) {
      text += path + ": cannot be read: " + error.what() + "\n";
    }
  }
  return text;
}

}  // namespace zstdfs::test
