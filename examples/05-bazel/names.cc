#include "names.h"

std::vector<std::string> names(int argc, char **argv) {
  if (argc < 2) return {"World"};
  return {argv + 1, argv + argc};
}
