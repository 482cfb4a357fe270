#pragma once
#include <string>

std::string punctuation();
