#include <zstd_errors.h>

#include <algorithm>
#include <array>

#include "tests/fuzz/decoding.hpp"
#include "tests/fuzz/targets.hpp"
#include "zstdfs/constants.hpp"
#include "zstdfs/patch.hpp"

namespace zstdfs::fuzz {
namespace {

struct Case {
  ByteSpan old_version;
  Bytes patch;
  std::uint64_t max_output_size = 0;
  std::size_t read_size = 1;
  std::size_t write_size = 1;
};

/// Takes no more than is allowed, whether or not the patch is good in the end.
class LimitedSink final : public Sink {
 public:
  LimitedSink(std::uint64_t limit, std::size_t at_a_time) : limit_(limit), at_a_time_(at_a_time) {}

  std::size_t write(ByteSpan bytes) override {
    FUZZ_REQUIRE(bytes.size() <= at_a_time_ && bytes.size() <= limit_ - content.size());
    content.insert(content.end(), bytes.begin(), bytes.end());
    return bytes.size();
  }

  Bytes content;

 private:
  std::uint64_t limit_;
  std::size_t at_a_time_;
};

Outcome in_one_call(const Case& given) {
  return outcome_of([&] {
    Bytes out =
        apply_patch(given.old_version, given.patch, {.max_output_size = given.max_output_size});
    FUZZ_REQUIRE(out.size() <= given.max_output_size);
    return out;
  });
}

/// With what was written before an error.
Outcome in_steps(const Case& given) {
  SpanSource source(given.patch);
  LimitedSink sink(given.max_output_size, given.write_size);
  Outcome outcome = outcome_of([&] {
    PatchProgress last;
    const PatchProgress all =
        apply_patch(given.old_version, source, sink,
                    {.max_output_size = given.max_output_size,
                     .read_size = given.read_size,
                     .write_size = given.write_size,
                     .progress = [&](const PatchProgress& progress) {
                       FUZZ_REQUIRE(progress.read >= last.read && progress.written >= last.written);
                       last = progress;
                     }});
    FUZZ_REQUIRE(all == last && all.read == given.patch.size());
    FUZZ_REQUIRE(all.written == sink.content.size());
    return Bytes();
  });
  outcome.content = std::move(sink.content);
  return outcome;
}

/// Where a stream may refuse a patch that one call applies.
bool stream_may_refuse(const Case& given, const Outcome& whole, int code) {
  // A window takes memory in streams only.
  if (code == ZSTD_error_frameParameter_windowTooLarge) return true;
  return may_have_oversized_block(given.patch, kFormatZstd1, whole.content.size());
}

/// Where a stream may apply a patch that one call refuses.
bool stream_may_take(const Case& given, int code) {
  return code == ZSTD_error_corruption_detected && has_block_of_nothing(given.patch, kFormatZstd1);
}

void check_apply(const Case& given) {
  const Outcome whole = in_one_call(given);
  const Outcome steps = in_steps(given);
  if (!whole.error && !steps.error) {
    FUZZ_REQUIRE(whole.content == steps.content);
  } else if (!whole.error) {
    FUZZ_REQUIRE(stream_may_refuse(given, whole, *steps.error));
    FUZZ_REQUIRE(steps.content.size() <= whole.content.size());
    const auto beginning = ByteSpan(whole.content).first(steps.content.size());
    FUZZ_REQUIRE(std::ranges::equal(steps.content, beginning));
  } else if (!steps.error) {
    FUZZ_REQUIRE(stream_may_take(given, *whole.error));
  }
}

/// A patch that was made is applied to what it was made for, and gives that.
void check_round_trip(const Case& given, ByteSpan new_version) {
  const Bytes applied = apply_patch(given.old_version, given.patch);
  FUZZ_REQUIRE(std::ranges::equal(applied, new_version));
  SpanSource source(new_version);
  Bytes streamed;
  BytesSink sink(streamed);
  make_patch(given.old_version, source, sink,
             {.read_size = given.read_size, .write_size = given.write_size});
  FUZZ_REQUIRE(apply_patch(given.old_version, streamed) == applied);
}

}  // namespace

/// The input: choices, how long the old version is, the old version, and a patch; or a new version,
/// for which a patch is made that is then damaged in one byte.
void patch_target(ByteSpan input) {
  static constexpr std::array<std::uint64_t, 4> kLimits{kMostContentBytes, 0, 100, 1000};
  Choices choices(input);
  const unsigned how = choices.next();
  Case given;
  given.max_output_size = kLimits[how & 3];
  given.read_size = choices.next() + 1;
  given.write_size = choices.next() * 16 + 1;
  const bool is_made = (how & 4) != 0;
  const std::size_t damaged_at = is_made ? choices.next_two_bytes() : 0;
  const auto damage = static_cast<std::byte>(is_made ? choices.next() : 0);
  given.old_version = choices.take(choices.next_two_bytes());
  const ByteSpan rest = choices.rest();
  if (is_made) {
    given.patch = make_patch(given.old_version, rest, {.write_checksum = (how & 8) != 0});
    check_round_trip(given, rest);
    given.patch[damaged_at % given.patch.size()] ^= damage;
  } else {
    given.patch.assign(rest.begin(), rest.end());
  }
  check_apply(given);
}

}  // namespace zstdfs::fuzz
