// `zstdfs batch`: compresses and decompresses many files, or the records of a stream.
#include <sys/stat.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "tools/batch_codec.hpp"
#include "tools/batch_files.hpp"
#include "tools/batch_records.hpp"
#include "tools/command.hpp"
#include "tools/dictionary_file.hpp"
#include "tools/display.hpp"
#include "tools/interruption.hpp"
#include "tools/json_output.hpp"
#include "tools/shared_options.hpp"

namespace zstdfs::tools {
namespace {

using Json = nlohmann::ordered_json;

constexpr SizeLimits kRecordLimits = {1, 1u << 30};

struct BatchCommandOptions {
  BatchDirection direction = BatchDirection::kCompress;
  BatchCodecOptions codec;
  std::string dictionary_path;
  std::optional<RecordForm> records;
  std::uint64_t max_record_bytes = kDefaultMaxRecordBytes;
  FileBatchOptions files;
  std::string given_for_files;  ///< options on the command line that say what becomes of files
  bool json = false;
};

void complain(const std::string& what) {
  std::cerr << "zstdfs batch: " << what << '\n';
}

double ratio(const BatchTotals& totals, BatchDirection direction) {
  const bool compressed = direction == BatchDirection::kCompress;
  const std::uint64_t logical = compressed ? totals.input_bytes : totals.output_bytes;
  const std::uint64_t stored = compressed ? totals.output_bytes : totals.input_bytes;
  return stored == 0 ? 1.0 : static_cast<double>(logical) / static_cast<double>(stored);
}

Json to_json(const BatchTotals& totals, BatchDirection direction, const char* items) {
  return {{items, totals.items},
          {"input_bytes", totals.input_bytes},
          {"output_bytes", totals.output_bytes},
          {"ratio", ratio(totals, direction)},
          {"failures", totals.failures}};
}

int run_files(const BatchCommandOptions& options, BatchCodec& codec) {
  std::uint64_t bytes = 0;
  for (const std::string& path : options.files.paths) {
    struct stat status {};
    if (::stat(path.c_str(), &status) == 0) bytes += static_cast<std::uint64_t>(status.st_size);
  }
  const bool compress = options.direction == BatchDirection::kCompress;
  Progress progress(compress ? "compressing" : "decompressing", Progress::Unit::kBytes, bytes);
  const BatchTotals totals = process_files(
      codec, options.direction, options.files,
      [&](const std::string& path, const std::string& why) {
        progress.clear();
        complain(printable(path) + ": " + why);
      },
      progress);
  progress.clear();
  if (options.json) {
    print_json(to_json(totals, options.direction, "files"));
  } else {
    std::cout << format_count(totals.items) << (totals.items == 1 ? " file, " : " files, ")
              << format_bytes(totals.input_bytes) << " to " << format_bytes(totals.output_bytes)
              << '\n';
  }
  return totals.failures == 0 ? kExitOk : kExitFailed;
}

int run_records(const BatchCommandOptions& options, BatchCodec& codec) {
  const bool compress = options.direction == BatchDirection::kCompress;
  const RecordBatchOptions how{*options.records, options.max_record_bytes};
  BatchTotals totals;
  try {
    Progress progress(compress ? "compressing" : "decompressing", Progress::Unit::kBytes);
    (compress ? compress_records : decompress_records)(codec, how, totals, progress);
  } catch (const std::runtime_error& error) {
    complain(error.what());
    ++totals.failures;
  }
  // Standard output has the records.
  if (options.json) print_json(to_json(totals, options.direction, "records"), std::cerr);
  return totals.failures == 0 ? kExitOk : kExitFailed;
}

/// What is wrong with options that only together are wrong. Empty: nothing.
std::string contradiction(const BatchCommandOptions& options) {
  const FileBatchOptions& files = options.files;
  if (!options.records) {
    return files.paths.empty() ? "name files, or say with --records what standard input holds" : "";
  }
  if (!files.paths.empty()) {
    return "with --records, standard input is read and no files can be named";
  }
  if (!options.given_for_files.empty()) {
    return "with --records, results go to standard output; for files only: " +
           options.given_for_files;
  }
  const bool compress = options.direction == BatchDirection::kCompress;
  if (compress && !files.force && ::isatty(STDOUT_FILENO) == 1) {
    return "standard output is a terminal, where frames do harm; redirect it";
  }
  return "";
}

int run_batch(BatchCommandOptions& options) {
  const std::string problem = contradiction(options);
  if (!problem.empty()) {
    complain(problem);
    return kExitUsage;
  }
  try {
    if (!options.dictionary_path.empty()) {
      options.codec.dictionary = load_dictionary(options.dictionary_path);
    }
    BatchCodec codec(options.codec);
    return options.records ? run_records(options, codec) : run_files(options, codec);
  } catch (const std::runtime_error& error) {
    complain(error.what());
    return kExitFailed;
  } catch (const Interrupted&) {
    return Interruption::exit_code();
  }
}

void add_direction(CLI::App& batch, Action& action, BatchDirection direction) {
  const auto options = std::make_shared<BatchCommandOptions>();  // shared with the callback
  options->direction = direction;
  const bool compress = direction == BatchDirection::kCompress;
  CLI::App* command = compress ? batch.add_subcommand("compress", "Make zstd frames")
                               : batch.add_subcommand("decompress", "Give the content back");
  command->footer(compress ? "Examples:\n"
                             "  zstdfs batch compress *.json\n"
                             "  zstdfs batch compress --records lines < events.jsonl > events"
                           : "Examples:\n"
                             "  zstdfs batch decompress *.json.zst\n"
                             "  zstdfs batch decompress --records lines < events");
  FileBatchOptions& files = options->files;
  command->add_option("FILE", files.paths, "Files, where there is no --records");
  add_records_option(*command, options->records,
                     "What there is: files, or records on standard input");
  if (compress) {
    add_level_option(*command, options->codec.level);
    command->add_flag("!--no-check", options->codec.checksum, "Frames without a checksum");
  }
  command->add_option("--dictionary-file", options->dictionary_path, "Use a dictionary")
      ->type_name("FILE");
  add_threads_option(*command, options->codec.threads);
  command->add_option("--max-record-size", options->max_record_bytes, "Refuse larger records")
      ->transform(size_within(kRecordLimits))
      ->default_str("64MiB");
  command->add_option("--output-dir", files.output_directory, "Where the results go")
      ->type_name("DIR");
  const auto usable = [](const std::string& suffix) {
    const bool wrong = suffix.empty() || suffix.find('/') != std::string::npos;
    return wrong ? std::string("an ending of file names is needed") : std::string();
  };
  command->add_option("--suffix", files.suffix, "How the names of compressed files end")
      ->check(CLI::Validator(usable, "SUFFIX"))
      ->capture_default_str();
  command->add_flag("--remove,!--keep", files.remove,
                    "Remove the files afterwards (--keep: do not)");
  command->add_flag("--force", files.force, "Replace results that are there");
  add_json_option(*command, options->json);
  command->callback([options, command, &action] {
    std::string& given = options->given_for_files;
    for (const char* const name : {"--output-dir", "--suffix"}) {
      if (command->count(name) > 0) given += (given.empty() ? "" : ", ") + std::string(name);
    }
    if (options->files.remove) given += given.empty() ? "--remove" : ", --remove";
    action = [options] { return run_batch(*options); };
  });
}

}  // namespace

void add_batch_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("batch", "Compress and decompress many files, or records of a stream");
  command->require_subcommand(1);
  command->footer(  // before the two, which have it from here
      "Examples:\n"
      "  zstdfs batch compress --level 12 --output-dir /srv/archive *.json\n"
      "  zstdfs batch compress --records lines --dictionary-file events.dict < events.jsonl > "
      "events\n"
      "  zstdfs batch decompress --records lines --dictionary-file events.dict < events");
  add_direction(*command, action, BatchDirection::kCompress);
  add_direction(*command, action, BatchDirection::kDecompress);
}

}  // namespace zstdfs::tools
