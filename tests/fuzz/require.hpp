#pragma once

#include "zstdfs/errors.hpp"

/// What must hold whatever the input is. Stops the process, so that a fuzzer keeps the input.
#define FUZZ_REQUIRE(expression) ZSTDFS_ASSERT(expression)
