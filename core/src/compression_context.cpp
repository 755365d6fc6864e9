#include "compression_context.hpp"

#include <zdict.h>
#include <zstd_errors.h>

#include <array>
#include <stdexcept>
#include <string>

namespace zstdfs {
namespace {

/// libzstd digests a dictionary at the first frame only, and says then that memory is short.
std::shared_ptr<const ZstdCompressionDict> undamaged(
    std::shared_ptr<const ZstdCompressionDict> dict) {
  // Less than a magic number and an id is raw content, whatever it begins with.
  constexpr std::size_t kLeastFullBytes = 8;
  if (!dict || dict->dict_type() != DictType::kAuto) return dict;
  const ByteSpan data = dict->as_bytes();
  if (data.size() < kLeastFullBytes || load_le<std::uint32_t>(data, 0) != kDictionaryMagicNumber) {
    return dict;
  }
  if (ZSTD_isError(ZDICT_getDictHeaderSize(data.data(), data.size())) != 0) {
    throw ZstdError(ZSTD_error_dictionary_corrupted,
                    "cannot load a dictionary: its entropy tables are damaged");
  }
  return dict;
}

/// `compression_params` already says everything that the other options could.
void check_no_conflict(const CompressorOptions& options) {
  const auto refuse = [](const char* name) {
    throw std::invalid_argument(std::string("compression_params and ") + name +
                                " cannot be given both");
  };
  if (options.write_checksum) refuse("write_checksum");
  if (options.write_content_size) refuse("write_content_size");
  if (options.write_dict_id) refuse("write_dict_id");
  if (options.threads != 0) refuse("threads");
  if (options.rsyncable) refuse("rsyncable");
}

/// Nothing but a checksum tells a reader that its dictionary is the wrong one, where it has no id
/// or frames do not name it.
ZstdCompressionParameters with_needed_checksum(const ZstdCompressionParameters& parameters,
                                               const ZstdCompressionDict* dict) {
  if (dict == nullptr || parameters.is_set(kParameterChecksumFlag)) return parameters;
  if (dict->dict_id() != 0 && parameters.write_dict_id()) return parameters;
  return parameters.with(kParameterChecksumFlag, 1);
}

ZstdCompressionParameters parameters_of(const CompressorOptions& options) {
  if (options.level > kMaxCompressionLevel) {
    throw std::invalid_argument("level is " + std::to_string(options.level) +
                                "; it must be less than " +
                                std::to_string(kMaxCompressionLevel + 1));
  }
  if (options.compression_params) {
    check_no_conflict(options);
    return with_needed_checksum(*options.compression_params, options.dict_data.get());
  }
  CompressionParameterValues values;
  values.compression_level = options.level;
  values.write_checksum = options.write_checksum;
  values.write_content_size = options.write_content_size.value_or(true);
  values.write_dict_id = options.write_dict_id.value_or(true);
  values.threads = options.threads;
  if (options.rsyncable && values.threads == 0) values.threads = 1;
  const auto parameters =
      with_needed_checksum(ZstdCompressionParameters(values), options.dict_data.get());
  return options.rsyncable ? parameters.with(kParameterRsyncable, 1) : parameters;
}

}  // namespace

void check_declared_size(std::uint64_t declared, std::uint64_t given, ZSTD_EndDirective directive) {
  if (given == declared || (given < declared && directive != ZSTD_e_end)) return;
  throw ZstdError(ZSTD_error_srcSize_wrong, std::string("cannot compress a stream: ") +
                                                ZSTD_getErrorString(ZSTD_error_srcSize_wrong) +
                                                ": " + std::to_string(given) + " bytes, where " +
                                                std::to_string(declared) + " were declared");
}

CompressionContext::CompressionContext(const CompressorOptions& options)
    : initial_parameters(parameters_of(options)),
      parameters(initial_parameters),
      dict(undamaged(options.dict_data)),
      thread_pool(options.thread_pool),
      attached(dict ? dict->precomputed() : nullptr),
      cctx(make_configured()) {}

CompressionContext::~CompressionContext() {
  wait_for_workers();
}

CCtxPtr CompressionContext::make_configured() const {
  CCtxPtr context = make_cctx();
  if (thread_pool) {
    ZstdError::check(ZSTD_CCtx_refThreadPool(context.get(), thread_pool->raw()),
                     "use a pool of threads");
  }
  configure(context.get());
  return context;
}

void CompressionContext::configure(ZSTD_CCtx* context) const {
  parameters.apply_to(context);
  give_dictionary(context);
}

void CompressionContext::set_parameter(int parameter, int value) {
  // Refuses what libzstd would take, too, and then nothing has changed.
  const ZstdCompressionParameters changed =
      with_needed_checksum(parameters.with(parameter, value), dict.get());
  const std::string doing =
      "set " + compression_parameter_name(parameter) + " to " + std::to_string(value);
  ZstdError::check(
      ZSTD_CCtx_setParameter(cctx.get(), static_cast<ZSTD_cParameter>(parameter), value),
      doing.c_str());
  if (changed.write_checksum() != parameters.write_checksum()) {
    ZstdError::check(
        ZSTD_CCtx_setParameter(cctx.get(), ZSTD_c_checksumFlag, changed.write_checksum() ? 1 : 0),
        "ask for checksums");
  }
  parameters = changed;
  is_digest_outdated = true;
}

void CompressionContext::give_dictionary(ZSTD_CCtx* context) const {
  if (attached) {
    ZstdError::check(ZSTD_CCtx_refCDict(context, attached.get()), "use a precomputed dictionary");
  } else if (dict) {
    const ByteSpan data = dict->as_bytes();
    ZstdError::check(
        ZSTD_CCtx_loadDictionary_advanced(context, data.data(), data.size(), ZSTD_dlm_byRef,
                                          static_cast<ZSTD_dictContentType_e>(dict->dict_type())),
        "load a dictionary");
  }
}

void CompressionContext::abandon_frame() {
  wait_for_workers();
  // libzstd keeps a mark of a job that no worker was free for, also after an error, and would give
  // the next frame's workers one that is not there any more.
  if (workers != Workers::kIdle) cctx = make_configured();
  workers = Workers::kIdle;
}

// After an error libzstd itself has waited.
void CompressionContext::wait_for_workers() {
  std::array<std::byte, std::size_t{16} << 10> unwanted;
  while (workers == Workers::kBusy && ZSTD_getFrameProgression(cctx.get()).nbActiveWorkers != 0) {
    ZSTD_inBuffer nothing{nullptr, 0, 0};
    ZSTD_outBuffer output{unwanted.data(), unwanted.size(), 0};
    const std::size_t result =
        ZSTD_compressStream2(cctx.get(), &output, &nothing, workers_directive);
    if (ZSTD_isError(result) != 0) workers = Workers::kFailed;
  }
}

void CompressionContext::begin_frame(std::optional<std::uint64_t> size) {
  abandon_frame();
  ZstdError::check(ZSTD_CCtx_reset(cctx.get(), ZSTD_reset_session_only), "reset the compressor");
  refresh_dictionary();
  declared_size = size;
  taken_bytes = 0;
  // A reset has made it unknown.
  if (!size) return;
  ZstdError::check(ZSTD_CCtx_setPledgedSrcSize(cctx.get(), *size), "declare the size of the data");
}

void CompressionContext::refresh_dictionary() {
  if (!dict) return;
  std::shared_ptr<const ZSTD_CDict> precomputed = dict->precomputed();
  if (precomputed == attached && !is_digest_outdated) return;
  // libzstd lets go of the old form only in a context that is at rest.
  abandon_frame();
  ZstdError::check(ZSTD_CCtx_reset(cctx.get(), ZSTD_reset_session_only), "reset the compressor");
  attached.swap(precomputed);  // the old one stays until libzstd has let go of it
  give_dictionary(cctx.get());
  is_digest_outdated = false;
}

CompressionContext::Step CompressionContext::step(ByteSpan& input, MutableByteSpan out,
                                                  ZSTD_EndDirective directive) {
  if (declared_size) check_declared_size(*declared_size, taken_bytes + input.size(), directive);
  ZSTD_inBuffer in{input.data(), input.size(), 0};
  ZSTD_outBuffer output{out.data(), out.size(), 0};
  const bool by_workers = has_workers();
  if (by_workers) workers = Workers::kFailed;
  const std::size_t left = ZstdError::check(
      ZSTD_compressStream2(cctx.get(), &output, &in, directive), "compress a stream");
  input = input.subspan(in.pos);
  taken_bytes += in.pos;
  const bool has_ended = directive == ZSTD_e_end && left == 0;
  if (has_ended) declared_size.reset();  // it is not that of a next frame
  if (by_workers) {
    workers = has_ended ? Workers::kIdle : Workers::kBusy;
    workers_directive = input.empty() ? directive : ZSTD_e_continue;
  }
  const bool emitted = directive == ZSTD_e_continue || left == 0;
  return {.produced = output.pos, .complete = emitted && input.empty()};
}

std::size_t CompressionContext::memory_size() const {
  return ZSTD_sizeof_CCtx(cctx.get()) + input_scratch.capacity() + output_scratch.capacity();
}

FrameProgression CompressionContext::progression() const {
  const ZSTD_frameProgression now = ZSTD_getFrameProgression(cctx.get());
  return {.ingested = now.ingested, .consumed = now.consumed, .produced = now.produced};
}

bool CompressionContext::has_workers() const {
  int count = 0;
  ZstdError::check(ZSTD_CCtx_getParameter(cctx.get(), ZSTD_c_nbWorkers, &count),
                   "tell the number of workers");
  return count != 0;
}

CompressionOperation::CompressionOperation(std::shared_ptr<CompressionContext> context,
                                           std::optional<std::uint64_t> size)
    : context_(std::move(context)) {
  ExclusiveUse in_use(context_->use);
  number_ = in_use.begin_operation();
  context_->begin_frame(size);
}

void CompressionOperation::check_can_go_on() const {
  if (context_->use.operation != number_) {
    throw UsageError("another operation was begun with the same compressor");
  }
  if (failure_) std::rethrow_exception(failure_);
}

}  // namespace zstdfs
