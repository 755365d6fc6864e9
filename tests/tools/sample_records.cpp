#include "tests/tools/sample_records.hpp"

#include <array>

#include "tests/patterns.hpp"

namespace zstdfs::test {

std::string sample_record(std::uint64_t number) {
  static constexpr std::array kActions = {"created", "removed", "renamed", "opened for reading"};
  static constexpr std::array kPlaces = {"/srv/files/projects", "/srv/files/archive/mail",
                                         "/home/shared/photographs", "/var/lib/reports"};
  Random random(number);
  std::string text = "{\"time\": \"2024-03-" + std::to_string(10 + random.below(20)) + "T" +
                     std::to_string(10 + random.below(14)) + ":15:00Z\", ";
  text += "\"host\": \"storage-" + std::to_string(random.below(40)) + ".example.org\", ";
  text +=
      "\"service\": \"file-audit\", \"severity\": \"informational\", \"message\": \"A file was " +
      std::string(kActions[random.below(kActions.size())]) + " by a client\", ";
  text += "\"path\": \"" + std::string(kPlaces[random.below(kPlaces.size())]) + "/" +
          std::to_string(random.next() % 100000) + ".dat\", ";
  text += "\"client_address\": \"192.0.2." + std::to_string(random.below(256)) +
          "\", \"user_identity\": " + std::to_string(1000 + random.below(500)) + "}\n";
  return text;
}

std::string sample_records(std::uint64_t first, std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = first; i < first + count; ++i) text += sample_record(i);
  return text;
}

}  // namespace zstdfs::test
