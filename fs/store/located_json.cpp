#include "fs/store/located_json.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <nlohmann/json.hpp>
#include <utility>

namespace zstdfs::store {
namespace {

using nlohmann::json;

/// The parser repeats what it read last, however long that is.
constexpr std::size_t kMaxReasonBytes = 300;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kBetweenTokens = " \t\r\n,:";
constexpr std::string_view kOfNumbers = "+-.0123456789Ee";

/// Hands the text to the parser and notes how far that has read.
class WatchedIterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  WatchedIterator(const char* at, const char*& furthest) : at_(at), furthest_(&furthest) {}
  reference operator*() const { return *at_; }
  WatchedIterator& operator++() {
    *furthest_ = std::max(*furthest_, ++at_);
    return *this;
  }
  WatchedIterator operator++(int) {
    WatchedIterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const WatchedIterator& a, const WatchedIterator& b) {
    return a.at_ == b.at_;
  }

 private:
  const char* at_;
  const char** furthest_;
};

/// Builds the tree from the parser's events. An event says what was read, not where; but what the
/// parser has read so far ends with it, and between it and the one before lie only blanks,
/// separators and comments.
class TreeBuilder final : public nlohmann::json_sax<json> {
 public:
  TreeBuilder(std::string_view text, const char* const& furthest, JsonLimits limits)
      : text_(text),
        furthest_(furthest),
        limits_(limits),
        last_end_(text.starts_with(kByteOrderMark) ? kByteOrderMark.size() : 0) {}

  LocatedJson take() { return std::move(root_); }

  bool null() override {
    add({.kind = LocatedJson::Kind::kNull});
    return true;
  }
  bool boolean(bool value) override {
    add({.kind = LocatedJson::Kind::kBoolean, .boolean = value});
    return true;
  }
  bool number_integer(std::int64_t value) override {
    add({.kind = LocatedJson::Kind::kInteger, .integer = value});
    return true;
  }
  bool number_unsigned(std::uint64_t value) override {
    if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) {
      add({.kind = LocatedJson::Kind::kOtherNumber});
    } else {
      add({.kind = LocatedJson::Kind::kInteger, .integer = static_cast<std::int64_t>(value)});
    }
    return true;
  }
  bool number_float(double, const std::string&) override {
    add({.kind = LocatedJson::Kind::kOtherNumber});
    return true;
  }
  bool string(std::string& value) override {
    add({.kind = LocatedJson::Kind::kText, .text = std::move(value)});
    return true;
  }
  bool binary(json::binary_t&) override { return false; }  // JSON has none
  bool start_object(std::size_t) override { return open(LocatedJson::Kind::kObject); }
  bool start_array(std::size_t) override { return open(LocatedJson::Kind::kList); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(std::string& name) override {
    const std::size_t offset = next_token();
    last_end_ = read_so_far();
    open_.back()->keys.push_back({.name = std::move(name), .offset = offset});
    return true;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& error) override;

 private:
  std::size_t read_so_far() const { return static_cast<std::size_t>(furthest_ - text_.data()); }
  std::size_t next_token() const;
  LocatedJson& add(LocatedJson value);
  bool open(LocatedJson::Kind kind);
  bool close();

  std::string_view text_;
  const char* const& furthest_;
  JsonLimits limits_;
  std::size_t last_end_;  ///< of the token before
  std::size_t values_ = 0;
  LocatedJson root_;
  /// The values that are not closed yet; each holds the next one as its last, so that none moves
  /// while it is open.
  std::vector<LocatedJson*> open_;
};

/// The offset of the next token after the one before.
std::size_t TreeBuilder::next_token() const {
  std::size_t at = last_end_;
  for (;;) {
    at = std::min(text_.find_first_not_of(kBetweenTokens, at), text_.size());
    const std::string_view rest = text_.substr(at);
    std::size_t end = std::string_view::npos;
    if (rest.starts_with("//")) {
      end = text_.find('\n', at);
    } else if (rest.starts_with("/*")) {
      end = text_.find("*/", at + 2);
      if (end != std::string_view::npos) end += 2;
    } else {
      return at;
    }
    at = std::min(end, text_.size());
  }
}

LocatedJson& TreeBuilder::add(LocatedJson value) {
  value.offset = next_token();
  if (++values_ > limits_.values) {
    throw JsonError(value.offset,
                    "there are more than " + std::to_string(limits_.values) + " values");
  }
  const bool number =
      value.kind == LocatedJson::Kind::kInteger || value.kind == LocatedJson::Kind::kOtherNumber;
  // To see a number's end, the parser has to read the byte behind it.
  last_end_ = number ? std::min(text_.find_first_not_of(kOfNumbers, value.offset), text_.size())
                     : read_so_far();
  if (open_.empty()) return root_ = std::move(value);
  return open_.back()->items.emplace_back(std::move(value));
}

bool TreeBuilder::open(LocatedJson::Kind kind) {
  if (open_.size() == limits_.depth) {
    throw JsonError(next_token(), "lists and objects lie more than " +
                                      std::to_string(limits_.depth) + " deep in each other");
  }
  open_.push_back(&add({.kind = kind}));
  return true;
}

bool TreeBuilder::close() {
  open_.pop_back();
  last_end_ = read_so_far();
  return true;
}

bool TreeBuilder::parse_error(std::size_t position, const std::string&,
                              const nlohmann::detail::exception& error) {
  // "[json.exception.parse_error.101] parse error at line 3, column 9: syntax error while ...":
  // the position is said in our way. A number that is too large has none.
  const std::string_view what = error.what();
  const std::size_t colon = what.find(": ");
  const std::size_t bracket = what.find("] ");
  std::size_t begin = 0;
  if (bracket != std::string_view::npos) begin = bracket + 2;
  if (what.substr(begin).starts_with("parse error at") && colon != std::string_view::npos) {
    begin = colon + 2;
  }
  const std::size_t offset = std::min(position == 0 ? 0 : position - 1, text_.size());
  throw JsonError(offset, std::string(what.substr(begin, kMaxReasonBytes)));
}

}  // namespace

TextPosition position_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, offset);
  const std::size_t newline = before.rfind('\n');
  const auto lines = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
  // npos + 1 is 0.
  return {.line = lines + 1, .column = before.size() - (newline + 1) + 1};
}

LocatedJson parse_located_json(std::string_view text, JsonLimits limits) {
  const char* furthest = text.data();
  const char* const begin = text.data();
  const char* const end = begin + text.size();
  TreeBuilder builder(text, furthest, limits);
  json::sax_parse(WatchedIterator(begin, furthest), WatchedIterator(end, furthest), &builder,
                  json::input_format_t::json, /*strict=*/true, /*ignore_comments=*/true);
  return builder.take();
}

}  // namespace zstdfs::store
