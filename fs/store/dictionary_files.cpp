#include "fs/store/dictionary_files.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <stdexcept>
#include <string_view>
#include <system_error>

#include "fs/store/log.hpp"
#include "fs/store/store_paths.hpp"
#include "zstdfs/container_header.hpp"
#include "zstdfs/dictionary.hpp"
#include "zstdfs/errors.hpp"

namespace zstdfs::store {
namespace {

constexpr std::string_view kFirstSuffix = ".zdict";
constexpr std::string_view kSecondSuffix = ".copy";
constexpr std::string_view kUnfinishedSuffix = ".new";
constexpr std::size_t kHashDigits = 16;
constexpr mode_t kDirectoryMode = 0700;
constexpr mode_t kFileMode = 0600;

/// A dictionary as its files name it: `ID-HASH.zdict` and `ID-HASH.copy`.
struct Name {
  std::uint32_t id = 0;
  std::uint64_t hash = 0;
  std::string_view suffix = kFirstSuffix;

  std::string file_name() const {
    char text[64];
    std::snprintf(text, sizeof text, "%u-%016llx", id, static_cast<unsigned long long>(hash));
    return text + std::string(suffix);
  }
  std::string path() const { return std::string(kDictionaryDirectory) + "/" + file_name(); }
  Name first() const { return {id, hash, kFirstSuffix}; }
  Name second() const { return {id, hash, kSecondSuffix}; }
};

std::optional<Name> parse_name(std::string_view text) {
  Name name;
  const char* const end = text.data() + text.size();
  const auto number = std::from_chars(text.data(), end, name.id);
  if (number.ec != std::errc() || number.ptr == end || *number.ptr != '-') return std::nullopt;
  const char* const hash_begin = number.ptr + 1;
  const auto hash = std::from_chars(hash_begin, end, name.hash, 16);
  if (hash.ec != std::errc() || hash.ptr != hash_begin + kHashDigits) return std::nullopt;
  const std::string_view suffix(hash.ptr, static_cast<std::size_t>(end - hash.ptr));
  if (suffix != kFirstSuffix && suffix != kSecondSuffix) return std::nullopt;
  name.suffix = suffix == kFirstSuffix ? kFirstSuffix : kSecondSuffix;
  if (name.id == 0 || name.file_name() != text) return std::nullopt;
  return name;
}

std::vector<Name> names_in(os::Volume& volume) {
  std::vector<Name> names;
  try {
    for (const os::DirectoryEntry& entry : volume.list(kDictionaryDirectory)) {
      if (entry.type != os::DirectoryEntry::Type::kRegular) continue;
      if (const auto name = parse_name(entry.name)) names.push_back(*name);
    }
  } catch (const std::system_error& error) {
    if (error.code().value() != ENOENT) throw;
  }
  return names;
}

/// The content of a copy that is whole; nothing for one that is missing or is not.
std::optional<Bytes> read_copy(os::Volume& volume, const Name& name) {
  const auto file = volume.open(name.path(), os::OpenMode::kRead);
  if (!file || file->size() > kMaxDictionaryBytes) return std::nullopt;
  Bytes content(static_cast<std::size_t>(file->size()));
  content.resize(file->read_at(0, content));
  if (hash64(content) != name.hash) return std::nullopt;
  return content;
}

void write_copy(os::Volume& volume, const Name& name, ByteSpan content) {
  const std::string unfinished = name.path() + std::string(kUnfinishedSuffix);
  volume.remove(unfinished);
  const auto file = volume.create(unfinished, kFileMode);
  try {
    file->write_at(0, content);
    file->sync(os::SyncKind::kData);
    volume.rename(unfinished, name.path());
  } catch (const std::system_error&) {
    volume.remove(unfinished);
    throw;
  }
}

/// Its id, when it is a dictionary that frames can name and that both directions can use.
std::uint32_t id_of(ByteSpan content) {
  if (content.size() > kMaxDictionaryBytes) {
    throw std::invalid_argument("the dictionary has " + std::to_string(content.size()) +
                                " bytes; the most are " + std::to_string(kMaxDictionaryBytes));
  }
  try {
    const ZstdCompressionDict dictionary(content, DictType::kFullDict);
    dictionary.digested();
    dictionary.digested_for(kDefaultLevel);
    if (dictionary.dict_id() != 0) return dictionary.dict_id();
  } catch (const ZstdError&) {
    throw std::invalid_argument("is no zstd dictionary, or is damaged");
  }
  throw std::invalid_argument("the dictionary has no id, so frames could not name it");
}

}  // namespace

std::string DictionaryCopies::first_path() const {
  return Name{id, hash}.first().path();
}

std::string DictionaryCopies::second_path() const {
  return Name{id, hash}.second().path();
}

std::optional<std::uint32_t> dictionary_id_of(const std::string& name) {
  const auto parsed = parse_name(name);
  return parsed ? std::optional(parsed->id) : std::nullopt;
}

bool is_unfinished_dictionary(const std::string& name) {
  return name.ends_with(kUnfinishedSuffix) &&
         parse_name(std::string_view(name).substr(0, name.size() - kUnfinishedSuffix.size()));
}

std::vector<DictionaryCopies> DictionaryFiles::list() const {
  std::vector<DictionaryCopies> found;
  for (const Name& name : names_in(volume_)) {
    auto known = std::find_if(found.begin(), found.end(), [&name](const DictionaryCopies& copies) {
      return copies.id == name.id && copies.hash == name.hash;
    });
    if (known == found.end()) known = found.insert(found.end(), {name.id, name.hash});
    const auto content = read_copy(volume_, name);
    if (!content) continue;
    known->bytes = content->size();
    (name.suffix == kFirstSuffix ? known->first_is_whole : known->second_is_whole) = true;
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) {
    return std::pair(a.id, a.hash) < std::pair(b.id, b.hash);
  });
  return found;
}

