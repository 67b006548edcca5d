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

# scout_test(NAME FOLDERS f... [LINK target...]) builds scout/f/*_test.cc into test_NAME, known to ctest test by test.
function(scout_test name)
  cmake_parse_arguments(arg "" "" "FOLDERS;LINK" ${ARGN})
  scout_sources("${arg_FOLDERS}")
  if(NOT TARGET scout_${name} OR NOT tests)
    return()
  endif()
  add_executable(test_${name} ${tests})
  target_link_libraries(test_${name} PRIVATE scout::${name} ${arg_LINK} scout_flags GTest::gmock GTest::gtest_main)
  gtest_discover_tests(test_${name} TEST_PREFIX ${name}/ DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 ENVIRONMENT "${SCOUT_TEST_ENVIRONMENT}")
endfunction()
