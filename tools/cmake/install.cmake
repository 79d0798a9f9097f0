# Installed: libjoist, the command, its helper, the public headers and a CMake package that needs no third-party files.
include(CMakePackageConfigHelpers)
set(joist_config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/joist)

install(TARGETS joist EXPORT joist_targets)
foreach(target joist_command)
  if(TARGET ${target})
    install(TARGETS ${target})
  endif()
endforeach()
foreach(plugin joist_mpi joist_cuda)
  if(TARGET ${plugin})
    install(TARGETS ${plugin} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
  endif()
endforeach()
if(TARGET joist_hdf5_reader)
  install(TARGETS joist_hdf5_reader RUNTIME DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/joist)
endif()

install(DIRECTORY core layers optim data DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/joist
        FILES_MATCHING PATTERN "*.h" PATTERN "*.inl" PATTERN "core/cpu" EXCLUDE PATTERN "core/parallel/mpi" EXCLUDE
        PATTERN "data/formats/xml_document.h" EXCLUDE)
install(DIRECTORY tools/training tools/report tools/lab DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/joist/tools
        FILES_MATCHING PATTERN "*.h" PATTERN "tools/report/cairo.h" EXCLUDE
        PATTERN "tools/lab/experiments.h" EXCLUDE)
file(GLOB tool_headers CONFIGURE_DEPENDS tools/*.h)
list(REMOVE_ITEM tool_headers ${PROJECT_SOURCE_DIR}/tools/joist.h)
install(FILES ${tool_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/joist/tools)
install(FILES tools/joist.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/joist OPTIONAL)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})

install(EXPORT joist_targets NAMESPACE joist:: DESTINATION ${joist_config_dir})
configure_package_config_file(tools/cmake/joistConfig.cmake.in ${PROJECT_BINARY_DIR}/joistConfig.cmake
                              INSTALL_DESTINATION ${joist_config_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/joistConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/joistConfig.cmake ${PROJECT_BINARY_DIR}/joistConfigVersion.cmake
        DESTINATION ${joist_config_dir})
