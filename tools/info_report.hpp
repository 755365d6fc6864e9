#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/frame_list.hpp"
#include "tools/stored_form.hpp"

namespace zstdfs::tools {

/// What `zstdfs info` found out about one file.
struct FileInfo {
  std::string path;                  ///< as it was given
  std::string stored_path;           ///< in the backing directory
  std::optional<std::string> store;  ///< its backing directory; nothing: the file is in no store
  StoredForm form;
  std::uint64_t disk_bytes = 0;
  std::optional<FrameList> frames;  ///< when they were asked for
};

/// One table with a row for each file.
void print_info_table(const std::vector<FileInfo>& infos);

/// A line and a table of frames for each file; all numbers are exact. Precondition: the frames are
/// there.
void print_frame_tables(const std::vector<FileInfo>& infos);

/// A line for each file that is in no store: what it takes says nothing about one.
void print_those_in_no_store(const std::vector<FileInfo>& infos);

/// A JSON array with an object for each file: docs/json.md, "info".
void print_info_json(const std::vector<FileInfo>& infos);

}  // namespace zstdfs::tools
