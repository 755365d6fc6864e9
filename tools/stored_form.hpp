#pragma once

#include <cstdint>
#include <string>

#include "zstdfs/container.hpp"

namespace zstdfs::tools {

enum class Form { kRaw, kContainer };

enum class Condition {
  kSealed,       ///< header, seek table and size agree
  kInterrupted,  ///< being written, or a write was cut off; nothing that was durable is missing
  kDamaged,
};

/// How one file is stored, as its structure tells; the content is not verified.
struct StoredForm {
  Form form = Form::kRaw;
  std::uint64_t logical_bytes = 0;
  std::uint64_t stored_bytes = 0;
  /// Raw, and begins with a zstd frame: somebody's own .zst file, which the store keeps as it is.
  bool foreign_zstd = false;

  // Containers only:
  std::int32_t level = 0;
  std::uint32_t chunk_bytes = 0;
  std::uint32_t dictionary_id = 0;  ///< what it is written on with; 0 for none
  bool long_distance_matching = false;
  bool compact = false;  ///< written to save bytes rather than blocks
  std::uint64_t frames = 0;
  std::uint64_t zero_bytes = 0;  ///< logical bytes in zero frames (holes, zeros)
  Condition condition = Condition::kSealed;
  std::string damage;  ///< for people, when the condition is kDamaged
};

/// Throws NewerFormatError, MissingDictionaryError, std::system_error.
StoredForm examine(const RandomAccessSource& source, const DictionarySource& dictionaries);

/// The condition of a container that was loaded from a file of `stored_bytes`. Not being sealed is
/// no damage where the file's size shows that writing went on after the header was written, and
/// all frames are there that the header knows to have been on stable storage.
Condition condition_of(const LoadedContainer& container, std::uint64_t stored_bytes);

/// What is wrong with a container whose condition is kDamaged.
std::string describe_damage(const LoadedContainer& container);

/// Whether the first bytes are those of a zstd frame or a skippable one.
bool begins_with_zstd_frame(const RandomAccessSource& source);

/// "raw", "container".
std::string form_name(Form form);
/// "sealed", "interrupted", "damaged".
std::string condition_name(Condition condition);

}  // namespace zstdfs::tools
