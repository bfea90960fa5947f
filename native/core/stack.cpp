#include "stack.hpp"
