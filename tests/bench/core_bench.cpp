#include "tests/bench/core_bench.hpp"

#include "zstdfs/errors.hpp"

namespace zstdfs::bench {

void add_pair(const std::string& name, std::size_t content_bytes, const Work& libzstd,
              const Work& core) {
  for (const auto& [who, work] : {std::pair("libzstd", libzstd), std::pair("core", core)}) {
    benchmark::RegisterBenchmark(
        (name + "/" + std::to_string(content_bytes) + "/" + who).c_str(),
        [work = work, content_bytes](benchmark::State& state) {
          for ([[maybe_unused]] const auto& round : state) benchmark::DoNotOptimize(work());
          state.SetBytesProcessed(static_cast<std::int64_t>(content_bytes) *
                                  static_cast<std::int64_t>(state.iterations()));
        })
        ->UseRealTime();
  }
}

std::shared_ptr<ZSTD_CCtx> make_cctx(int level) {
  std::shared_ptr<ZSTD_CCtx> context(ZSTD_createCCtx(), ZSTD_freeCCtx);
  ZstdError::check(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level),
                   "set the level");
  return context;
}

std::shared_ptr<ZSTD_DCtx> make_dctx() {
  return {ZSTD_createDCtx(), ZSTD_freeDCtx};
}

Bytes frame_of(ByteSpan content) {
  Bytes frame(ZSTD_compressBound(content.size()));
  frame.resize(ZstdError::check(
      ZSTD_compress(frame.data(), frame.size(), content.data(), content.size(), 3), "compress"));
  return frame;
}

}  // namespace zstdfs::bench

int main(int argc, char** argv) {
  zstdfs::bench::add_one_shot_pairs();
  zstdfs::bench::add_stream_pairs();
  zstdfs::bench::add_batch_pairs();
  zstdfs::bench::add_seekable_pairs();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
