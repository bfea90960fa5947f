// What a BPF program needs of the kernel's headers, without those of one architecture (bpf-helpers(7)).
#pragma once

typedef unsigned char u8, __u8;
typedef unsigned short u16, __u16, __be16, __sum16;
typedef unsigned int u32, __u32, __be32, __wsum;
typedef unsigned long long u64, __u64, __be64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
#define _LINUX_TYPES_H
#define __bitwise
#define __aligned_u64 __u64 __attribute__((aligned(8)))
#include <linux/bpf.h>

#define SECTION(name) __attribute__((section(name), used))
#define INLINE static inline __attribute__((always_inline))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define BIG16(value) ((u16)__builtin_bswap16(value))
#define BIG32(value) ((u32)__builtin_bswap32(value))
#else
#define BIG16(value) ((u16)(value))
#define BIG32(value) ((u32)(value))
#endif

static long (*load_bytes)(const void* skb, u32 offset, void* to, u32 bytes) = (void*)BPF_FUNC_skb_load_bytes;
static long (*load_bytes_relative)(const void* skb, u32 offset, void* to, u32 bytes,
                                   u32 start) = (void*)BPF_FUNC_skb_load_bytes_relative;
static void* (*map_lookup)(void* map, const void* key) = (void*)BPF_FUNC_map_lookup_elem;
static long (*map_update)(void* map, const void* key, const void* value, u64 flags) = (void*)BPF_FUNC_map_update_elem;
static long (*map_delete)(void* map, const void* key) = (void*)BPF_FUNC_map_delete_elem;
static u64 (*nanoseconds)(void) = (void*)BPF_FUNC_ktime_get_ns;

// For the loader of this project, which makes the maps of a program: in the order of their names in
// scripts/steering.mjs. Others read the types of the maps themselves.
struct map_shape {
  u32 type, key_bytes, value_bytes, entries;
};
