#include "tools/info_report.hpp"

#include <array>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "tools/display.hpp"
#include "tools/json_output.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

/// What a user may want to know beyond the numbers.
std::string note_of(const StoredForm& form) {
  if (form.foreign_zstd) return "raw (a .zst file of its own)";
  if (form.form == Form::kRaw) return "raw";
  switch (form.condition) {
    case Condition::kSealed:
      return "container";
    case Condition::kInterrupted:
      return "container (not sealed: being written, or a write was interrupted)";
    case Condition::kDamaged:
      break;
  }
  return "container (DAMAGED: " + form.damage + ")";
}

std::string saving_name(const StoredForm& form) {
  return form.compact ? "bytes" : "blocks";
}

std::string dictionary_text(std::uint32_t id) {
  return id == 0 ? "-" : std::to_string(id);
}

/// As `zstd -lv` shows it.
std::string checksum_text(std::uint32_t checksum) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", checksum);
  return text.data();
}

/// A number, or what `absent` says.
template <typename Value, typename Absent>
Json value_or(const std::optional<Value>& value, Absent absent) {
  return value ? Json(*value) : Json(absent);
}

std::string text_or_dash(const std::optional<std::uint64_t>& value) {
  return value ? std::to_string(*value) : "-";
}

Json to_json(const ListedFrame& frame) {
  const FrameExtent& extent = frame.extent;
  const bool data = extent.kind == FrameExtent::Kind::kData;
  Json json = {{"kind", frame_kind_name(frame.kind)},
               {"stored_offset", extent.stored_offset},
               {"stored_bytes", extent.stored_bytes}};
  if (!data) {
    json["magic"] = extent.magic;
    return json;
  }
  json["logical_offset"] = value_or(frame.logical_offset, nullptr);
  json["logical_bytes"] = value_or(extent.content_bytes, nullptr);
  json["checksum"] = extent.checksum ? Json(checksum_text(*extent.checksum)) : Json(nullptr);
  json["dictionary_id"] = extent.dictionary_id;
  json["window_bytes"] = extent.window_bytes;
  return json;
}

void add_frames(Json& json, const FrameList& list) {
  Json frames = Json::array();
  for (const ListedFrame& frame : list.frames) frames.push_back(to_json(frame));
  json["frame_list"] = std::move(frames);
  json["frame_problem"] = nullptr;
  if (list.problem) {
    json["frame_problem"] = {{"stored_offset", list.problem->stored_offset},
                             {"reason", list.problem->reason}};
  }
}

Json to_json(const FileInfo& info) {
  const StoredForm& form = info.form;
  Json json = {{"path", info.path},
               {"stored_path", info.stored_path},
               {"store", value_or(info.store, nullptr)},
               {"form", form_name(form.form)},
               {"logical_bytes", form.logical_bytes},
               {"stored_bytes", form.stored_bytes},
               {"disk_bytes", info.disk_bytes}};
  if (form.form == Form::kRaw) {
    json["foreign_zstd"] = form.foreign_zstd;
  } else {
    json["level"] = form.level;
    json["chunk_bytes"] = form.chunk_bytes;
    json["dictionary_id"] = form.dictionary_id;
    json["saving"] = saving_name(form);
    json["long_distance_matching"] = form.long_distance_matching;
    json["frames"] = form.frames;
    json["zero_bytes"] = form.zero_bytes;
    json["condition"] = condition_name(form.condition);
    if (!form.damage.empty()) json["damage"] = form.damage;
  }
  if (info.frames) add_frames(json, *info.frames);
  return json;
}

void print_frames(const FrameList& list) {
  Table table({{"FRAME"},
               {"KIND", Align::kLeft},
               {"STORED AT"},
               {"STORED"},
               {"LOGICAL AT"},
               {"LOGICAL"},
               {"CHECKSUM"},
               {"DICTIONARY"}});
  std::size_t number = 0;
  for (const ListedFrame& frame : list.frames) {
    const FrameExtent& extent = frame.extent;
    table.add_row({std::to_string(number++), frame_kind_name(frame.kind),
                   std::to_string(extent.stored_offset), std::to_string(extent.stored_bytes),
                   text_or_dash(frame.logical_offset), text_or_dash(extent.content_bytes),
                   extent.checksum ? checksum_text(*extent.checksum) : "-",
                   dictionary_text(extent.dictionary_id)});
  }
  table.print(std::cout);
}

}  // namespace

void print_info_table(const std::vector<FileInfo>& infos) {
  Table table({{"LOGICAL"},
               {"STORED"},
               {"RATIO"},
               {"ON DISK"},
               {"LEVEL"},
               {"CHUNK"},
               {"FRAMES"},
               {"DICTIONARY"},
               {"SAVING"},
               {"LONG"},
               {"FILE", Align::kLeft},
               {"FORM", Align::kLeft}});
  for (const FileInfo& info : infos) {
    const StoredForm& form = info.form;
    const bool raw = form.form == Form::kRaw;
    const auto if_container = [&](const std::string& text) { return raw ? "-" : text; };
    table.add_row(
        {format_bytes(form.logical_bytes), format_bytes(form.stored_bytes),
         format_ratio(form.logical_bytes, form.stored_bytes), format_bytes(info.disk_bytes),
         if_container(std::to_string(form.level)), if_container(format_bytes(form.chunk_bytes)),
         if_container(format_count(form.frames)), dictionary_text(form.dictionary_id),
         if_container(saving_name(form)), if_container(form.long_distance_matching ? "yes" : "no"),
         printable(info.path), note_of(form)});
  }
  table.print(std::cout);
}

void print_frame_tables(const std::vector<FileInfo>& infos) {
  bool first = true;
  for (const FileInfo& info : infos) {
    if (!first) std::cout << '\n';
    first = false;
    std::cout << printable(info.path) << ": " << note_of(info.form) << ", "
              << info.form.stored_bytes << " stored bytes\n";
    if (info.frames->frames.empty()) {
      std::cout << "no zstd frames\n";
    } else {
      print_frames(*info.frames);
    }
  }
}

void print_those_in_no_store(const std::vector<FileInfo>& infos) {
  for (const FileInfo& info : infos) {
    if (!info.store) std::cout << printable(info.path) << " is in no store\n";
  }
}

void print_info_json(const std::vector<FileInfo>& infos) {
  Json list = Json::array();
  for (const FileInfo& info : infos) list.push_back(to_json(info));
  print_json(list);
}

}  // namespace zstdfs::tools
