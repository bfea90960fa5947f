// Linked from an archive: a test that needs its own main() simply defines one.
#include "test/check.hpp"

int main(int argc, char** argv) { return fanout::test::run(argc, argv); }
