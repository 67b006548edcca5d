# Installation. Every installed library has its own export set, and is a component of find_package(scout): a program that
# deploys a policy finds scout::scout without having LibTorch, or anything of training, on its machine.
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)
set(scout_package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/scout)
set(scout_components)

# scout_install(NAME FOLDERS f...) installs scout::NAME, if it is built and SCOUT_INSTALL is on, and the headers in scout/f.
function(scout_install name)
  cmake_parse_arguments(arg "" "" "FOLDERS" ${ARGN})
  if(NOT TARGET scout_${name} OR NOT SCOUT_INSTALL)
    return()
  endif()
  set_target_properties(scout_${name} PROPERTIES OUTPUT_NAME scout_${name})
  install(TARGETS scout_${name} EXPORT scout_${name} ARCHIVE)
  install(EXPORT scout_${name} NAMESPACE scout:: FILE scout-${name}.cmake DESTINATION ${scout_package_folder})
  foreach(folder ${arg_FOLDERS})
    file(GLOB headers CONFIGURE_DEPENDS scout/${folder}/*.h)
    list(FILTER headers EXCLUDE REGEX "/test_[^/]*$")
    install(FILES ${headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/scout/${folder})
  endforeach()
endfunction()

function(scout_install_package)
  configure_package_config_file(cmake/scoutConfig.cmake.in ${PROJECT_BINARY_DIR}/scoutConfig.cmake
    INSTALL_DESTINATION ${scout_package_folder})
  write_basic_package_version_file(${PROJECT_BINARY_DIR}/scoutConfigVersion.cmake COMPATIBILITY SameMinorVersion)
  install(FILES ${PROJECT_BINARY_DIR}/scoutConfig.cmake ${PROJECT_BINARY_DIR}/scoutConfigVersion.cmake
    DESTINATION ${scout_package_folder})
endfunction()

# scout_package_test(NAME) runs tests/consumer/NAME.cmake: it configures projects that use Scout, and builds nothing.
function(scout_package_test name)
  add_test(NAME package/${name} COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR} -D SOURCE=${PROJECT_SOURCE_DIR}
    -D WORK=${PROJECT_BINARY_DIR}/consumer-${name} -D GENERATOR=${CMAKE_GENERATOR} -D CXX=${CMAKE_CXX_COMPILER}
    -P ${PROJECT_SOURCE_DIR}/tests/consumer/${name}.cmake)
  set_tests_properties(package/${name} PROPERTIES TIMEOUT 300 COST 50)
endfunction()

# scout_consumer_test(NAME TRAINING) tests the installed package from a project outside (tests/consumer).
function(scout_consumer_test name training)
  if(SCOUT_SANITIZE)
    set(flags -fsanitize=${SCOUT_SANITIZE})
  endif()
  add_test(NAME package/${name} COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR}
    -D WORK=${PROJECT_BINARY_DIR}/consumer-${name} -D GENERATOR=${CMAKE_GENERATOR}
    -D CXX=${CMAKE_CXX_COMPILER} -D FLAGS=${flags} -D TRAINING=${training} -P ${PROJECT_SOURCE_DIR}/tests/consumer/check.cmake)
  set_tests_properties(package/${name} PROPERTIES TIMEOUT 600 COST 100)  # the longest: begin with them
endfunction()
