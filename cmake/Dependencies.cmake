# Every third-party library the build uses. Reasons: docs/dependencies.md. Packages: scripts/setup.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(Boost REQUIRED COMPONENTS program_options)
find_package(Gloo REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(GTest REQUIRED)
find_package(OpenBLAS REQUIRED)  # cmake/FindOpenBLAS.cmake

# Optional: images in other formats than JPEG and PNG. CF_IMGCODECS=OFF leaves it out even where it is found.
option(CF_IMGCODECS "link OpenCV imgcodecs if it is found" ON)
set(CF_WITH_IMGCODECS OFF)
if(CF_IMGCODECS)
  find_package(OpenCVImgcodecs QUIET)  # cmake/FindOpenCVImgcodecs.cmake
  set(CF_WITH_IMGCODECS ${OpenCVImgcodecs_FOUND})
endif()
message(STATUS "OpenCV imgcodecs: ${CF_WITH_IMGCODECS}")

# Optional: training on several GPUs. CF_NCCL=OFF leaves it out even where it is found.
option(CF_NCCL "link NCCL if CUDA and it are found" ON)
set(CF_WITH_NCCL OFF)
if(CF_WITH_CUDA AND CF_NCCL)
  find_package(NCCL QUIET)
  set(CF_WITH_NCCL ${NCCL_FOUND})
endif()
message(STATUS "NCCL: ${CF_WITH_NCCL}")
