#include "lib/name.h"

const char *name() { return "World"; }
