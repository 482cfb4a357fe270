#include <string>

std::string greet();
