#include "lib/greet.h"

#include "lib/name.h"

std::string greet() { return "Hello " + std::string(name()); }
