#pragma once

#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "zstdfs/bytes.hpp"

namespace zstdfs {

/// Pieces of bytes, each made when it is asked for: what is an iterator in python-zstandard.
///
///     for (Bytes& piece : compressor.read_to_iter(source)) { ... }
///
/// An input range: it can be walked once. Walking it again after a break goes on with the next
/// piece. A piece may be moved from; it is valid until the next one is asked for.
///
/// Lifetime: iterators live as long as the range, and stay valid when the range is moved.
/// Thread safety: one thread at a time.
/// Errors: making a piece throws what whoever has made the range says.
class ByteChunks {
 public:
  /// Makes the next piece, or nothing at the end; is not called again after that.
  using Next = std::function<std::optional<Bytes>()>;

 private:
  struct State {
    Next make_next;
    std::optional<Bytes> current;
    bool ended = false;

    void advance() {
      if (ended) return;
      current = make_next();
      ended = !current.has_value();
    }
  };

 public:
  class Iterator {
   public:
    using iterator_concept = std::input_iterator_tag;
    using value_type = Bytes;
    using difference_type = std::ptrdiff_t;

    Bytes& operator*() const { return *state_->current; }
    Bytes* operator->() const { return &*state_->current; }
    Iterator& operator++() {
      state_->advance();
      return *this;
    }
    void operator++(int) { state_->advance(); }
    friend bool operator==(const Iterator& at, std::default_sentinel_t) {
      return !at.state_->current.has_value();
    }

   private:
    friend class ByteChunks;
    explicit Iterator(State* state) : state_(state) {}
    State* state_;
  };

  explicit ByteChunks(Next next)
      : state_(std::make_unique<State>(State{std::move(next), std::nullopt, false})) {}

  /// Makes the next piece and points to it.
  Iterator begin() {
    state_->advance();
    return Iterator(state_.get());
  }
  std::default_sentinel_t end() const { return {}; }

  /// The next piece, or nothing at the end: for use without a loop.
  std::optional<Bytes> next() {
    state_->advance();
    return std::exchange(state_->current, std::nullopt);
  }

 private:
  std::unique_ptr<State> state_;  // apart, so that iterators survive a move
};

}  // namespace zstdfs
