# Every library the project uses, found in the distribution.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
set(ZSTDFS_ZSTD_VERSION 1.5.4)  # the oldest that has what core offers
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd>=${ZSTDFS_ZSTD_VERSION})
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(FUSE3 REQUIRED IMPORTED_TARGET fuse3>=3.14)
pkg_check_modules(CAP REQUIRED IMPORTED_TARGET libcap)
pkg_check_modules(URING REQUIRED IMPORTED_TARGET liburing>=2.3)
find_package(nlohmann_json REQUIRED)
find_package(CLI11 REQUIRED)
