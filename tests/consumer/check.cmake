# Installs a build and builds and runs a project that uses it.
#   cmake -D BUILD=... -D WORK=... -D GENERATOR=... -D CXX=... -D FLAGS=... -D TRAINING=ON|OFF -P check.cmake
foreach(variable BUILD WORK GENERATOR CXX TRAINING)
  if(NOT DEFINED ${variable})
    message(FATAL_ERROR "check.cmake: give -D ${variable}=")
  endif()
endforeach()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "failed: ${ARGN}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE ${WORK})
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)
if(NOT TRAINING)
  set(without -DCMAKE_DISABLE_FIND_PACKAGE_Torch=ON -DCMAKE_DISABLE_FIND_PACKAGE_fmt=ON)
endif()
run(${CMAKE_COMMAND} -G ${GENERATOR} -S ${CMAKE_CURRENT_LIST_DIR} -B ${WORK}/build
  -DCMAKE_PREFIX_PATH=${WORK}/prefix -DTRAINING=${TRAINING} -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_COMPILER=${CXX} "-DCMAKE_CXX_FLAGS=${FLAGS}" ${without})
run(${CMAKE_COMMAND} --build ${WORK}/build)
run(${CMAKE_COMMAND} -E chdir ${WORK}/build ./consumer)
message("${output}")
if(TRAINING)
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ./network)
  message("${output}")
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ./own_problem)
  message("${output}")
  # The program finds the configs and suites that are installed with it.
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ${WORK}/prefix/bin/scout train demo --out trained
    --set rounds=1 dimensions=2 problems=sphere validation.instances=1)
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ${WORK}/prefix/bin/scout bench demo --out bench --policy trained/policy.scout
    --set instances=1 seeds=1 validation=1 dimensions=2 problems=sphere optimizers=sgd)
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ${WORK}/prefix/bin/scout train surfaces --out again
    --set rounds=1 dimensions=2 problems=sphere validation.instances=1 rollout.horizon=60)
  run(${CMAKE_COMMAND} -E chdir ${WORK}/build ${WORK}/prefix/bin/scout bench real-problems --out real --policy surfaces
    --set instances=1 seeds=1 budgets=50 problems=ode-fit optimizers=[])
endif()

if(NOT TRAINING)
  # Deployment carries nothing of training, neither in the program nor in the archive that it links.
  file(GLOB_RECURSE archive ${WORK}/prefix/libscout_scout.a)
  foreach(tool "ldd;${WORK}/build/consumer" "nm;-C;${WORK}/build/consumer" "nm;-C;${archive}")
    run(${tool})
    string(REGEX MATCH "[^\n]*(libtorch|libc10|at::Tensor|scout::Ddpg|scout::Replay|scout::Ensemble|scout::Trainer)[^\n]*" found "${output}")
    if(found)
      message(FATAL_ERROR "deployment contains training: ${found}")
    endif()
  endforeach()
endif()
