#include "tests/tools/command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <memory>
#include <system_error>

extern char** environ;

namespace zstdfs::test {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using TempFile = std::unique_ptr<std::FILE, CloseFile>;

TempFile make_temp_file() {
  TempFile file(std::tmpfile());
  if (!file) throw std::system_error(errno, std::generic_category(), "tmpfile");
  return file;
}

std::string content_of(std::FILE* file) {
  std::rewind(file);
  std::string text;
  std::array<char, 4096> part{};
  while (const std::size_t n = std::fread(part.data(), 1, part.size(), file)) {
    text.append(part.data(), n);
  }
  return text;
}

}  // namespace

CommandResult run_zstdfs(const std::vector<std::string>& arguments, const CommandStreams& streams) {
  return run_program(ZSTDFS_PROGRAM, arguments, streams);
}

CommandResult run_program(std::string program, const std::vector<std::string>& arguments,
                          const CommandStreams& streams) {
  // Files, not pipes: nothing can block, however much is printed.
  const TempFile in = make_temp_file();
  std::fwrite(streams.input.data(), 1, streams.input.size(), in.get());
  std::rewind(in.get());
  const TempFile out = make_temp_file();
  const TempFile error = make_temp_file();
  std::vector<char*> argv = {program.data()};
  std::vector<std::string> copies = arguments;
  for (std::string& argument : copies) argv.push_back(argument.data());
  argv.push_back(nullptr);

  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ::fileno(in.get()), STDIN_FILENO);
  if (streams.output_path.empty()) {
    posix_spawn_file_actions_adddup2(&actions, ::fileno(out.get()), STDOUT_FILENO);
  } else {
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, streams.output_path.c_str(), O_WRONLY,
                                     0);
  }
  posix_spawn_file_actions_adddup2(&actions, ::fileno(error.get()), STDERR_FILENO);
  pid_t child = 0;
  const int failure =
      ::posix_spawn(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) throw std::system_error(failure, std::generic_category(), program);

  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "waitpid");
  }
  CommandResult result;
  result.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
  result.out = content_of(out.get());
  result.error = content_of(error.get());
  return result;
}

}  // namespace zstdfs::test
