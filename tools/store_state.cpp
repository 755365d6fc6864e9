#include "tools/store_state.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <nlohmann/json.hpp>
#include <system_error>

#include "fs/store/store.hpp"
#include "fs/store/store_directory.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::tools {
namespace {

/// Far more than store.json ever needs; a larger file is not one of ours.
constexpr std::uint64_t kMaxStoreFileBytes = 1u << 20;

std::string in_store(const char* name) {
  return std::string(store::kStoreDirectory) + "/" + name;
}

bool exists(os::Volume& volume, const std::string& path) {
  try {
    volume.stat(path);
    return true;
  } catch (const std::system_error& error) {
    if (error.code().value() == ENOENT) return false;
    throw;
  }
}

std::string read_text(const os::File& file) {
  std::string text(static_cast<std::size_t>(std::min(file.size(), kMaxStoreFileBytes)), '\0');
  const std::span<char> chars(text);
  text.resize(file.read_at(0, std::as_writable_bytes(chars)));
  return text;
}

/// A file of JSON; a discarded value when it is missing or is something else.
nlohmann::json read_json(os::Volume& volume, const char* name) {
  const std::unique_ptr<os::File> file = volume.open(in_store(name), os::OpenMode::kRead);
  constexpr bool kThrowOnError = false;
  return nlohmann::json::parse(file ? read_text(*file) : "", nullptr, kThrowOnError);
}

/// Fills in what store.json says, or what is wrong with it.
void read_store_file(os::Volume& volume, StoreState& state) {
  if (!exists(volume, in_store("store.json"))) {
    state.damage = "is missing; the next mount writes a new one";
    return;
  }
  const nlohmann::json json = read_json(volume, "store.json");
  if (!json.is_object()) {
    state.damage = "is not a JSON object";
    return;
  }
  const auto format = json.find("format");
  if (format == json.end() || !format->is_number_integer() || *format < 1) {
    state.damage = "has no valid \"format\"";
    return;
  }
  if (*format > store::kStoreFormat) {
    throw NewerFormatError("the store has format " + format->dump() +
                           ", which is newer than this program: use a newer zstdfs");
  }
  const auto id = json.find("id");
  if (id != json.end() && id->is_string()) state.id = id->get<std::string>();
}

/// Whether the file `state` says that the last daemon finished. As to the daemon, anything but a
/// clear word means that it did not.
bool was_shut_down(os::Volume& volume) {
  const nlohmann::json state = read_json(volume, "state");
  if (!state.is_object()) return false;
  const auto clean = state.find("clean");
  return clean != state.end() && clean->is_boolean() && clean->get<bool>();
}

}  // namespace

bool has_store(os::Volume& volume) {
  return exists(volume, store::kStoreDirectory);
}

StoreState read_store_state(os::Volume& volume) {
  StoreState state;
  read_store_file(volume, state);
  state.interrupted = !was_shut_down(volume);
  if (exists(volume, in_store("journal"))) {
    for (const os::DirectoryEntry& entry : volume.list(in_store("journal"))) {
      state.journal.push_back(entry.name);
    }
  }
  std::sort(state.journal.begin(), state.journal.end());
  return state;
}

std::string describe_process(pid_t process) {
  if (process <= 0) return "unknown";
  const std::string number = std::to_string(process);
  std::ifstream comm("/proc/" + number + "/comm");
  std::string name;
  return std::getline(comm, name) ? number + " (" + name + ")" : number;
}

}  // namespace zstdfs::tools
