#include "tests/tools/temp_store.hpp"

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <system_error>

#include "fs/os/posix.hpp"
#include "fs/store/store_paths.hpp"

namespace zstdfs::test {

TempStore::TempStore() {
  std::string name = (std::filesystem::temp_directory_path() / "zstdfs-tools-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) {
    throw std::system_error(errno, std::generic_category(), "mkdtemp");
  }
  root_ = name;
  write(".zstdfs/store.json", R"({"format": 1, "id": "6fd2c3bb-5a0d-4f8e-9d0a-3f9d4f6f3c11",)"
                              R"( "created": "2024-01-01T00:00:00Z"})");
  write(".zstdfs/state", R"({"clean": true})");
  write(".zstdfs/lock", "");
  std::filesystem::create_directory(path(".zstdfs/journal"));
}

TempStore::~TempStore() {
  std::error_code ignored;
  std::filesystem::remove_all(root_, ignored);
}

std::string TempStore::path(std::string_view below) const {
  return below.empty() ? root_ : root_ + "/" + std::string(below);
}

void TempStore::write(std::string_view below, ByteSpan content) const {
  const std::filesystem::path file = path(below);
  std::filesystem::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary);
  out.write(reinterpret_cast<const char*>(content.data()),
            static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) throw std::system_error(EIO, std::generic_category(), file.string());
}

void TempStore::write(std::string_view below, std::string_view text) const {
  write(below, std::as_bytes(std::span(text)));
}

std::unique_ptr<os::VolumeLock> TempStore::hold() const {
  pid_t holder = 0;
  return os::open_posix_volume(root_)->try_lock(store::kLockPath, holder);
}

Bytes read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text((std::istreambuf_iterator<char>(in)), {});
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

}  // namespace zstdfs::test
