// CF_INDEPENDENT_ITERATIONS before a loop: no iteration reads what another one writes, though the pointers
// alone do not show it, so the compiler may vectorise.
#pragma once

#ifdef __clang__
#define CF_INDEPENDENT_ITERATIONS  // clang's own pragma demands vectors, and warns where it makes none
#else
#define CF_INDEPENDENT_ITERATIONS _Pragma("GCC ivdep")
#endif
