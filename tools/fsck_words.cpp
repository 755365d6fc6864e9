#include "tools/fsck_words.hpp"

#include <nlohmann/json.hpp>

#include "tools/display.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;
using ActionKind = store::RepairAction::Kind;
using FindingKind = store::StoreFinding::Kind;

/// The report in lost+found has all of them.
constexpr std::size_t kShownRanges = 10;

std::string range_text(const ByteRange& range) {
  return std::to_string(range.offset) + "-" + std::to_string(range.end() - 1);
}

std::string lost_text(const store::RepairAction& action, Tense tense) {
  std::string text;
  for (std::size_t i = 0; i < action.lost.size() && i < kShownRanges; ++i) {
    text += (i == 0 ? "" : ", ") + range_text(action.lost[i]);
  }
  if (action.lost.size() > kShownRanges) text += " and more";
  if (!text.empty()) {
    text = "lost, and read as zeros" + std::string(tense == Tense::kDid ? " now" : " then") +
           ": bytes " + text;
  }
  if (action.end_unknown) {
    text += (text.empty() ? "" : "; ") + std::string("what followed the new end is lost as well");
  }
  return text;
}

/// What is done, for both tenses: "f: would be rebuilt".
std::string verb(ActionKind kind) {
  switch (kind) {
    case ActionKind::kFinished:
      return "finished";
    case ActionKind::kRebuilt:
      return "rebuilt";
    case ActionKind::kSalvaged:
      return "salvaged";
    case ActionKind::kMoved:
      return "moved";
    case ActionKind::kReplaced:
      return "made again";
    case ActionKind::kRemoved:
      return "removed";
    case ActionKind::kRefused:
      break;
  }
  return "not repaired";
}

std::string kind_name(ActionKind kind) {
  if (kind == ActionKind::kReplaced) return "replaced";
  return kind == ActionKind::kRefused ? "refused" : verb(kind);
}

std::string kind_name(FindingKind kind) {
  switch (kind) {
    case FindingKind::kPending:
      return "pending";
    case FindingKind::kUnclaimed:
      return "unclaimed";
    case FindingKind::kForeign:
      return "foreign";
    case FindingKind::kMistake:
      return "mistake";
    case FindingKind::kDamaged:
      break;
  }
  return "damaged";
}

}  // namespace

std::string describe(const store::RepairAction& action, Tense tense) {
  const bool refused = action.kind == ActionKind::kRefused;
  std::string line = printable(action.path) + ": ";
  if (tense == Tense::kWould && !refused) line += "would be ";
  line += verb(action.kind);
  if (!action.kept_as.empty() && action.kind == ActionKind::kMoved) {
    line += " to " + printable(action.kept_as);
  }
  if (!action.text.empty()) line += ": " + printable(action.text);
  const std::string lost = lost_text(action, tense);
  if (!lost.empty()) line += "; " + lost;
  if (!action.kept_as.empty() && action.kind != ActionKind::kMoved) {
    line += "; what was there is kept as " + printable(action.kept_as);
  }
  return line;
}

Json to_json(const store::RepairAction& action) {
  Json json = {{"path", action.path}, {"action", kind_name(action.kind)}};
  if (!action.text.empty()) json["what"] = action.text;
  if (!action.kept_as.empty()) json["kept_as"] = action.kept_as;
  json["lost"] = Json::array();
  for (const ByteRange& range : action.lost) {
    json["lost"].push_back({{"offset", range.offset}, {"bytes", range.bytes}});
  }
  json["end_unknown"] = action.end_unknown;
  return json;
}

Json to_json(const store::StoreFinding& finding) {
  Json json = {{"path", finding.path}, {"kind", kind_name(finding.kind)}, {"what", finding.what}};
  if (!finding.target.empty()) json["target"] = finding.target;
  return json;
}

}  // namespace zstdfs::tools
