# Asks the package of a build for components, as other projects do, on machines that lack what some of them need.
#   cmake -D BUILD=... -D WORK=... -D GENERATOR=... -D CXX=... -P components.cmake
include(${CMAKE_CURRENT_LIST_DIR}/expect.cmake)

run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
file(GLOB_RECURSE torch ${WORK}/prefix/scout-torch.cmake)

# asks(NAME CALL ARGUMENT...) configures a project that calls find_package(scout CALL), and then prints what was found.
function(asks name call)
  configure(${name} "find_package(scout ${call})
message(STATUS \"found: \${scout_FOUND} torch: \${scout_torch_FOUND} training: \${scout_training_FOUND}\")
foreach(component scout data problem training torch)
  if(TARGET scout::\${component})
    message(STATUS \"target \${component}\")
  endif()
endforeach()
" -DCMAKE_PREFIX_PATH=${WORK}/prefix ${ARGN})
  set(status ${status} PARENT_SCOPE)
  set(output "${output}" PARENT_SCOPE)
endfunction()
set(no_torch -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON)
set(no_fmt -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON)

asks(plain "0.1 REQUIRED" ${no_torch} ${no_fmt})
succeeds("found: 1 torch:  training: \n" "target scout\n")

asks(optional "0.1 REQUIRED OPTIONAL_COMPONENTS torch" ${no_torch})
succeeds("found: 1 torch: FALSE" "target scout\n")
lacks("target torch")

asks(required "0.1 REQUIRED COMPONENTS torch" ${no_torch})
fails("component torch needs Torch, which was not found")

asks(quiet "0.1 QUIET COMPONENTS torch" ${no_torch})
succeeds("found: 0 torch: FALSE")

asks(unknown "0.1 REQUIRED OPTIONAL_COMPONENTS nonsense")
succeeds("found: 1")

asks(misspelled "0.1 REQUIRED COMPONENTS trainig")
fails("trainig")

if(torch)
  asks(mixed "0.1 REQUIRED COMPONENTS problem OPTIONAL_COMPONENTS training torch" ${no_torch} ${no_fmt})
  succeeds("found: 1 torch: FALSE training: FALSE" "target data" "target problem")
  lacks("target training")

  asks(all "0.1 REQUIRED COMPONENTS training torch")
  succeeds("found: 1 torch: TRUE training: TRUE" "target problem" "target training" "target torch")
endif()

asks(newer "9.0" ${no_torch})
succeeds("found: 0 ")
