#include <algorithm>
#include <array>

#include "tests/decompression_ways.hpp"
#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"

namespace zstdfs::fuzz {
namespace {

/// A choice of a size: exact where it is small, up to more than a block.
std::size_t size_for(unsigned choice) {
  return choice < 128 ? choice + 1 : std::size_t{1} << (7 + (choice - 128) / 11);
}

/// Ends what was given up because it has too much content.
struct TooMuch {};

/// Collects content as far as a target looks at it.
class Collector final : public Sink {
 public:
  std::size_t write(ByteSpan bytes) override {
    content.insert(content.end(), bytes.begin(), bytes.end());
    if (content.size() > kMostContentBytes) throw TooMuch();
    return bytes.size();
  }
  Bytes content;
};

/// How a stream ended.
enum class End { kWhole, kError, kTooMuch, kUntold };

struct Streamed {
  Bytes content;  ///< all that came before the end
  End end = End::kWhole;
};

/// Runs `work`, which decompresses into the sink that it is given.
template <typename Work>
Streamed streamed(const Work& work) {
  Collector collector;
  End end = End::kWhole;
  try {
    work(collector);
  } catch (const test::NothingProduced&) {
    end = End::kUntold;
  } catch (const ZstdError& error) {
    FUZZ_REQUIRE(error.code() != 0);
    end = End::kError;
  } catch (const TooMuch&) {
    end = End::kTooMuch;
  }
  return {std::move(collector.content), end};
}

// Not those of which a single step may yield any amount, or takes what is left again and again. The
// first one is that which may not tell whether the input was whole.
constexpr auto kWays =
    std::to_array<test::DecompressionWay>({{"object", test::by_limited_object},
                                           {"reader", test::by_reader},
                                           {"reader in memory", test::by_reader_in_memory},
                                           {"range", test::by_range},
                                           {"writer", test::by_writer},
                                           {"chunker", test::by_chunker},
                                           {"copy", test::by_copy}});

/// Of two streams one of which may have stopped earlier, as an error loses what its step had
/// decompressed.
bool same_beginning(const Bytes& a, const Bytes& b) {
  return std::equal(
      a.begin(), a.begin() + static_cast<std::ptrdiff_t>(std::min(a.size(), b.size())), b.begin());
}

}  // namespace

void streaming_target(ByteSpan input) {
  Choices choices(input);
  DecompressorOptions options = decompressor_options(choices.next());
  if (options.max_window_size == 0) options.max_window_size = kLargestStreamWindow;
  const auto chosen = [&choices] { return [size = size_for(choices.next())] { return size; }; };
  // In the order of the choices.
  test::Splits splits;
  splits.fed = chosen();
  splits.read = chosen();
  splits.write = chosen();

  // One decompressor for all: what one way leaves behind must not change the next.
  ZstdDecompressor decompressor(options);
  Streamed first;
  for (const test::DecompressionWay& way : kWays) {
    const Streamed now =
        streamed([&](Sink& sink) { way.decompress(decompressor, choices.rest(), splits, sink); });
    if (&way == kWays.data()) {
      first = now;
      continue;
    }
    FUZZ_REQUIRE(same_beginning(now.content, first.content));
    if (now.end == End::kTooMuch || first.end == End::kTooMuch) continue;
    if (first.end == End::kUntold) {
      FUZZ_REQUIRE(now.content.empty());
      first.end = now.end;
    }
    FUZZ_REQUIRE(now.end == first.end);
    if (now.end == End::kWhole) FUZZ_REQUIRE(now.content == first.content);
  }
}

}  // namespace zstdfs::fuzz
