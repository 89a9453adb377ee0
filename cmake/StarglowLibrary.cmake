# Options that every target of this project is compiled with; never exported to a consumer.
add_library(starglow_flags INTERFACE)
target_compile_features(starglow_flags INTERFACE cxx_std_20)
if(STARGLOW_WERROR)
  set(warnings -Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow -Wdouble-promotion -Werror
    $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>)  # false alarms on std::string in g++ 12 (GCC bug 105329)
else()
  set(warnings -w)  # no use to those who install, and a twentieth of the time
endif()
target_compile_options(starglow_flags INTERFACE ${warnings}
  -ffp-contract=off)  # the same sums on every compiler; the kernels choose their own (src/kernels)
# Hardening: what an overwritten stack or table would do ends the program instead. The kernels, which hold neither
# buffers nor pointers of others, have flags of their own. Paths of the build folder are in no binary.
target_compile_options(starglow_flags INTERFACE -fstack-protector-strong "-ffile-prefix-map=${PROJECT_SOURCE_DIR}=.")
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  if(NOT STARGLOW_SANITIZE)
    target_compile_options(starglow_flags INTERFACE "$<$<CONFIG:Release>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=2>")
  endif()
  target_link_options(starglow_flags INTERFACE -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
                      $<$<CONFIG:Release>:-Wl,--discard-all>)  # names of source files and of what is static
endif()
if(STARGLOW_SANITIZE)
  target_compile_options(starglow_flags INTERFACE -fsanitize=${STARGLOW_SANITIZE} -fno-omit-frame-pointer
                         -fno-sanitize-recover=all)
  target_link_options(starglow_flags INTERFACE -fsanitize=${STARGLOW_SANITIZE})
  target_compile_definitions(starglow_flags INTERFACE STARGLOW_SANITIZED)
endif()
if(STARGLOW_COVERAGE)
  target_compile_options(starglow_flags INTERFACE --coverage -O1)
  target_link_options(starglow_flags INTERFACE --coverage)
endif()

# starglow_precompile(TARGET [of TARGET | headers ...]): the standard headers that most sources include, read once for
# several targets of the same flags, or for one target with more headers.
function(starglow_precompile target)
  if(NOT STARGLOW_PRECOMPILE)
    return()
  endif()
  if(ARGV1 STREQUAL "of")
    target_precompile_headers(${target} REUSE_FROM ${ARGV2})
  else()
    target_precompile_headers(${target} PRIVATE <algorithm> <array> <cmath> <cstdint> <filesystem> <functional> <limits>
      <map> <memory> <optional> <span> <string> <string_view> <vector> ${ARGN})
  endif()
endfunction()

# starglow_library(NAME SOURCES ... LINKS ... PRIVATE_LINKS ...): one layer of the house.
function(starglow_library name)
  cmake_parse_arguments(arg "" "" "SOURCES;LINKS;PRIVATE_LINKS" ${ARGN})
  add_library(${name} STATIC ${arg_SOURCES})
  set_target_properties(${name} PROPERTIES POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${name})
  target_compile_features(${name} PUBLIC cxx_std_20)
  target_include_directories(${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>
    PRIVATE ${PROJECT_SOURCE_DIR}/src)
  target_link_libraries(${name} PUBLIC ${arg_LINKS} PRIVATE $<BUILD_INTERFACE:starglow_flags> ${arg_PRIVATE_LINKS})
  if(name STREQUAL starglow_base)
    starglow_precompile(${name})
  else()
    starglow_precompile(${name} of starglow_base)
  endif()
  set_property(GLOBAL APPEND PROPERTY STARGLOW_LIBRARIES ${name})
endfunction()
