#include "fs/store/settings.hpp"

namespace zstdfs::store {

Settings settings_of(const ContainerHeader& header) {
  Settings settings;
  settings.saving = header.compact ? Settings::Saving::kBytes : Settings::Saving::kBlocks;
  settings.level = header.level;
  settings.chunk_bytes = header.chunk_bytes;
  settings.dictionary_id = header.dictionary_id;
  settings.long_distance_matching = header.long_distance_matching;
  return settings;
}

void put_settings(const Settings& settings, ContainerHeader& header) {
  header.compact = settings.saving == Settings::Saving::kBytes;
  header.level = settings.level;
  header.chunk_bytes = settings.chunk_bytes;
  header.dictionary_id = settings.dictionary_id;
  header.long_distance_matching = settings.long_distance_matching;
}

}  // namespace zstdfs::store
