#pragma once
#include <string>
#include <vector>

std::vector<std::string> names(int argc, char **argv);
