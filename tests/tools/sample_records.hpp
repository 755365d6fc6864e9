#pragma once

#include <cstdint>
#include <string>

namespace zstdfs::test {

/// A line of JSON, with a newline, of about 300 bytes: the same names and much of the values in
/// each, as in what programs log. Depends on its number alone.
std::string sample_record(std::uint64_t number);

/// The records `first` to `first + count - 1`, one after the other.
std::string sample_records(std::uint64_t first, std::uint64_t count);

}  // namespace zstdfs::test
