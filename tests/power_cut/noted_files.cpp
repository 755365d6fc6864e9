#include "tests/power_cut/noted_files.hpp"

#include <fcntl.h>
#include <linux/falloc.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <stdexcept>

#include "tests/power_cut/content.hpp"

namespace zstdfs::powercut {

using mounttest::check;
using mounttest::Fd;

namespace {

constexpr std::uint64_t kWriteBytes = 64u << 10;

}  // namespace

NotedDirectory::NotedDirectory(std::string root, const std::string& mark_file)
    : root_(std::move(root)), marks_(mounttest::open_file(mark_file, O_WRONLY)) {}

void NotedDirectory::mark(const std::string& text) {
  const long wrote = check(::write(marks_.get(), text.data(), text.size()), "mark");
  if (static_cast<std::size_t>(wrote) != text.size()) throw std::runtime_error("a mark was cut");
}

void NotedDirectory::make_directory(const std::string& name) {
  check(::mkdir(path(name).c_str(), 0755), "mkdir " + name);
  const Fd parent = mounttest::open_file(root_, O_RDONLY | O_DIRECTORY);
  check(::fsync(parent.get()), "fsync of the directory above " + name);
}

void NotedDirectory::rename(const std::string& from, const std::string& to, std::uint64_t file) {
  mark("gone " + from);
  mark("name " + to + " " + std::to_string(file));
  check(::rename(path(from).c_str(), path(to).c_str()), "rename " + from);
}

void NotedDirectory::unlink(const std::string& name) {
  mark("gone " + name);
  check(::unlink(path(name).c_str()), "unlink " + name);
}

void NotedDirectory::sync_directory(const std::string& directory,
                                    std::initializer_list<std::string> names) {
  const Fd fd = mounttest::open_file(path(directory), O_RDONLY | O_DIRECTORY);
  check(::fsync(fd.get()), "fsync " + directory);
  for (const std::string& name : names) mark("named " + name);
}

NotedFile NotedFile::create(NotedDirectory& directory, const std::string& name) {
  const std::uint64_t file = directory.new_file_number();
  directory.mark("name " + name + " " + std::to_string(file));
  return {directory, name, file, O_RDWR | O_CREAT | O_EXCL};
}

NotedFile::NotedFile(NotedDirectory& directory, const std::string& name, std::uint64_t file,
                     int flags)
    : directory_(&directory),
      name_(name),
      file_(file),
      fd_(mounttest::open_file(directory.path(name), flags)) {}

void NotedFile::note_write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version) {
  directory_->mark("write " + std::to_string(file_) + " " + std::to_string(offset) + " " +
                   std::to_string(bytes) + " " + std::to_string(version));
}

void NotedFile::write(std::uint64_t offset, std::uint64_t bytes, std::uint64_t version) {
  note_write(offset, bytes, version);
  mounttest::pwrite_all(fd_.get(), range_content(file_, offset, bytes, version), offset);
}

void NotedFile::write_blocks(std::uint64_t first, std::uint64_t count, std::uint64_t version) {
  write(first * kBlockBytes, count * kBlockBytes, version);
}

void NotedFile::zero_blocks(std::uint64_t first, std::uint64_t count) {
  note_write(first * kBlockBytes, count * kBlockBytes, 0);
  check(::fallocate(fd_.get(), FALLOC_FL_ZERO_RANGE, static_cast<off_t>(first * kBlockBytes),
                    static_cast<off_t>(count * kBlockBytes)),
        "zero a range of " + name_);
}

void NotedFile::append(std::uint64_t size, std::uint64_t bytes) {
  for (const std::uint64_t end = size + bytes; size < end;) {
    const std::uint64_t n = std::min(kWriteBytes, end - size);
    write(size, n, 1);
    size += n;
  }
}

void NotedFile::truncate(std::uint64_t bytes) {
  directory_->mark("size " + std::to_string(file_) + " " + std::to_string(bytes));
  check(::ftruncate(fd_.get(), static_cast<off_t>(bytes)), "truncate " + name_);
}

void NotedFile::sync() {
  check(::fsync(fd_.get()), "fsync " + name_);
  directory_->mark("synced " + std::to_string(file_));
}

void NotedFile::sync_data() {
  check(::fdatasync(fd_.get()), "fdatasync " + name_);
  directory_->mark("synced " + std::to_string(file_));
}

void NotedFile::sync_with_name() {
  sync();
  directory_->mark("named " + name_);
}

void NotedFile::close() {
  check(fd_.close(), "close " + name_);
}

}  // namespace zstdfs::powercut
