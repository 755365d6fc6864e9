#pragma once

namespace zstdfs {

/// Throw ZstdError, which names the parameter, for values that libzstd takes and this library does
/// not, some of which it would clamp. To be called before libzstd is given a value.
void check_compression_setting(int parameter, int value);
void check_decompression_setting(int parameter, int value);

}  // namespace zstdfs
