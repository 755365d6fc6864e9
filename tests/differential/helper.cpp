#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <string>
#include <vector>

#include "zstdfs/compressor.hpp"
#include "zstdfs/decompressor.hpp"
#include "zstdfs/errors.hpp"
#include "zstdfs/frame_parameters.hpp"

// Does what compare.py asks for: each line of the input is a JSON object that names an operation
// and its arguments, and gets one line in answer. Bytes are hexadecimal. An answer is
// {"result": ...} or {"error": {"kind", "code", "what"}}.

namespace zstdfs::differential {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kDigits = "0123456789abcdef";

Bytes bytes_in(const Json& value) {
  const auto& hex = value.get_ref<const std::string&>();
  Bytes bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const std::size_t high = kDigits.find(hex[i]);
    const std::size_t low = kDigits.find(hex[i + 1]);
    if (high == kDigits.npos || low == kDigits.npos) throw std::runtime_error("not hexadecimal");
    bytes.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return bytes;
}

std::string hex_of(ByteSpan bytes) {
  std::string hex;
  hex.reserve(2 * bytes.size());
  for (const std::byte byte : bytes) {
    hex.push_back(kDigits[std::to_integer<std::size_t>(byte >> 4)]);
    hex.push_back(kDigits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
  return hex;
}

void append_to(Bytes& out, ByteSpan more) {
  out.insert(out.end(), more.begin(), more.end());
}

/// An argument that may be missing or null.
template <typename T>
std::optional<T> optional_in(const Json& arguments, const char* name) {
  const auto found = arguments.find(name);
  if (found == arguments.end() || found->is_null()) return std::nullopt;
  return found->get<T>();
}

// The fields of parameters, by python-zstandard's names.
struct Field {
  const char* name;
  int CompressionParameterValues::*value;
  int (ZstdCompressionParameters::*get)() const;
};
struct Flag {
  const char* name;
  bool CompressionParameterValues::*value;
  bool (ZstdCompressionParameters::*get)() const;
};
using Values = CompressionParameterValues;
using Parameters = ZstdCompressionParameters;

constexpr Field kFields[] = {
    {"format", &Values::format, &Parameters::format},
    {"compression_level", &Values::compression_level, &Parameters::compression_level},
    {"window_log", &Values::window_log, &Parameters::window_log},
    {"hash_log", &Values::hash_log, &Parameters::hash_log},
    {"chain_log", &Values::chain_log, &Parameters::chain_log},
    {"search_log", &Values::search_log, &Parameters::search_log},
    {"min_match", &Values::min_match, &Parameters::min_match},
    {"target_length", &Values::target_length, &Parameters::target_length},
    {"strategy", &Values::strategy, &Parameters::strategy},
    {"job_size", &Values::job_size, &Parameters::job_size},
    {"overlap_log", &Values::overlap_log, &Parameters::overlap_log},
    {"ldm_hash_log", &Values::ldm_hash_log, &Parameters::ldm_hash_log},
    {"ldm_min_match", &Values::ldm_min_match, &Parameters::ldm_min_match},
    {"ldm_bucket_size_log", &Values::ldm_bucket_size_log, &Parameters::ldm_bucket_size_log},
    {"ldm_hash_rate_log", &Values::ldm_hash_rate_log, &Parameters::ldm_hash_rate_log},
    {"threads", &Values::threads, &Parameters::threads},
};
constexpr Flag kFlags[] = {
    {"write_content_size", &Values::write_content_size, &Parameters::write_content_size},
    {"write_dict_id", &Values::write_dict_id, &Parameters::write_dict_id},
    {"force_max_window", &Values::force_max_window, &Parameters::force_max_window},
    {"enable_ldm", &Values::enable_ldm, &Parameters::enable_ldm},
};

/// Parameters as {"from_level": [level, source size, dictionary size], FIELD: VALUE...}; the level
/// and the sizes may be missing.
ZstdCompressionParameters parameters_in(const Json& arguments) {
  CompressionParameterValues values;
  for (const Field& field : kFields) {
    values.*field.value = arguments.value(field.name, values.*field.value);
  }
  for (const Flag& flag : kFlags) {
    values.*flag.value = arguments.value(flag.name, values.*flag.value);
  }
  if (arguments.contains("write_checksum")) {
    values.write_checksum = arguments["write_checksum"].get<bool>();
  }
  const auto level = arguments.find("from_level");
  if (level == arguments.end()) return ZstdCompressionParameters(values);
  return ZstdCompressionParameters::from_level(level->at(0), level->at(1), level->at(2), values);
}

std::shared_ptr<ZstdCompressionDict> dictionary_in(const Json& arguments) {
  const auto data = arguments.find("dict");
  if (data == arguments.end()) return nullptr;
  auto dict = std::make_shared<ZstdCompressionDict>(
      bytes_in(*data), static_cast<DictType>(arguments.value("dict_type", 0)));
  if (const auto level = optional_in<int>(arguments, "precompute")) {
    dict->precompute_compress(*level);
  }
  return dict;
}

ZstdCompressor compressor_in(const Json& arguments) {
  CompressorOptions options;
  options.level = arguments.value("level", 3);
  options.dict_data = dictionary_in(arguments);
  if (arguments.contains("parameters")) {
    options.compression_params = parameters_in(arguments["parameters"]);
  }
  options.write_checksum = optional_in<bool>(arguments, "write_checksum");
  options.write_content_size = optional_in<bool>(arguments, "write_content_size");
  options.write_dict_id = optional_in<bool>(arguments, "write_dict_id");
  options.threads = arguments.value("threads", 0);
  return ZstdCompressor(options);
}

ZstdDecompressor decompressor_in(const Json& arguments) {
  DecompressorOptions options;
  options.dict_data = dictionary_in(arguments);
  options.max_window_size = arguments.value("max_window_size", std::uint64_t{0});
  options.format = arguments.value("format", 0);
  if (arguments.value("verify_if_present", false)) {
    options.checksums = ChecksumPolicy::kVerifyIfPresent;
  }
  return ZstdDecompressor(options);
}

/// `data` in the pieces that the arguments' list "pieces" has the sizes of, and the rest.
std::vector<ByteSpan> pieces_of(ByteSpan data, const Json& arguments) {
  std::vector<ByteSpan> pieces;
  for (const std::size_t size : arguments.value("pieces", std::vector<std::size_t>{})) {
    pieces.push_back(data.first(std::min(size, data.size())));
    data = data.subspan(pieces.back().size());
  }
  pieces.push_back(data);
  return pieces;
}

/// Where "flush" is true, every piece but the last is followed by a flush of a block.
Bytes compress_by_object(ZstdCompressor& compressor, ByteSpan data, const Json& arguments) {
  ZstdCompressionObj object = compressor.compressobj(optional_in<std::uint64_t>(arguments, "size"));
  const bool flushes = arguments.value("flush", false);
  const std::vector<ByteSpan> pieces = pieces_of(data, arguments);
  Bytes frame;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    append_to(frame, object.compress(pieces[i]));
    if (flushes && i + 1 < pieces.size()) append_to(frame, object.flush(kCompressObjFlushBlock));
  }
  append_to(frame, object.flush());
  return frame;
}

Json compress_by_chunker(ZstdCompressor& compressor, ByteSpan data, const Json& arguments) {
  ZstdCompressionChunker chunker =
      compressor.chunker({.size = optional_in<std::uint64_t>(arguments, "size"),
                          .chunk_size = arguments.value("chunk_size", std::size_t{131591})});
  Json chunks = Json::array();
  const auto take = [&](ByteChunks range) {
    for (const ByteSpan chunk : range) chunks.push_back(hex_of(chunk));
  };
  for (const ByteSpan piece : pieces_of(data, arguments)) take(chunker.compress(piece));
  take(chunker.finish());
  return chunks;
}

Bytes compress_by_writer(ZstdCompressor& compressor, ByteSpan data, const Json& arguments) {
  Bytes frame;
  BytesSink sink(frame);
  ZstdCompressionWriter writer =
      compressor.stream_writer(sink, {.size = optional_in<std::uint64_t>(arguments, "size")});
  for (const ByteSpan piece : pieces_of(data, arguments)) writer.write(piece);
  writer.close();
  return frame;
}

Bytes compress_by_copy(ZstdCompressor& compressor, ByteSpan data, const Json& arguments) {
  Bytes frame;
  BytesSink sink(frame);
  SpanSource memory(data);
  CallbackSource source([&](MutableByteSpan out) { return memory.read(out); });
  compressor.copy_stream(source, sink,
                         {.size = optional_in<std::uint64_t>(arguments, "size"),
                          .read_size = arguments.value("read_size", std::size_t{131072})});
  return frame;
}

Json compress(const Json& arguments) {
  ZstdCompressor compressor = compressor_in(arguments);
  const Bytes data = bytes_in(arguments.at("data"));
  const std::string way = arguments.value("way", "one_shot");
  if (way == "one_shot") return hex_of(compressor.compress(data));
  if (way == "object") return hex_of(compress_by_object(compressor, data, arguments));
  if (way == "chunker") return compress_by_chunker(compressor, data, arguments);
  if (way == "writer") return hex_of(compress_by_writer(compressor, data, arguments));
  if (way == "copy") return hex_of(compress_by_copy(compressor, data, arguments));
  if (way == "reader") return hex_of(compressor.stream_reader(data).readall());
  if (way == "iterator") {
    Bytes frame;
    auto range = compressor.read_to_iter(ByteSpan(data));
    for (const ByteSpan piece : range) append_to(frame, piece);
    return hex_of(frame);
  }
  throw std::runtime_error("no way to compress: " + way);
}

Bytes decompress_by_object(ZstdDecompressor& decompressor, ByteSpan data, const Json& arguments) {
  ZstdDecompressionObj object = decompressor.decompressobj();
  Bytes content;
  for (const ByteSpan piece : pieces_of(data, arguments)) {
    if (!object.eof()) append_to(content, object.decompress(piece));
  }
  return content;
}

Bytes decompress_by_copy(ZstdDecompressor& decompressor, ByteSpan data) {
  Bytes content;
  BytesSink sink(content);
  SpanSource source(data);
  decompressor.copy_stream(source, sink);
  return content;
}

Bytes decompress_by_writer(ZstdDecompressor& decompressor, ByteSpan data, const Json& arguments) {
  Bytes content;
  BytesSink sink(content);
  ZstdDecompressionWriter writer = decompressor.stream_writer(sink);
  for (const ByteSpan piece : pieces_of(data, arguments)) writer.write(piece);
  writer.close();
  return content;
}

Json decompress(const Json& arguments) {
  ZstdDecompressor decompressor = decompressor_in(arguments);
  const Bytes data = bytes_in(arguments.at("data"));
  const std::string way = arguments.value("way", "one_shot");
  if (way == "one_shot") {
    return hex_of(decompressor.decompress(
        data, {.max_output_size = arguments.value("max_output_size", std::size_t{0}),
               .read_across_frames = arguments.value("read_across_frames", false),
               .allow_extra_data = arguments.value("allow_extra_data", false)}));
  }
  if (way == "object") return hex_of(decompress_by_object(decompressor, data, arguments));
  if (way == "copy") return hex_of(decompress_by_copy(decompressor, data));
  if (way == "writer") return hex_of(decompress_by_writer(decompressor, data, arguments));
  if (way == "reader") return hex_of(decompressor.stream_reader(ByteSpan(data)).readall());
  if (way == "iterator") {
    Bytes content;
    auto range = decompressor.read_to_iter(ByteSpan(data));
    for (const ByteSpan piece : range) append_to(content, piece);
    return hex_of(content);
  }
  throw std::runtime_error("no way to decompress: " + way);
}

Json chain(const Json& arguments) {
  std::vector<Bytes> frames;
  for (const Json& frame : arguments.at("frames")) frames.push_back(bytes_in(frame));
  const std::vector<ByteSpan> spans(frames.begin(), frames.end());
  return hex_of(ZstdDecompressor().decompress_content_dict_chain(spans));
}

Json frame_parameters(const Json& arguments) {
  const FrameParameters found = get_frame_parameters(bytes_in(arguments.at("data")));
  return {{"content_size", found.content_size ? Json(*found.content_size) : Json()},
          {"window_size", found.window_size},
          {"dict_id", found.dict_id},
          {"has_checksum", found.has_checksum},
          {"is_skippable", found.is_skippable}};
}

Json content_size(const Json& arguments) {
  const auto size = frame_content_size(bytes_in(arguments.at("data")));
  return size ? Json(*size) : Json();
}

Json header_size(const Json& arguments) {
  return frame_header_size(bytes_in(arguments.at("data")));
}

Json compressed_size(const Json& arguments) {
  return frame_compressed_size(bytes_in(arguments.at("data")));
}

Json parameters(const Json& arguments) {
  const ZstdCompressionParameters made = parameters_in(arguments);
  Json all;
  for (const Field& field : kFields) all[field.name] = (made.*field.get)();
  for (const Flag& flag : kFlags) all[flag.name] = (made.*flag.get)() ? 1 : 0;
  all["write_checksum"] = made.write_checksum() ? 1 : 0;
  if (made.threads() == 0) all["context_size"] = made.estimated_compression_context_size();
  return all;
}

Json train(const Json& arguments) {
  std::vector<Bytes> samples;
  for (const Json& sample : arguments.at("samples")) samples.push_back(bytes_in(sample));
  const std::vector<ByteSpan> spans(samples.begin(), samples.end());
  const TrainingOptions options{.k = arguments.value("k", 0u),
                                .d = arguments.value("d", 0u),
                                .f = arguments.value("f", 0u),
                                .split_point = arguments.value("split_point", 0.0),
                                .accel = arguments.value("accel", 0u),
                                .dict_id = arguments.value("dict_id", 0u),
                                .level = arguments.value("level", 0),
                                .steps = arguments.value("steps", 0u),
                                .threads = arguments.value("threads", 0)};
  const auto dict = train_dictionary(arguments.at("dict_size"), spans, options);
  return {{"data", hex_of(dict->as_bytes())},
          {"dict_id", dict->dict_id()},
          {"k", dict->k()},
          {"d", dict->d()}};
}

Json dictionary(const Json& arguments) {
  const auto dict = dictionary_in(arguments);
  return {{"size", dict->size()}, {"dict_id", dict->dict_id()}};
}

Json version(const Json&) {
  const ZstdVersion zstd = zstd_version();
  return {zstd.major, zstd.minor, zstd.release};
}

Json constants(const Json&) {
  return {{"MAX_COMPRESSION_LEVEL", kMaxCompressionLevel},
          {"COMPRESSION_RECOMMENDED_INPUT_SIZE", kCompressionRecommendedInputSize},
          {"COMPRESSION_RECOMMENDED_OUTPUT_SIZE", kCompressionRecommendedOutputSize},
          {"DECOMPRESSION_RECOMMENDED_INPUT_SIZE", kDecompressionRecommendedInputSize},
          {"DECOMPRESSION_RECOMMENDED_OUTPUT_SIZE", kDecompressionRecommendedOutputSize},
          {"MAGIC_NUMBER", kMagicNumber},
          {"BLOCKSIZELOG_MAX", kBlockSizeLogMax},
          {"BLOCKSIZE_MAX", kBlockSizeMax},
          {"WINDOWLOG_MIN", kWindowLogMin},
          {"WINDOWLOG_MAX", kWindowLogMax},
          {"CHAINLOG_MIN", kChainLogMin},
          {"CHAINLOG_MAX", kChainLogMax},
          {"HASHLOG_MIN", kHashLogMin},
          {"HASHLOG_MAX", kHashLogMax},
          {"SEARCHLOG_MIN", kSearchLogMin},
          {"SEARCHLOG_MAX", kSearchLogMax},
          {"MINMATCH_MIN", kMinMatchMin},
          {"MINMATCH_MAX", kMinMatchMax},
          {"SEARCHLENGTH_MIN", kSearchLengthMin},
          {"SEARCHLENGTH_MAX", kSearchLengthMax},
          {"TARGETLENGTH_MIN", kTargetLengthMin},
          {"TARGETLENGTH_MAX", kTargetLengthMax},
          {"LDM_MINMATCH_MIN", kLdmMinMatchMin},
          {"LDM_MINMATCH_MAX", kLdmMinMatchMax},
          {"LDM_BUCKETSIZELOG_MAX", kLdmBucketSizeLogMax},
          {"STRATEGY_FAST", kStrategyFast},
          {"STRATEGY_DFAST", kStrategyDfast},
          {"STRATEGY_GREEDY", kStrategyGreedy},
          {"STRATEGY_LAZY", kStrategyLazy},
          {"STRATEGY_LAZY2", kStrategyLazy2},
          {"STRATEGY_BTLAZY2", kStrategyBtlazy2},
          {"STRATEGY_BTOPT", kStrategyBtopt},
          {"STRATEGY_BTULTRA", kStrategyBtultra},
          {"STRATEGY_BTULTRA2", kStrategyBtultra2},
          {"FORMAT_ZSTD1", kFormatZstd1},
          {"FORMAT_ZSTD1_MAGICLESS", kFormatZstd1Magicless},
          {"DICT_TYPE_AUTO", static_cast<int>(DictType::kAuto)},
          {"DICT_TYPE_RAWCONTENT", static_cast<int>(DictType::kRawContent)},
          {"DICT_TYPE_FULLDICT", static_cast<int>(DictType::kFullDict)},
          {"FLUSH_BLOCK", static_cast<int>(kFlushBlock)},
          {"FLUSH_FRAME", static_cast<int>(kFlushFrame)},
          {"COMPRESSOBJ_FLUSH_FINISH", static_cast<int>(kCompressObjFlushFinish)},
          {"COMPRESSOBJ_FLUSH_BLOCK", static_cast<int>(kCompressObjFlushBlock)},
          {"CONTENTSIZE_UNKNOWN", kContentSizeUnknown},
          {"CONTENTSIZE_ERROR", kContentSizeError},
          {"estimate_decompression_context_size", estimate_decompression_context_size()}};
}

const std::map<std::string, Json (*)(const Json&)> kOperations{
    {"compress", compress},
    {"decompress", decompress},
    {"chain", chain},
    {"frame_parameters", frame_parameters},
    {"content_size", content_size},
    {"header_size", header_size},
    {"compressed_size", compressed_size},
    {"parameters", parameters},
    {"train", train},
    {"dictionary", dictionary},
    {"version", version},
    {"constants", constants},
};

Json error_of(const char* kind, int code, const char* what) {
  return {{"error", {{"kind", kind}, {"code", code}, {"what", what}}}};
}

Json answer_to(const Json& request) {
  try {
    return {{"result", kOperations.at(request.at("operation"))(request)}};
  } catch (const ZstdError& error) {
    return error_of("ZstdError", error.code(), error.what());
  } catch (const UsageError& error) {
    return error_of("UsageError", 0, error.what());
  } catch (const std::invalid_argument& error) {
    return error_of("invalid_argument", 0, error.what());
  }
}

}  // namespace
}  // namespace zstdfs::differential

int main() {
  std::ios::sync_with_stdio(false);
  try {
    for (std::string line; std::getline(std::cin, line);) {
      std::cout << zstdfs::differential::answer_to(nlohmann::json::parse(line)) << std::endl;
    }
  } catch (const std::exception& error) {
    // A mistake in the request: compare.py sees that there is no answer.
    std::cerr << "differential-helper: " << error.what() << "\n";
    return 1;
  }
  return 0;
}