Bytes DictionaryFiles::read(std::uint32_t id) const {
  bool named = false;
  for (const Name& name : names_in(volume_)) {
    if (name.id != id) continue;
    named = true;
    if (auto content = read_copy(volume_, name.first())) return std::move(*content);
    if (auto content = read_copy(volume_, name.second())) {
      log(LogLevel::kWarning, name.first().path() +
                                  ": missing or damaged; the other copy is used; run zstdfs fsck "
                                  "--repair when the store is not mounted");
      return std::move(*content);
    }
  }
  throw MissingDictionaryError(
      id, (named ? "both of its copies in " + std::string(kDictionaryDirectory) + " are damaged"
                 : "it is not in " + std::string(kDictionaryDirectory)) +
              "; import it from an export (zstdfs dict import)");
}

std::uint32_t DictionaryFiles::install(ByteSpan content) {
  const std::uint32_t id = id_of(content);
  const Name name{id, hash64(content)};
  for (const Name& other : names_in(volume_)) {
    if (other.id == id && other.hash != name.hash) {
      throw std::invalid_argument("the store has another dictionary with the id " +
                                  std::to_string(id));
    }
  }
  if (volume_.make_directory(kDictionaryDirectory, kDirectoryMode)) {
    volume_.sync_directory(kStoreDirectory);
  }
  for (const Name& copy : {name.second(), name.first()}) {
    if (!read_copy(volume_, copy)) write_copy(volume_, copy, content);
  }
  volume_.sync_directory(kDictionaryDirectory);
  return id;
}

bool DictionaryFiles::restore(std::uint32_t id) {
  const Bytes content = read(id);
  const Name name{id, hash64(content)};
  bool restored = false;
  for (const Name& copy : {name.first(), name.second()}) {
    if (read_copy(volume_, copy)) continue;
    write_copy(volume_, copy, content);
    restored = true;
  }
  if (restored) volume_.sync_directory(kDictionaryDirectory);
  return restored;
}

bool DictionaryFiles::remove(std::uint32_t id) {
  volume_.sync_filesystem();
  bool removed = false;
  for (const Name& name : names_in(volume_)) {
    if (name.id == id) removed = volume_.remove(name.path()) || removed;
  }
  if (removed) volume_.sync_directory(kDictionaryDirectory);
  return removed;
}

}  // namespace zstdfs::store
