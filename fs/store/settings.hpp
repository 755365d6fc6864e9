#pragma once

#include <cstdint>

#include "zstdfs/container_header.hpp"

namespace zstdfs::store {

/// How a file's content is to be compressed. Policy rules and attributes decide it when a file is
/// first stored, and again when it is recompressed.
struct Settings {
  enum class Form {
    kCompressed,
    kRaw,  ///< stored verbatim, whatever compression would save
  };
  /// What compression has to save for a file to become a container.
  enum class Saving {
    kBlocks,  ///< a block of the lower filesystem
    kBytes,   ///< a byte: for what is kept in archives or sent elsewhere
  };

  Form form = Form::kCompressed;
  Saving saving = Saving::kBlocks;
  int level = kDefaultLevel;
  std::uint32_t chunk_bytes = kDefaultChunkBytes;
  std::uint32_t dictionary_id = 0;  ///< 0: none
  bool long_distance_matching = false;

  friend bool operator==(const Settings&, const Settings&) = default;
};

/// What a container with this header is written on with, and the other way round: of `settings`,
/// all but the form is in a header.
Settings settings_of(const ContainerHeader& header);
void put_settings(const Settings& settings, ContainerHeader& header);

}  // namespace zstdfs::store
