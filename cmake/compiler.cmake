# Language, warnings and sanitizers, in the one place where they are set.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # With precompiled headers it asks to be told that they do not depend on the time.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE_PROGRAM})
endif()

add_compile_definitions(_FILE_OFFSET_BITS=64 _GNU_SOURCE)
add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion
                    -Wnon-virtual-dtor -Woverloaded-virtual)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # GCC 12 warns about its own std::string (GCC bug 105651).
  add_compile_options(-Wno-restrict)
endif()
if(ZSTDFS_WERROR)
  add_compile_options(-Werror)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  add_compile_options(-Wthread-safety)
endif()
if(ZSTDFS_SANITIZE)
  add_compile_options(-fsanitize=${ZSTDFS_SANITIZE} -fno-omit-frame-pointer
                      -fno-sanitize-recover=all)
  if(ZSTDFS_SANITIZE MATCHES "undefined")
    # To look at an object it opens a pipe: in a process that has no descriptor left, every object
    # of a type that it meets for the first time seems to be none.
    add_compile_options(-fno-sanitize=vptr)
  endif()
  add_link_options(-fsanitize=${ZSTDFS_SANITIZE})
  if(ZSTDFS_SANITIZE MATCHES "thread")
    add_compile_definitions(ZSTDFS_THREAD_SANITIZER)
  endif()
endif()

# For code whose own speed matters to nobody: most of a build's time went into optimising it.
function(zstdfs_compile_quickly target)
  target_compile_options(${target} PRIVATE -O0)
endfunction()

# Sanitizers make compiling slow. All other builds compile what is shipped without precompiled
# headers, and so find the sources that do not include what they use.
if(NOT ZSTDFS_SANITIZE)
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()

# Reads the headers of others once for all sources of a target.
function(zstdfs_precompile target)
  target_precompile_headers(${target} PRIVATE
    <algorithm> <array> <atomic> <charconv> <chrono> <deque> <filesystem> <fstream> <functional>
    <iostream> <map> <memory> <optional> <set> <span> <sstream> <stdexcept> <string> <string_view>
    <system_error> <thread> <unordered_map> <utility> <vector> ${ARGN})
  if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
    target_compile_options(${target} PRIVATE -Xclang -fno-pch-timestamp)  # for ccache
  endif()
endfunction()
