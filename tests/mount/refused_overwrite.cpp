#include "tests/mount/refused_overwrite.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <system_error>

#include "tests/mount/files.hpp"
#include "tests/patterns.hpp"

namespace zstdfs::mounttest {
namespace {

constexpr std::size_t kBytes = 8000000;
constexpr std::size_t kBlock = 100000;

}  // namespace

RefusedOverwrite::RefusedOverwrite(std::string path)
    : path_(std::move(path)),
      before_(test::text_bytes(kBytes, 2)),
      after_(test::random_bytes(kBytes, 3)) {
  write_file(path_, before_);
}

int RefusedOverwrite::overwrite() {
  Fd fd = open_file(path_, O_RDWR);
  try {
    for (std::size_t at = 0; at < kBytes; at += kBlock) {
      pwrite_all(fd.get(), ByteSpan(after_).subspan(at, kBlock), at);
      check(::fsync(fd.get()), "fsync");
      synced_ = at + kBlock;
    }
    check(fd.close(), "close");
  } catch (const std::system_error& error) {
    return error.code().value();
  }
  return 0;
}

void RefusedOverwrite::expect_old_or_new() const {
  const Bytes got = read_file(path_);
  ASSERT_EQ(got.size(), kBytes);
  EXPECT_EQ(difference(ByteSpan(got).first(synced_), ByteSpan(after_).first(synced_)), "")
      << "of what was synced";
  const std::size_t unsure = std::min(synced_ + kBlock, kBytes);
  EXPECT_EQ(difference(ByteSpan(got).subspan(unsure), ByteSpan(before_).subspan(unsure)), "")
      << "of what was not written";
}

}  // namespace zstdfs::mounttest
