#include "fs/store/control.hpp"

namespace zstdfs::store {
namespace {

std::uint32_t bit(Setting setting) {
  return std::uint32_t{1} << static_cast<unsigned>(setting);
}

}  // namespace

RecompressRequest request_for(const SettingsChoice& choice) {
  RecompressRequest request;
  for (const Setting setting : kAllSettings) {
    if (choice.has(setting)) request.chosen |= bit(setting);
  }
  Settings settings;
  choice.apply_to(settings);
  request.level = settings.level;
  request.chunk_bytes = settings.chunk_bytes;
  request.dictionary_id = settings.dictionary_id;
  request.raw = settings.form == Settings::Form::kRaw;
  request.saving_bytes = settings.saving == Settings::Saving::kBytes;
  request.long_distance_matching = settings.long_distance_matching;
  return request;
}

SettingsChoice choice_in(const RecompressRequest& request) {
  SettingsChoice choice;
  const auto chosen = [&request](Setting setting) { return (request.chosen & bit(setting)) != 0; };
  if (chosen(Setting::kStore)) {
    choice.form = request.raw != 0 ? Settings::Form::kRaw : Settings::Form::kCompressed;
  }
  if (chosen(Setting::kSaving)) {
    choice.saving =
        request.saving_bytes != 0 ? Settings::Saving::kBytes : Settings::Saving::kBlocks;
  }
  if (chosen(Setting::kLevel)) choice.level = request.level;
  if (chosen(Setting::kChunkSize)) choice.chunk_bytes = request.chunk_bytes;
  if (chosen(Setting::kDictionary)) choice.dictionary_id = request.dictionary_id;
  if (chosen(Setting::kLongDistanceMatching)) {
    choice.long_distance_matching = request.long_distance_matching != 0;
  }
  return choice;
}

}  // namespace zstdfs::store
