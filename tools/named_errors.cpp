#include "tools/named_errors.hpp"

#include <stdexcept>
#include <system_error>

#include "fs/store/policy_parse.hpp"
#include "tools/display.hpp"
#include "tools/safe_open.hpp"

namespace zstdfs::tools {

void rethrow_naming(const std::string& subject) {
  const auto named = [&](const std::string& why) {
    return std::runtime_error(printable(subject) + ": " + why);
  };
  try {
    throw;
  } catch (const store::PolicyError&) {
    throw;
  } catch (const std::system_error& error) {
    throw named(explain(error.code()));
  } catch (const std::runtime_error& error) {
    throw named(error.what());
  } catch (const std::invalid_argument& error) {
    throw named(error.what());
  }
}

}  // namespace zstdfs::tools
