#pragma once

#include <string>

namespace zstdfs::tools {

/// A policy's text with `rule`, a JSON object, before all of its rules; comments and layout stay.
/// An empty text is no policy yet. Throws store::PolicyError when the text is no policy; `file` is
/// how that names it.
std::string with_first_rule(const std::string& text, const std::string& file,
                            const std::string& rule);

}  // namespace zstdfs::tools
