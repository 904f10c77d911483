# CUDA is optional: with nvcc the .cu files are compiled and place Cuda exists; without it the same program has one
# place fewer. CF_CUDA=OFF leaves it out even where it is found.

option(CF_CUDA "compile the CUDA sources if nvcc is found" ON)
set(CF_CUDA_ARCHITECTURES "80-virtual;90a-real" CACHE STRING "architectures: PTX of 8.0 runs on everything newer")
set(CF_WITH_CUDA OFF)

if(CF_CUDA)
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  endif()
  set(CMAKE_CUDA_ARCHITECTURES ${CF_CUDA_ARCHITECTURES})
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    # CMake 3.25 does not know the C++20 flag of nvcc 13.
    if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
      set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION "-std=c++20")
      set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION "-std=c++20")
    endif()
    set(CMAKE_CUDA_STANDARD 20)
    set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
    set(CMAKE_CUDA_FLAGS_RELEASE "-O3 -lineinfo")
    add_compile_options(
      "$<$<COMPILE_LANGUAGE:CUDA>:--expt-relaxed-constexpr;--extended-lambda;-Xcompiler=-Wall;-Xcompiler=-Wextra;-Werror=all-warnings>")
    find_package(CUDAToolkit REQUIRED)
    set(CF_WITH_CUDA ON)
  endif()
endif()
message(STATUS "CUDA: ${CF_WITH_CUDA}")
