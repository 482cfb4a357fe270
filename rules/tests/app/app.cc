#include <zlib.h>

#include <iostream>

#include "lib/greet.h"

int main() {
  std::cout << greet() << " " << (zlibVersion()[0] == '1') << std::endl;
  return 0;
}
