# Language level, warnings, sanitizers, processor architecture: the same for every target.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Release, Debug or Sanitize" FORCE)
endif()

set(CF_SANITIZE "" CACHE STRING "value of -fsanitize=, empty for none")
set(CF_ARCHITECTURE "x86-64-v3" CACHE STRING "value of -march=; v3 has AVX2 and FMA")

set(CMAKE_CXX_FLAGS_RELEASE "-O3 -g1")
set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g -D_GLIBCXX_ASSERTIONS")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer -D_GLIBCXX_ASSERTIONS")
set(CMAKE_C_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")

# CUDA sources get their own warning flags in Cuda.cmake (nvcc's generated code is not pedantic-clean).
add_compile_options(
  "$<$<COMPILE_LANGUAGE:CXX>:-march=${CF_ARCHITECTURE};-Wall;-Wextra;-Wshadow;-Wnon-virtual-dtor;-Wold-style-cast;-Wcast-qual;-Woverloaded-virtual;-Wno-missing-field-initializers;-Werror>")

# Without CUDA, classes of the GPU keep fields that nothing uses; clang alone reports that.
add_compile_options("$<$<COMPILE_LANG_AND_ID:CXX,Clang>:-Wno-unused-private-field>")

if(CF_SANITIZE)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-fsanitize=${CF_SANITIZE};-fno-sanitize-recover=all>")
  add_link_options(-fsanitize=${CF_SANITIZE})
endif()

find_program(CF_CCACHE ccache)
if(CF_CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CF_CCACHE})
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CF_CCACHE})
endif()
