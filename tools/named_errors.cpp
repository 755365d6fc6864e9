#include "tools/named_errors.hpp"

#include <cerrno>
#include <stdexcept>

#include "fs/store/policy_parse.hpp"
#include "tools/display.hpp"

namespace zstdfs::tools {

std::string explain(const std::error_code& error) {
  switch (error.value()) {
    case EACCES:
    case EPERM:
      return error.message() + "; try as root";
    case ENOTCONN:      // since before
    case ECONNABORTED:  // while this was asked
      return "the daemon of this mount is gone; unmount it and mount it again, which recovers";
    default:
      return error.message();
  }
}

std::string explain(const std::exception& error) {
  const auto* system = dynamic_cast<const std::system_error*>(&error);
  return system != nullptr ? explain(system->code()) : error.what();
}

void rethrow_naming(const std::string& subject) {
  const auto named = [&](const std::string& why) {
    return std::runtime_error(printable(subject) + ": " + why);
  };
  try {
    throw;
  } catch (const store::PolicyError&) {
    throw;
  } catch (const std::runtime_error& error) {
    throw named(explain(error));
  } catch (const std::invalid_argument& error) {
    throw named(error.what());
  }
}

}  // namespace zstdfs::tools
