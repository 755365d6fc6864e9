#pragma once

#include <stdexcept>

namespace zstdfs::store {

/// Somebody else has the store open.
class StoreBusyError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The store cannot be opened as it is: says what is wrong and what to do.
class StoreError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace zstdfs::store
