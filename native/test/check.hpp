// The smallest test harness that does the job: TEST defines a case, CHECK and CHECK_EQ report and go on. main.cpp runs
// all cases of the executable, or those that the arguments name.
#pragma once

#include <concepts>
#include <cstdio>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace fanout::test {

struct Case {
  const char* name;
  void (*body)();
};

inline std::vector<Case>& cases() {
  static std::vector<Case> all;
  return all;
}

inline int& failures() {
  static int count = 0;
  return count;
}

struct Register {
  Register(const char* name, void (*body)()) { cases().push_back({name, body}); }
};

// One line that says which row of a table, or which seed, the checks of the innermost scope belong to.
class Note {
 public:
  explicit Note(std::string text) { stack().push_back(std::move(text)); }
  ~Note() { stack().pop_back(); }
  Note(const Note&) = delete;
  Note& operator=(const Note&) = delete;
  static std::vector<std::string>& stack() {
    thread_local std::vector<std::string> notes;
    return notes;
  }
};

template <typename T>
std::string shown(const T& value) {
  std::ostringstream out;
  if constexpr (std::is_enum_v<T>)
    out << +static_cast<std::underlying_type_t<T>>(value);
  else if constexpr (std::is_same_v<T, bool>)
    out << (value ? "true" : "false");
  else if constexpr (std::integral<T>)
    out << +value;
  else if constexpr (requires { out << value; })
    out << value;
  else
    out << "(a value that cannot be printed)";
  return out.str();
}

// A broken property fails for thousands of packets: the first ones tell the story.
inline void report_failure(const char* file, int line, const std::string& what) {
  constexpr int shown_max = 20;
  if (failures()++ >= shown_max) return;
  std::fprintf(stderr, "%s:%d: %s\n", file, line, what.c_str());
  for (const std::string& note : Note::stack()) std::fprintf(stderr, "    in %s\n", note.c_str());
}

inline bool check(bool holds, const char* text, const char* file, int line) {
  if (!holds) report_failure(file, line, std::string{"CHECK("} + text + ") failed");
  return holds;
}

// Integers of different signedness compare by value, as in std::cmp_equal.
template <typename A, typename B>
bool check_equal(const A& actual, const B& expected, const char* text, const char* file, int line) {
  bool equal = false;
  if constexpr (std::integral<A> && std::integral<B> && !std::is_same_v<A, bool> && !std::is_same_v<B, bool>) {
    equal = (actual < A{0}) == (expected < B{0}) && static_cast<long long>(actual) == static_cast<long long>(expected);
  } else {
    equal = actual == expected;
  }
  if (!equal)
    report_failure(file, line, std::string{text} + ": got " + shown(actual) + ", expected " + shown(expected));
  return equal;
}

// By a part of the name, or by its end where the pattern ends with "$".
inline bool is_named(std::string_view name, std::string_view pattern) {
  if (pattern.ends_with('$')) return name.ends_with(pattern.substr(0, pattern.size() - 1));
  return name.find(pattern) != std::string_view::npos;
}

inline int run(int argc, char** argv) {
  int ran = 0;
  for (const Case& test : cases()) {
    bool wanted = argc < 2;
    for (int i = 1; i < argc; ++i) wanted = wanted || is_named(test.name, argv[i]);
    if (!wanted) continue;
    const int before = failures();
    test.body();
    ++ran;
    if (failures() != before) std::fprintf(stderr, "FAILED %s\n", test.name);
  }
  std::printf("%d cases, %d failed checks\n", ran, failures());
  // No case at all is a mistake in the name or in the build, never a success.
  return failures() == 0 && ran > 0 ? 0 : 1;
}

}  // namespace fanout::test

#define TEST(name)                                                            \
  static void test_##name();                                                  \
  static const ::fanout::test::Register register_##name{#name, &test_##name}; \
  static void test_##name()

// Both give whether the check held, so that a case can stop early.
#define CHECK(condition) ::fanout::test::check(static_cast<bool>(condition), #condition, __FILE__, __LINE__)
#define CHECK_EQ(actual, expected) \
  ::fanout::test::check_equal((actual), (expected), #actual " == " #expected, __FILE__, __LINE__)
