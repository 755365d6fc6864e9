#pragma once

#include <optional>
#include <string>
#include <vector>

#include "fs/os/volume.hpp"
#include "zstdfs/bytes.hpp"

namespace zstdfs::store {

/// The largest dictionary that a store takes.
inline constexpr std::size_t kMaxDictionaryBytes = 2u << 20;

/// What of the two copies of a dictionary is there and is what it has to be.
struct DictionaryCopies {
  std::uint32_t id = 0;
  std::uint64_t hash = 0;   ///< XXH64 of the dictionary, as the names say
  std::uint64_t bytes = 0;  ///< 0 when neither copy is whole
  bool first_is_whole = false;
  bool second_is_whole = false;

  std::string first_path() const;  ///< below the store's root
  std::string second_path() const;
  bool usable() const { return first_is_whole || second_is_whole; }
  bool whole() const { return first_is_whole && second_is_whole; }
};

/// The files in `.zstdfs/dicts/`: docs/format.md, "Dictionaries". A dictionary never changes: it is
/// there twice, with its hash in both names, or it is not.
///
/// Thread safety: all methods may run concurrently, also with those of other processes, but for one
/// dictionary that is removed while it is installed.
/// Errors: std::system_error; others as said.
class DictionaryFiles {
 public:
  explicit DictionaryFiles(os::Volume& volume) : volume_(volume) {}

  /// All dictionaries, by id, with their copies verified.
  std::vector<DictionaryCopies> list() const;
  /// The dictionary with this id, from its second copy only where the first one is not whole, which
  /// is logged. Throws MissingDictionaryError.
  Bytes read(std::uint32_t id) const;

  /// Puts a dictionary into the store, and returns its id; also when it was there before, and then
  /// makes good what is missing of it. Durable when it returns. Throws std::invalid_argument when
  /// `content` is no dictionary that frames can name, is too large, or has the id of another one.
  std::uint32_t install(ByteSpan content);
  /// Makes the copy that is not whole anew from the other one. Returns false when nothing had to be
  /// done. Throws MissingDictionaryError when neither is whole.
  bool restore(std::uint32_t id);
  /// Removes both copies, after all that is in the lower filesystem is durable: a loss of power
  /// must not bring back a file that needed it. Returns false when there was none. That no file
  /// needs it now, is for the caller to know.
  bool remove(std::uint32_t id);

 private:
  os::Volume& volume_;
};

/// The id in a name that a dictionary's file can have; nothing for other names.
std::optional<std::uint32_t> dictionary_id_of(const std::string& name);
/// Whether a file of this name is left from an installation that was interrupted.
bool is_unfinished_dictionary(const std::string& name);

}  // namespace zstdfs::store
