# OpenCV's imgcodecs alone: Debian's package of one module has no CMake configuration, and OpenCV's own wants all modules.
# Target: OpenCV::imgcodecs
find_path(OpenCVImgcodecs_INCLUDE_DIR NAMES opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4)
find_library(OpenCVImgcodecs_LIBRARY NAMES opencv_imgcodecs)
find_library(OpenCVCore_LIBRARY NAMES opencv_core)
mark_as_advanced(OpenCVImgcodecs_INCLUDE_DIR OpenCVImgcodecs_LIBRARY OpenCVCore_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(OpenCVImgcodecs REQUIRED_VARS OpenCVImgcodecs_LIBRARY OpenCVCore_LIBRARY
                                  OpenCVImgcodecs_INCLUDE_DIR)
if(OpenCVImgcodecs_FOUND AND NOT TARGET OpenCV::imgcodecs)
  add_library(OpenCV::imgcodecs UNKNOWN IMPORTED)
  set_target_properties(OpenCV::imgcodecs PROPERTIES IMPORTED_LOCATION ${OpenCVImgcodecs_LIBRARY}
                        INTERFACE_INCLUDE_DIRECTORIES ${OpenCVImgcodecs_INCLUDE_DIR}
                        INTERFACE_LINK_LIBRARIES ${OpenCVCore_LIBRARY})
endif()
