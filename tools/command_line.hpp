#pragma once

#include <string>

namespace CLI {
class App;
class Error;
}  // namespace CLI

namespace zstdfs::tools {

/// What is said about a command line that cannot be understood: a line that begins with the
/// subcommand and names the word that is wrong, and one that names its help. To be given to
/// CLI::App::failure_message.
std::string explain_command_line(const CLI::App* app, const CLI::Error& error);

}  // namespace zstdfs::tools
