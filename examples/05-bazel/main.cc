#include <fstream>
#include <iostream>

#include "names.h"

int main(int argc, char **argv) {
  std::string greeting;
  std::getline(std::ifstream("/etc/greet.conf"), greeting);
  for (const std::string &name : names(argc, argv))
    std::cout << greeting << ' ' << name << '\n';
}
