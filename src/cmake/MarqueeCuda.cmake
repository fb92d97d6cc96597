# The CUDA language, its flags and the architectures. Not find_package(CUDAToolkit): that of CMake 3.25 fails with CUDA 13
# (it looks for nvToolsExt), and nothing is needed but the compiler and the static runtime.

set(
  MARQUEE_CUDA_ARCHITECTURES
  "80;86;89;90;100;120"
  CACHE STRING
  "Compute capabilities to compile for: 80 A100, 86 Ampere RTX, 89 Ada, 90 Hopper, 100 and 120 Blackwell"
)
list(TRANSFORM MARQUEE_CUDA_ARCHITECTURES REPLACE "^([0-9]+)$" "\\1-real" OUTPUT_VARIABLE CMAKE_CUDA_ARCHITECTURES)
set(CMAKE_CUDA_RUNTIME_LIBRARY Static) # the binary starts where there is no CUDA
if(NOT CMAKE_CUDA_HOST_COMPILER)
  set(CMAKE_CUDA_HOST_COMPILER ${CMAKE_CXX_COMPILER})
endif()
enable_language(CUDA)
if(NOT CMAKE_CUDA_COMPILER_ID STREQUAL "NVIDIA" OR CMAKE_CUDA_COMPILER_VERSION VERSION_LESS 12.8)
  message(
    FATAL_ERROR
    "the CUDA engine needs nvcc 12.8 or newer; ${CMAKE_CUDA_COMPILER} is ${CMAKE_CUDA_COMPILER_ID} "
    "${CMAKE_CUDA_COMPILER_VERSION}. Set CMAKE_CUDA_COMPILER, or use ./dev build --cuda, which fetches one."
  )
endif()
if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION) # CMake 3.25 does not know that nvcc can
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
endif()
if(CCACHE)
  # By content: a compiler that was fetched anew is the same compiler.
  set(
    CMAKE_CUDA_COMPILER_LAUNCHER
    ${CMAKE_COMMAND}
    -E
    env
    CCACHE_COMPILERCHECK=content
    ${CCACHE}
  )
endif()

target_compile_options(
  marquee_flags
  INTERFACE
    "$<$<COMPILE_LANGUAGE:CUDA>:-Werror=all-warnings>"
    "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr>" # core's constexpr functions are called by kernels
    "$<$<COMPILE_LANGUAGE:CUDA>:-lineinfo>"
)
