#include <cstdio>
#include <exception>

#include "tests/fuzz/corpus.hpp"
#include "tests/unit/core_container_builder.hpp"

// Writes the first inputs of the corpus: make_corpus FOLDER. What fuzzers find is added by hand.

namespace zstdfs::fuzz {
namespace {

using test::ContainerBuilder;

Bytes changed(Bytes file, std::size_t offset, std::uint32_t value) {
  store_le(MutableByteSpan(file), offset, value);
  return file;
}

Bytes first_of(const Bytes& file, std::size_t bytes) {
  return Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(bytes));
}

ContainerBuilder short_container() {
  ContainerBuilder builder = ContainerBuilder::of_short_form();
  return builder.data(compressible_bytes(700, 1));
}

void add_headers(const Corpus& corpus) {
  const Bytes plain = encode_container_header({});
  corpus.add("header", "defaults", plain);
  corpus.add("header", "every-field",
             encode_container_header({.chunk_bytes = kMaxChunkBytes,
                                      .level = -100,
                                      .dictionary_id = 99,
                                      .generation = ~std::uint64_t{0},
                                      .logical_bytes = 1u << 30,
                                      .stored_bytes = 500,
                                      .durable_bytes = 400,
                                      .seek_table_hash = 1}));
  corpus.add("header", "newer-version", changed(plain, 16, 2));
  corpus.add("header", "unknown-flag", changed(plain, 16, 0x00040001));
  corpus.add("header", "chunk-too-large", changed(plain, 20, 0xFFFFFFFF));
  corpus.add("header", "cut-short", first_of(plain, 79));
  const Bytes short_form = short_container().finish();
  corpus.add("header", "short-form", short_form);
  corpus.add("header", "short-form-not-compact", changed(short_form, 18, 0));
}

void add_seek_tables(const Corpus& corpus, const ContainerBuilder& builder) {
  const Bytes file = builder.finish();
  const std::size_t count_at = file.size() - 9;
  corpus.add("seek_table", "whole-container", file);
  corpus.add("seek_table", "no-frames", ContainerBuilder().finish());
  // The first two bytes say how many bytes of frames come before, as seek_table_target has it.
  const auto frames_end = static_cast<std::size_t>(builder.index().frames_end());
  Bytes table_only;
  append_le(table_only, static_cast<std::uint16_t>(frames_end - kContainerHeaderBytes));
  test::append_to(table_only, ByteSpan(file).subspan(frames_end));
  corpus.add("seek_table", "table-only", table_only);
  corpus.add("seek_table", "count-2-to-31", changed(file, count_at, 1u << 31));
  corpus.add("seek_table", "count-that-wraps", changed(file, count_at, 0x40000006));
  corpus.add("seek_table", "frame-of-4-gib", changed(file, frames_end + 8 + 12, 0xFFFFFFFF));
  corpus.add("seek_table", "content-of-4-gib", changed(file, frames_end + 8 + 16, 0xFFFFFFFF));
}

void add_frames(const Corpus& corpus) {
  FrameEncoder encoder;
  const Bytes compressed = encoder.encode(compressible_bytes(700, 1), 3);
  const Bytes incompressible = encoder.encode(random_bytes(100, 2), 3);
  const Bytes zeros = encode_zero_frame(300000);
  corpus.add("frame_walk", "compressed", compressed);
  corpus.add("frame_walk", "raw-block", incompressible);
  corpus.add("frame_walk", "zeros", zeros);
  corpus.add("frame_walk", "empty", encoder.encode({}, 3));
  Bytes several = zeros;
  test::append_to(several, encode_container_table({}));
  test::append_to(several, incompressible);
  corpus.add("frame_walk", "several", several);
  corpus.add("frame_walk", "skippable-too-long",
             test::bytes_of("\x56\x2A\x4D\x18\xFF\xFF\xFF\xFF"));
}

void add_containers(const Corpus& corpus, const ContainerBuilder& builder) {
  const Bytes file = builder.finish();
  const auto frames_end = static_cast<std::size_t>(builder.index().frames_end());
  corpus.add("container", "sealed", file);
  corpus.add("container", "no-frames", ContainerBuilder().finish());
  corpus.add("container", "header-damaged", changed(file, 30, 0xABABABAB));
  corpus.add("container", "table-damaged", changed(file, frames_end + 30, 0xABABABAB));
  corpus.add("container", "frame-damaged", changed(file, 100, 0xABABABAB));
  corpus.add("container", "table-missing", first_of(file, frames_end));
  corpus.add("container", "frame-torn", first_of(file, frames_end - 5));
  corpus.add("container", "header-torn", first_of(file, 50));
  Bytes twice = file;
  test::append_to(twice, file);
  corpus.add("container", "concatenated", twice);
  ContainerBuilder gibibyte;
  gibibyte.data(test::bytes_of("data")).zeros(3u << 20);
  corpus.add("container", "long-run-of-zeros", gibibyte.finish());
  const Bytes short_form = short_container().finish();
  corpus.add("container", "short-form", short_form);
  corpus.add("container", "short-form-frame-damaged", changed(short_form, 80, 0xABABABAB));
  Bytes short_and_more = short_form;
  test::append_to(short_and_more, ByteSpan(short_form).subspan(kShortHeaderBytes));
  corpus.add("container", "short-form-of-two-frames", short_and_more);
}

}  // namespace
}  // namespace zstdfs::fuzz

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  try {
    const zstdfs::fuzz::Corpus corpus(argv[1]);
    const auto builder = zstdfs::test::small_container();
    zstdfs::fuzz::add_headers(corpus);
    zstdfs::fuzz::add_seek_tables(corpus, builder);
    zstdfs::fuzz::add_frames(corpus);
    zstdfs::fuzz::add_containers(corpus, builder);
    zstdfs::fuzz::add_frame_corpus(corpus);
    zstdfs::fuzz::add_extension_corpus(corpus);
    zstdfs::fuzz::add_journal_corpus(corpus);
    zstdfs::fuzz::add_policy_corpus(corpus);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "make_corpus: %s\n", error.what());
    return 1;
  }
  return 0;
}
