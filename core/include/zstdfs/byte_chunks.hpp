#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <utility>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

/// Pieces of bytes, each made when it is asked for: what is an iterator in python-zstandard.
///
///     for (ByteSpan piece : compressor.read_to_iter(source)) { ... }
///
/// An input range: it can be walked once. Walking it again after a break goes on with the piece
/// where the walk was. A piece is never empty. It is valid until the next one is asked for, the
/// range is destroyed, or another operation of the compressor or decompressor begins.
///
/// Lifetime: iterators live as long as the range, and stay valid when the range is moved.
/// Thread safety: one thread at a time.
/// Errors: making a piece throws what whoever has made the range says.
class ByteChunks {
 public:
  /// What makes the pieces.
  class Maker {
   public:
    virtual ~Maker() = default;
    /// The next piece, which is valid until the next call. Empty at the end; is not called again
    /// after that.
    virtual ByteSpan next() = 0;
    virtual std::uint64_t bytes_consumed() const = 0;
  };

 private:
  struct State {
    std::unique_ptr<Maker> maker;
    ByteSpan piece;
    bool has_begun = false;
    bool has_ended = false;

    void advance() {
      piece = {};
      if (has_ended) return;
      piece = maker->next();
      has_begun = true;
      has_ended = piece.empty();
    }
  };

 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = ByteSpan;
    using difference_type = std::ptrdiff_t;

    ByteSpan operator*() const { return state_->piece; }
    Iterator& operator++() {
      state_->advance();
      return *this;
    }
    void operator++(int) { state_->advance(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) {
      return at.state_->piece.empty();
    }

   private:
    friend class ByteChunks;
    explicit Iterator(State* state) : state_(state) {}
    State* state_;
  };

  explicit ByteChunks(std::unique_ptr<Maker> maker)
      : state_(std::make_unique<State>(State{.maker = std::move(maker), .piece = {}})) {}

  /// Makes the first piece; a later call stays where the walk is.
  Iterator begin() {
    if (!state_->has_begun) state_->advance();
    return Iterator(state_.get());
  }
  std::default_sentinel_t end() const { return {}; }

  /// The next piece, empty at the end: for use without a loop.
  ByteSpan next() {
    state_->advance();
    return state_->piece;
  }

  /// Bytes of the input that made what was yielded, without those that were skipped.
  std::uint64_t bytes_consumed() const { return state_->maker->bytes_consumed(); }

 private:
  std::unique_ptr<State> state_;  // apart, so that iterators survive a move
};

}  // namespace zstdfs
