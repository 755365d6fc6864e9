# What other people's programs need to use core: find_package(zstdfs-core), which gives the target
# zstdfs::core, and pkg-config's zstdfs-core.
include(CMakePackageConfigHelpers)

install(TARGETS zstdfs-core EXPORT zstdfs-coreTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT development)
install(DIRECTORY include/zstdfs DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT development
        FILES_MATCHING PATTERN "*.hpp")

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/zstdfs-core)
install(EXPORT zstdfs-coreTargets NAMESPACE zstdfs:: DESTINATION ${package_dir}
        COMPONENT development)
configure_package_config_file(zstdfs-coreConfig.cmake.in zstdfs-coreConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
# Before 1.0, a minor version may change what there is.
write_basic_package_version_file(zstdfs-coreConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zstdfs-coreConfig.cmake
              ${CMAKE_CURRENT_BINARY_DIR}/zstdfs-coreConfigVersion.cmake
        DESTINATION ${package_dir} COMPONENT development)

# Relative to the file itself, so that the installed tree can be moved; what was asked for as an
# absolute path stays one.
file(RELATIVE_PATH ZSTDFS_PC_PREFIX ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
set(ZSTDFS_PC_LIBDIR "\${prefix}")
cmake_path(APPEND ZSTDFS_PC_LIBDIR "${CMAKE_INSTALL_LIBDIR}")
set(ZSTDFS_PC_INCLUDEDIR "\${prefix}")
cmake_path(APPEND ZSTDFS_PC_INCLUDEDIR "${CMAKE_INSTALL_INCLUDEDIR}")
configure_file(zstdfs-core.pc.in zstdfs-core.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/zstdfs-core.pc
        DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT development)
