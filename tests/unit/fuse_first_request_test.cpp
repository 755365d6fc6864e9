#include <gtest/gtest.h>
#include <linux/fuse.h>

#include <cstddef>

#include "fs/fuse/first_request.hpp"
#include "fs/fuse/request_rings.hpp"

namespace zstdfs::fuse {
namespace {

struct Request {
  fuse_in_header header{};
  fuse_init_in init{};
};

fuse_buf buffer_of(Request& request, std::size_t bytes) {
  fuse_buf buffer{};
  buffer.mem = &request;
  buffer.size = bytes;
  return buffer;
}

TEST(FirstRequestTest, OffersAreBitsOfBothWords) {
  Request request;
  request.init.flags = FUSE_INIT_EXT | FUSE_ASYNC_READ;
  request.init.flags2 = 1u << (41 - 32);
  const fuse_buf buffer = buffer_of(request, sizeof(request));
  const FirstRequest first(buffer);
  EXPECT_TRUE(first.offers(FUSE_ASYNC_READ));
  EXPECT_TRUE(first.offers(kOverIoUring));
  EXPECT_FALSE(first.offers(FUSE_HANDLE_KILLPRIV_V2));
  EXPECT_FALSE(first.offers(kOverIoUring << 1));
}

TEST(FirstRequestTest, TheSecondWordCountsWhereItIsSaidToBeThere) {
  Request request;
  request.init.flags = FUSE_HANDLE_KILLPRIV_V2;
  request.init.flags2 = ~0u;
  const fuse_buf buffer = buffer_of(request, sizeof(request));
  const FirstRequest first(buffer);
  EXPECT_TRUE(first.offers(FUSE_HANDLE_KILLPRIV_V2));
  EXPECT_FALSE(first.offers(kOverIoUring));
}

// Before Linux 5.17 the request ends with the first word.
TEST(FirstRequestTest, OlderKernelsOfferInAShorterRequest) {
  Request request;
  request.init.flags = ~0u;
  request.init.flags2 = ~0u;
  const fuse_buf buffer =
      buffer_of(request, sizeof(fuse_in_header) + offsetof(fuse_init_in, flags2));
  const FirstRequest first(buffer);
  EXPECT_TRUE(first.offers(FUSE_HANDLE_KILLPRIV_V2));
  EXPECT_FALSE(first.offers(kOverIoUring));
}

}  // namespace
}  // namespace zstdfs::fuse
