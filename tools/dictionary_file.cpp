#include "tools/dictionary_file.hpp"

#include <fcntl.h>

#include <stdexcept>

#include "tools/display.hpp"
#include "tools/named_errors.hpp"
#include "tools/safe_open.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

namespace zstdfs::tools {
namespace {

Bytes read_dictionary(const std::string& path) {
  const auto file = open_regular(AT_FDCWD, path, FollowLinks::kYes);
  if (file->size() > kMaxDictionaryBytes) {
    throw std::runtime_error("has " + format_bytes(file->size()) + "; a dictionary has at most " +
                             format_bytes(kMaxDictionaryBytes));
  }
  Bytes bytes(static_cast<std::size_t>(file->size()));
  bytes.resize(file->read_at(0, bytes));
  return bytes;
}

}  // namespace

std::shared_ptr<ZstdCompressionDict> load_dictionary(const std::string& path) {
  const auto fail = [&](const std::string& why) {
    return std::runtime_error(printable(path) + ": " + why);
  };
  const Bytes content = naming(path, [&] { return read_dictionary(path); });
  try {
    auto dictionary = std::make_shared<ZstdCompressionDict>(content, DictType::kFullDict);
    if (dictionary->dict_id() == 0) throw fail("the dictionary has no id; train another");
    return dictionary;
  } catch (const ZstdError&) {
    throw fail("is no zstd dictionary, or is damaged; \"zstdfs train\" makes one");
  }
}

std::optional<std::string> wrong_dictionary(ByteSpan frame, const ZstdCompressionDict* dictionary) {
  std::uint32_t needed = 0;
  try {
    needed = get_frame_parameters(frame).dict_id;
  } catch (const ZstdError&) {
    return std::nullopt;
  }
  const std::uint32_t given = dictionary == nullptr ? 0 : dictionary->dict_id();
  if (needed == 0 || needed == given) return std::nullopt;
  std::string text = "was compressed with the dictionary " + std::to_string(needed);
  if (given != 0) text += ", not with " + std::to_string(given);
  return text + "; give that with --dictionary-file";
}

}  // namespace zstdfs::tools
