// What both bench programs need of time, CPUs and option texts.
#pragma once

#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

enum { exit_failure = 1, exit_usage = 2 };

static inline uint64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline uint64_t timeval_ns(struct timeval t) { return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_usec * 1000u; }

// User and system time of this process. The sum is exact; only its division into the two is sampled by the kernel.
static inline uint64_t cpu_ns(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return timeval_ns(usage.ru_utime) + timeval_ns(usage.ru_stime);
}

static inline void sleep_us(long us) {
  const struct timespec t = {us / 1000000, us % 1000000 * 1000};
  nanosleep(&t, NULL);
}

_Noreturn static inline void die(const char* what) {
  perror(what);
  exit(exit_failure);
}

static inline void pin_to_cpu(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET((size_t)cpu, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) die("sched_setaffinity");
}

// A mistyped number must not become another measurement, so nothing is defaulted or clamped.
static inline uint64_t parse_number(const char* option, const char* text, uint64_t low, uint64_t high) {
  char* end = NULL;
  errno = 0;
  const unsigned long long value = strtoull(text, &end, 10);
  if (errno == 0 && *text >= '0' && *text <= '9' && *end == '\0' && value >= low && value <= high) return value;
  fprintf(stderr, "--%s takes a number from %llu to %llu, not \"%s\"\n", option, (unsigned long long)low,
          (unsigned long long)high, text);
  exit(exit_usage);
}
