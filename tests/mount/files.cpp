#include "tests/mount/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "zstdfs/container_header.hpp"

namespace zstdfs::mounttest {

long check(long result, const std::string& what) {
  if (result < 0) throw std::system_error(errno, std::generic_category(), what);
  return result;
}

Fd& Fd::operator=(Fd&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

Fd::~Fd() {
  close();
}

int Fd::close() {
  if (fd_ < 0) return 0;
  return ::close(std::exchange(fd_, -1));
}

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  path_ = std::string(base != nullptr && *base != '\0' ? base : "/tmp") + "/z.XXXXXX";
  if (::mkdtemp(path_.data()) == nullptr) check(-1, path_);
  check(::chmod(path_.c_str(), 0755), path_);
}

TempDir::~TempDir() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

Fd open_file(const std::string& path, int flags, mode_t mode) {
  Fd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  check(fd.get(), "open " + path);
  return fd;
}

void write_all(int fd, ByteSpan content, std::size_t piece_bytes) {
  const std::size_t piece = piece_bytes == 0 ? content.size() : piece_bytes;
  while (!content.empty()) {
    const long wrote = check(::write(fd, content.data(), std::min(piece, content.size())), "write");
    content = content.subspan(static_cast<std::size_t>(wrote));
  }
}

void pwrite_all(int fd, ByteSpan content, std::uint64_t offset) {
  while (!content.empty()) {
    const long wrote =
        check(::pwrite(fd, content.data(), content.size(), static_cast<off_t>(offset)), "pwrite");
    content = content.subspan(static_cast<std::size_t>(wrote));
    offset += static_cast<std::uint64_t>(wrote);
  }
}

void write_file(const std::string& path, ByteSpan content, std::size_t piece_bytes) {
  Fd fd = open_file(path, O_WRONLY | O_CREAT | O_TRUNC);
  write_all(fd.get(), content, piece_bytes);
  check(fd.close(), "close " + path);
}

void append_file(const std::string& path, ByteSpan content) {
  Fd fd = open_file(path, O_WRONLY | O_APPEND | O_CREAT);
  write_all(fd.get(), content);
  check(fd.close(), "close " + path);
}

Bytes read_all(int fd) {
  Bytes out;
  for (;;) {
    const std::size_t before = out.size();
    out.resize(before + (1u << 20));
    const long got = check(
        ::pread(fd, out.data() + before, out.size() - before, static_cast<off_t>(before)), "pread");
    out.resize(before + static_cast<std::size_t>(got));
    if (got == 0) return out;
  }
}

Bytes read_file(const std::string& path) {
  return read_all(open_file(path, O_RDONLY).get());
}

struct stat status_of(const std::string& path) {
  struct stat status {};
  check(::lstat(path.c_str(), &status), "lstat " + path);
  return status;
}

struct stat status_of(int fd) {
  struct stat status {};
  check(::fstat(fd, &status), "fstat");
  return status;
}

bool exists(const std::string& path) {
  struct stat status {};
  return ::lstat(path.c_str(), &status) == 0;
}

std::vector<std::string> names_in(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> regular_files(const std::string& directory) {
  std::vector<std::string> paths;
  std::filesystem::recursive_directory_iterator walk(directory);
  for (auto entry = begin(walk); entry != end(walk); ++entry) {
    if (entry->path().filename() == ".zstdfs") {
      entry.disable_recursion_pending();
    } else if (entry->is_regular_file() && !entry->is_symlink()) {
      paths.push_back(entry->path().string());
    }
  }
  std::sort(paths.begin(), paths.end());
  return paths;
}

bool is_stored_as_container(const std::string& backing_path) {
  Bytes prefix(kContainerSignatureBytes);
  const Fd fd = open_file(backing_path, O_RDONLY);
  const long got = check(::pread(fd.get(), prefix.data(), prefix.size(), 0), "pread");
  prefix.resize(static_cast<std::size_t>(got));
  return has_container_signature(prefix);
}

std::string digest(ByteSpan content) {
  // FNV-1a: independent of what is under test.
  std::uint64_t hash = 0xCBF29CE484222325u;
  for (const std::byte byte : content) {
    hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001B3u;
  }
  char text[64];
  std::snprintf(text, sizeof text, "%zu bytes #%016llx", content.size(),
                static_cast<unsigned long long>(hash));
  return text;
}

std::string difference(ByteSpan got, ByteSpan wanted) {
  const auto [at, other] = std::mismatch(got.begin(), got.end(), wanted.begin(), wanted.end());
  if (at == got.end() && other == wanted.end()) return {};
  std::size_t differing = 0;
  for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) {
    if (got[i] != wanted[i]) ++differing;
  }
  return "first difference at byte " + std::to_string(at - got.begin()) + ", " +
         std::to_string(differing) + " bytes differ; sizes " + std::to_string(got.size()) +
         " (got) and " + std::to_string(wanted.size()) + " (wanted)";
}

}  // namespace zstdfs::mounttest
