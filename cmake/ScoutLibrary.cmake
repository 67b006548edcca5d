# scout_library(): one static library a concept. scout_test(): its tests in one GoogleTest program.

# Warnings, sanitizers and floating-point flags, for our own sources only: never exported.
add_library(scout_flags INTERFACE)
target_compile_options(scout_flags INTERFACE -Wall -Wextra -Wshadow -Wpedantic -fno-math-errno -fno-trapping-math)
target_compile_definitions(scout_flags INTERFACE SCOUT_VERSION="${PROJECT_VERSION}")
if(SCOUT_SANITIZE)
  # Everything in the tree, the tests' own libraries included, has to be built with the same sanitizers.
  add_compile_options(-fsanitize=${SCOUT_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=${SCOUT_SANITIZE})
endif()

# The sources of some folders below scout/, split into those of the library and its tests (NAME_test.cc).
macro(scout_sources folders)
  set(sources)
  set(tests)
  foreach(folder ${folders})
    file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scout/${folder}/*.cc)
    list(APPEND sources ${found})
  endforeach()
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
endmacro()

# scout_library(NAME FOLDERS f... [EXCLUDE file...] [PUBLIC target...] [PRIVATE target...])
# defines scout::NAME from the sources in scout/f.
function(scout_library name)
  cmake_parse_arguments(arg "" "" "FOLDERS;EXCLUDE;PUBLIC;PRIVATE" ${ARGN})
  scout_sources("${arg_FOLDERS}")
  foreach(excluded ${arg_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX "/${excluded}$")
  endforeach()
  if(NOT sources)
    return()
  endif()
  set(target scout_${name})
  add_library(${target} STATIC ${sources})
  add_library(scout::${name} ALIAS ${target})
  set_target_properties(${target} PROPERTIES EXPORT_NAME ${name})
  target_include_directories(${target} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_link_libraries(${target} PUBLIC ${arg_PUBLIC} PRIVATE $<BUILD_INTERFACE:scout_flags> ${arg_PRIVATE})
endfunction()

# scout_embed_policies(NAME) makes the files policies/*.scout part of scout::NAME, as the table of shipped.h.
function(scout_embed_policies name)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/policies/*.scout)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(arrays)
  set(entries)
  set(index 0)
  foreach(path ${files})
    get_filename_component(policy ${path} NAME_WE)
    file(READ ${path} bytes HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${bytes}")
    string(APPEND arrays "constexpr unsigned char policy_${index}[]{${bytes}};\n")
    string(APPEND entries "      {\"${policy}\", policy_${index}},\n")
    math(EXPR index "${index} + 1")
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/shipped_table.cc CONTENT
    "#include \"scout/policy/shipped.h\"\n\nnamespace scout {\nnamespace {\n${arrays}}  // namespace\n
std::span<const ShippedPolicy> shipped_policies() {\n  static const ShippedPolicy table[]{\n${entries}  };\n  return table;\n}\n}  // namespace scout\n")
  target_sources(scout_${name} PRIVATE ${PROJECT_BINARY_DIR}/generated/shipped_table.cc)
endfunction()

# scout_embed_nist(NAME) makes the data sets scout/problem/real/nist/*.dat part of scout::NAME, as nist_text() of nist_data.h.
function(scout_embed_nist name)
  file(GLOB files CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/scout/problem/real/nist/*.dat)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${files})
  set(branches)
  foreach(path ${files})
    get_filename_component(data ${path} NAME_WE)
    file(READ ${path} text)
    string(APPEND branches "  if (name == \"${data}\") return R\"nist(${text})nist\";\n")
  endforeach()
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/nist_text.cc @ONLY CONTENT
    "#include <stdexcept>\n#include <string>\n\n#include \"scout/problem/real/nist_data.h\"\n\nnamespace scout {
std::string_view nist_text(std::string_view name) {\n${branches}
  throw std::invalid_argument(\"no NIST data set '\" + std::string(name) + \"'\");\n}\n}  // namespace scout\n")
  target_sources(scout_${name} PRIVATE ${PROJECT_BINARY_DIR}/generated/nist_text.cc)
endfunction()

# scout_test(NAME FOLDERS f... [LINK target...]) builds scout/f/*_test.cc into test_NAME, known to ctest test by test. LibTorch
# has one thread in them: ctest runs several at once, and OpenMP's threads spin for each other where there are too many.
function(scout_test name)
  cmake_parse_arguments(arg "" "" "FOLDERS;LINK" ${ARGN})
  scout_sources("${arg_FOLDERS}")
  if(NOT TARGET scout_${name} OR NOT tests)
    return()
  endif()
  add_executable(test_${name} ${tests})
  target_link_libraries(test_${name} PRIVATE scout::${name} ${arg_LINK} scout_flags GTest::gmock GTest::gtest_main)
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}/ NO_PRETTY_VALUES DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 ENVIRONMENT OMP_NUM_THREADS=1)
endfunction()

# scout_example(NAME LIBRARY [LINK target...]) builds examples/NAME.cc, if there is scout::LIBRARY, and runs it as a test.
function(scout_example name library)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  if(NOT TARGET scout_${library})
    return()
  endif()
  add_executable(example_${name} ${PROJECT_SOURCE_DIR}/examples/${name}.cc)
  target_link_libraries(example_${name} PRIVATE scout::${library} ${arg_LINK} scout_flags)
  add_test(NAME examples/${name} COMMAND example_${name})
endfunction()

# scout_benchmark(NAME [source...] LINK target...) builds benchmarks/NAME.cc and the sources, as part of the target `benchmarks`
# alone.
function(scout_benchmark name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  add_executable(${name} EXCLUDE_FROM_ALL benchmarks/${name}.cc ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PRIVATE ${arg_LINK} CLI11::CLI11 scout_flags)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/benchmarks)
  if(NOT TARGET benchmarks)
    add_custom_target(benchmarks)
  endif()
  add_dependencies(benchmarks ${name})
endfunction()
