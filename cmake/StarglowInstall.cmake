include(CMakePackageConfigHelpers)
get_property(libraries GLOBAL PROPERTY STARGLOW_LIBRARIES)
install(TARGETS ${libraries} starglow EXPORT starglowTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT starglowTargets NAMESPACE starglow:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starglow)
install(DIRECTORY include/starglow DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
configure_package_config_file(cmake/starglowConfig.cmake.in ${CMAKE_BINARY_DIR}/starglowConfig.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starglow)
write_basic_package_version_file(${CMAKE_BINARY_DIR}/starglowConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/starglowConfig.cmake ${CMAKE_BINARY_DIR}/starglowConfigVersion.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/starglow)
if(TARGET starglow_cli)
  install(TARGETS starglow_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
