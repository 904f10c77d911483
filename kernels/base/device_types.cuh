// Element types on the device: conversion by the hardware's instructions, and 16-byte packs.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>

#include "kernels/base/dtype.h"

namespace cf {

__device__ inline float to_float(float x) { return x; }
__device__ inline float to_float(Half x) { return __half2float(__ushort_as_half(x.bits)); }
__device__ inline float to_float(BFloat16 x) { return __bfloat162float(__ushort_as_bfloat16(x.bits)); }

template <class T>
__device__ inline T from_float(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
    T out;
    if constexpr (std::is_same_v<T, Half>) {
      out.bits = __half_as_ushort(__float2half_rn(x));
    } else {
      out.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
    }
    return out;
  }
}

// `n` neighbouring elements, moved by one instruction; the pointer must be aligned to the pack's size.
template <class T, int n>
struct alignas(sizeof(T) * n) Pack {
  T value[n];
};

template <class T, int n>
__device__ inline Pack<T, n> load_pack(const T* pointer) {
  return *reinterpret_cast<const Pack<T, n>*>(pointer);
}

template <class T, int n>
__device__ inline void store_pack(T* pointer, const Pack<T, n>& pack) {
  *reinterpret_cast<Pack<T, n>*>(pointer) = pack;
}

// Elements of T in 16 bytes.
template <class T>
inline constexpr int kPack = 16 / static_cast<int>(sizeof(T));

}  // namespace cf
